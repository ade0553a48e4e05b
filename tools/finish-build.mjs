// After tsc: writes the ES module faces of the CommonJS build, so that `import` and `require`
// share one copy of all state (one build, two doors).
import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const dist = fileURLToPath(new URL('../dist/lib/', import.meta.url));

for (const name of ['index', 'engine']) {
  if (!existsSync(`${dist}${name}.js`)) continue;
  const names = Object.keys(require(`${dist}${name}.js`)).filter((key) => key !== 'default');
  const body = names.map((key) => `export const ${key} = cjs.${key};`).join('\n');
  writeFileSync(`${dist}${name}.mjs`, `import cjs from './${name}.js';\n${body}\n`);
  copyFileSync(`${dist}${name}.d.ts`, `${dist}${name}.d.mts`);
}
if (existsSync(`${dist}cli/main.js`)) chmodSync(`${dist}cli/main.js`, 0o755);
