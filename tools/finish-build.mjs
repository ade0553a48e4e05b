// After tsc: writes the ES modules that re-export the CommonJS build, so that `import` and `require` share
// all state (ADR 1). Their types re-export those of the CommonJS files. The default export is the module
// itself, because `import sightline from 'sightline'` type-checks with `esModuleInterop`.
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const dist = fileURLToPath(new URL('../dist/lib/', import.meta.url));

/** Marks added text: `tsc --incremental` does not rewrite unchanged files. */
const MARK = '// The module itself, by tools/finish-build.mjs.';

/** Files of dist/lib, and the names under which `exports` of package.json gives them. */
const ENTRIES = [
  ['index', 'sightline'],
  ['engine', 'sightline/engine'],
  ['server/index', 'sightline/server'],
];

for (const [entry, specifier] of ENTRIES) {
  const file = `${dist}${entry}`;
  const name = path.basename(entry);
  if (!existsSync(`${file}.js`)) continue;
  const names = Object.keys(require(`${file}.js`)).filter((key) => key !== 'default');
  append(`${file}.js`, `Object.defineProperty(exports, 'default', { value: module.exports });`);
  append(`${file}.d.ts`, `declare const self: typeof import('./${name}');\nexport default self;`);
  const body = names.map((key) => `export const ${key} = cjs.${key};`).join('\n');
  writeFileSync(`${file}.mjs`, `${door(entry, specifier)}export default cjs;\n${body}\n`);
  writeFileSync(
    `${file}.d.mts`,
    `import * as cjs from './${name}.js';\nexport * from './${name}.js';\nexport default cjs;\n`,
  );
}
if (existsSync(`${dist}cli/main.js`)) chmodSync(`${dist}cli/main.js`, 0o755);

/**
 * Not `import cjs from './index.js'`: a bundler would follow it and produce an ES module that cannot
 * `require`. Instead the package is resolved at run time, beside this file or, from a bundle, by its name.
 */
function door(entry, specifier) {
  return `import { createRequire } from 'node:module';
// A CommonJS bundle has __filename instead of import.meta.url.
const here = import.meta.url ?? (typeof __filename === 'string' ? __filename : process.argv[1]);
const load = createRequire(here);
function open() {
  if (here.endsWith('/dist/lib/${entry}.mjs')) {
    try {
      return load('./${path.basename(entry)}.js');
    } catch (error) {
      // Some bundlers store the path at build time.
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  try {
    return load('${specifier}');
  } catch (cause) {
    const message =
      'sightline was bundled and is not installed where the bundle runs: leave it out of the bundle ' +
      '(esbuild --external:sightline or --packages=external, rollup external: [/^sightline/], ' +
      "Next.js serverExternalPackages: ['sightline']) and install it there. Reason: ";
    throw Object.assign(new Error(message + cause.message, { cause }), { code: 'ERR_ADDON_LOAD' });
  }
}
const cjs = open();
`;
}

function append(file, text) {
  const before = readFileSync(file, 'utf8');
  if (!before.includes(MARK)) appendFileSync(file, `\n${MARK}\n${text}\n`);
}
