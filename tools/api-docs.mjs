// Writes docs/reference/API.md from the declarations of the build: each export of both entries with its
// comment and its declaration, private members left out. `--check` only compares, for the tests.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import prettier from 'prettier';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = path.join(root, 'docs/reference/API.md');
const entry = (name) => path.join(root, `dist/lib/${name}.d.ts`);

const HEAD = `# API

Generated from the types by \`npm run docs:api\`; do not edit. Guides with examples: [engine](../guide/ENGINE.md),
[embedding service](../guide/SERVICE.md), [PostgreSQL](../guide/PGVECTOR.md), [vector files](../guide/VECTOR-FILES.md).
Every error has a \`code\`: [ERRORS.md](ERRORS.md).
`;

/** Sections of the page: folders of \`lib\` that declare exports. */
const SECTIONS = [
  ['Library', 'library/'],
  ['Queries, results and reports', 'base/types'],
  ['Embedding service', 'service/'],
  ['Caches', 'stores/cache'],
  ['Vectors in PostgreSQL', 'stores/vectors'],
  ['Models and encoders', ''],
];

const LABELS = { returns: 'Returns', throws: 'Throws' };

const program = ts.createProgram([entry('index'), entry('engine'), entry('server/index')], {
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  skipLibCheck: true,
});
const checker = program.getTypeChecker();

/** Exports of an entry by name, each with its declarations. */
function exportsOf(name) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry(name)));
  const found = new Map();
  for (const symbol of checker.getExportsOfModule(module)) {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const { declarations = [] } = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
    if (symbol.name !== 'default') found.set(symbol.name, declarations);
  }
  return found;
}

const HIDDEN = new Set([ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword]);
const isPrivate = (member) =>
  member.modifiers?.some(({ kind }) => HIDDEN.has(kind)) ||
  (member.name !== undefined && ts.isPrivateIdentifier(member.name));

/** The text of a declaration, without private and internal members. */
function textOf(declaration) {
  const file = declaration.getSourceFile();
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  // ERRORS.md has this long table.
  if (declaration.name?.text === 'ERROR_CODES')
    return 'const ERROR_CODES: object; // every code of ERRORS.md, with its class and its HTTP status';
  let text = '';
  let from = node.getStart(file);
  for (const member of ts.isClassDeclaration(node) ? node.members.filter(isPrivate) : []) {
    text += file.text.slice(from, member.getFullStart());
    from = member.end;
  }
  return (text + file.text.slice(from, node.end)).replace(/^export (declare )?/, '');
}

function commentOf(declaration) {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  return docs.map((doc) => proseOf(doc)).join('\n\n');
}

function proseOf(doc) {
  const tags = (doc.tags ?? []).map((tag) => {
    const what = tag.name === undefined ? LABELS[tag.tagName.text] : `\`${tag.name.getText()}\``;
    return `- ${what ?? tag.tagName.text}: ${ts.getTextOfJSDocComment(tag.comment) ?? ''}`;
  });
  return [ts.getTextOfJSDocComment(doc.comment) ?? '', tags.join('\n')].join('\n\n').trim();
}

function section(title, names, all) {
  const parts = [...names]
    .sort((a, b) => a.localeCompare(b, 'en'))
    .map((name) => {
      const declarations = all.get(name);
      const comment = declarations.map(commentOf).filter(Boolean).join('\n\n');
      return `### ${name}\n\n${comment}\n\n\`\`\`ts\n${declarations.map(textOf).join('\n')}\n\`\`\`\n`;
    });
  return `## ${title}\n\n${parts.join('\n')}`;
}

const engine = exportsOf('engine');
const all = exportsOf('index');
const server = exportsOf('server/index');
// The entries have different types named `SearchOptions`.
const rest = new Set([...all.keys()].filter((name) => all.get(name)[0] !== engine.get(name)?.[0]));
const text = [HEAD];
for (const [title, folder] of SECTIONS) {
  const names = [...rest].filter((name) => {
    const file = all.get(name)[0].getSourceFile().fileName;
    return path.relative(path.join(root, 'dist/lib'), file).startsWith(folder);
  });
  names.forEach((name) => rest.delete(name));
  text.push(section(`${title} (\`sightline\`)`, names, all));
}
text.push(
  section('Server in a program (`sightline/server`)', server.keys(), server),
  section('Vector engine (`sightline/engine`, also in `sightline`)', engine.keys(), engine),
);

const options = await prettier.resolveConfig(page);
const made = await prettier.format(text.join('\n'), { ...options, filepath: page });
if (!process.argv.includes('--check')) writeFileSync(page, made);
else if (readFileSync(page, 'utf8') !== made) {
  console.error('docs/reference/API.md is stale: npm run build:ts && npm run docs:api');
  process.exitCode = 1;
}
