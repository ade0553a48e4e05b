/** Links of the documents lead somewhere, files that sources name exist, and the API page is that of the build. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(path.join(root, folder), { encoding: 'utf8', recursive: true })
    .map((file) => path.join(folder, file))
    .filter((file) => pattern.test(file));
}

const pages = [
  ...readdirSync(root).filter((file) => file.endsWith('.md')),
  ...filesBelow('docs', /\.md$/),
  'models/builtin/README.md',
];

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Relative links of a page that lead nowhere. */
function deadLinks(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : path.join(path.dirname(page), file);
    if (!existsSync(path.join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target === page ? text : read(target)).has(anchor);
  });
}

test('every relative link leads to a file, and its anchor to a heading', () => {
  assert.ok(pages.length > 20);
  const dead = pages.flatMap((page) =>
    deadLinks(page, read(page)).map((link) => `${page}: ${link}`),
  );
  assert.equal(dead, []);
  const wrong =
    '[a](gone.md) [b](docs/adr) [c](#none) [d](#first-words) [e](https://x.y)\n## First words!';
  assert.equal(deadLinks('README.md', wrong), ['gone.md', '#none']);
});

test('every document that a source names exists', () => {
  const sources = ['lib', 'sample', 'native', 'test', 'tools', 'bench', 'web'].flatMap((folder) =>
    filesBelow(folder, /\.(ts|mjs|js|cc|h|sh|html)$/),
  );
  const decisions = readdirSync(path.join(root, 'docs/adr')).map((file) => file.slice(0, 4));
  const missing = sources.flatMap((file) =>
    [...read(file).matchAll(/docs\/(?:adr\/(\d{4})|[\w/-]+\.md)/g)]
      .filter(([name, number]) =>
        number === undefined ? !existsSync(path.join(root, name)) : !decisions.includes(number),
      )
      .map(([name]) => `${file}: ${name}`),
  );
  assert.equal(missing, []);
});

test('the API page is that of the build', () => {
  const check = spawnSync(process.execPath, [path.join(root, 'tools/api-docs.mjs'), '--check'], {
    encoding: 'utf8',
  });
  assert.is(check.status, 0, check.stderr);
});

test.run();
