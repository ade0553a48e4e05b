// Plants bugs in TypeScript and in the page, one at a time, in a copy of the built tree, and checks that the
// named test detects each (docs/TESTING.md). planted-bugs.mjs does the same for the native core.
//
//   node tools/planted-script-bugs.mjs [part of a bug's name ...]
//
// Needs `npm run build`. The copy is in build/planted-scripts. Without a bug the same tests must pass there.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const copy = path.join(root, 'build/planted-scripts');
/** What tests read beside their own code; `tools` runs them. */
const COPIED = ['dist', 'web', 'models', 'test/golden', 'tools', 'package.json'];
const LINKED = ['node_modules', 'build/Release'];

/** Each: description, file, old and new text, and the test file that must fail. */
const BUGS = [
  {
    name: 'page: a row whose end is out of sight is not shown',
    file: 'web/layout.js',
    change: [
      'firstWhere((row) => row.y > bottom)',
      'firstWhere((row) => row.y + row.height > bottom)',
    ],
    by: 'unit/page-modules',
  },
  {
    name: 'page: an arrow key goes to the first tile of the next row',
    file: 'web/layout.js',
    change: ['distance(box) < distance(best) ? box : best', 'best'],
    by: 'unit/page-modules',
  },
  {
    name: 'page: a copied link forgets that every frame is a result',
    file: 'web/state.js',
    change: ["  if (state.each) params.set('each', '1');\n", ''],
    by: 'unit/page-modules',
  },
  {
    name: 'page: the reason why new files could not be read is not shown',
    file: 'web/sync.js',
    change: ["else if (sync.state === 'failed')", "else if (sync.state === 'broken')"],
    by: 'integration/page-access',
  },
  {
    name: 'guard: another site may embed pages of this one',
    file: 'lib/server/guards/access.ts',
    change: ["    if (headers['sec-fetch-dest'] !== 'document') return false;\n", ''],
    by: 'unit/server-rules',
  },
  {
    name: 'guard: one guess too many at a token',
    file: 'lib/server/guards/token.ts',
    change: ['recent.count >= this.wrongPerMinute', 'recent.count > this.wrongPerMinute'],
    by: 'unit/server-rules',
  },
  {
    name: 'guard: a second Host header passes',
    file: 'lib/server/guards/security.ts',
    change: ["countOf(request.raw, 'host') !== 1 || ", ''],
    by: 'integration/server-guards',
  },
  {
    name: 'guard: reading needs no token',
    file: 'lib/server/guards/security.ts',
    change: ['|| isPublic(request)) return;', '|| isPublic(request) || isRead) return;'],
    by: 'integration/server-guards',
  },
  {
    name: 'guard: who left the queue keeps the place',
    file: 'lib/server/guards/gate.ts',
    change: ['this.#waiting.delete(waiter);\n        reject', 'reject'],
    by: 'unit/server-rules',
  },
  {
    name: 'pipeline: a library that is gone as a whole is forgotten',
    file: 'lib/pipeline/plan/absence.ts',
    change: ['missing.length === expected)', 'missing.length > expected)'],
    by: 'unit/pipeline-absence',
  },
  {
    name: 'pipeline: a disk that is not there is not noticed',
    file: 'lib/pipeline/plan/absence.ts',
    change: ['sight.volumes[folder] === undefined,', 'sight.volumes[folder] === 0,'],
    by: 'unit/pipeline-absence',
  },
  {
    name: 'pipeline: a changed file with its old modification time is left alone',
    file: 'lib/pipeline/plan/plan.ts',
    change: [' && (row.ctimeMs === null || row.ctimeMs === file.ctimeMs)', ''],
    by: 'unit/pipeline-plan',
  },
  {
    name: 'pipeline: two moved files get the frames of one',
    file: 'lib/pipeline/plan/plan.ts',
    change: ['byHash.get(hash)?.shift()', 'byHash.get(hash)?.[0]'],
    by: 'unit/pipeline-plan',
  },
  {
    name: 'search: a frame finds itself',
    file: 'lib/search/searcher.ts',
    change: ['frame === undefined || frame.frameId === limits.self', 'frame === undefined'],
    by: 'integration/library.test',
  },
  {
    name: 'search: the opposite of a query is half like it',
    file: 'lib/search/similarity.ts',
    change: ['Math.min(1, Math.max(0, cosine))', 'Math.min(1, (1 + cosine) / 2)'],
    by: 'integration/server-search',
  },
  {
    name: 'search: the other moments of a video are not counted',
    file: 'lib/search/fold.ts',
    change: ['group.others++;', ''],
    by: 'integration/server-search',
  },
  {
    name: 'encode: every text model takes its first position for the mean',
    file: 'lib/encode/towers/pooling.ts',
    change: ["if (pooling === 'first')", "if (pooling !== 'none')"],
    by: 'integration/encode-sentence',
  },
  {
    name: 'catalog: the checksum of a picture is not covered',
    file: 'lib/catalog/tables/frame-columns.ts',
    change: ['...(frame.crc === undefined ? [] : [frame.crc]),', ''],
    by: 'unit/catalog-damage',
  },
  {
    name: 'catalog: removed frames leave no tombstones',
    file: 'lib/catalog/tables/frame-table.ts',
    change: [
      'SELECT space, frame_id FROM frame_rows WHERE ${where}`',
      'SELECT space, frame_id FROM frame_rows WHERE 0 AND ${where}`',
    ],
    by: 'unit/catalog.test',
  },
  {
    name: 'catalog: frames that keep their vectors are embedded again',
    file: 'lib/catalog/tables/frame-table.ts',
    change: ["${frame.kept === 'same' ? isLacking : ''}", ''],
    by: 'unit/catalog-spaces',
  },
  {
    name: 'catalog: a frame waits in the queue of the active space only',
    file: 'lib/catalog/tables/frame-table.ts',
    change: [
      'CROSS JOIN spaces s ON f.frame_id = ?\n',
      "CROSS JOIN spaces s ON f.frame_id = ? AND s.state = 'active'\n",
    ],
    by: 'unit/catalog-spaces',
  },
];

function copyTree() {
  rmSync(copy, { recursive: true, force: true });
  for (const name of COPIED)
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  for (const name of LINKED) {
    mkdirSync(path.dirname(path.join(copy, name)), { recursive: true });
    symlinkSync(path.join(root, name), path.join(copy, name));
  }
}

/** As in the build: the page is used as it is, TypeScript is compiled. */
function builtOf(file, text) {
  if (!file.endsWith('.ts')) return [file, text];
  const ts = require('typescript');
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
  const options = ts.convertCompilerOptionsFromJson(config.compilerOptions, root).options;
  const { outputText } = ts.transpileModule(text, { compilerOptions: options, fileName: file });
  return [path.join('dist', file.replace(/\.ts$/, '.js')), outputText];
}

/** @returns {'passed' | 'failed' | 'skipped'} */
function outcome(by) {
  const command = [path.join(copy, 'tools/run-tests.mjs'), by];
  const { status, stdout } = spawnSync(process.execPath, command, { cwd: copy, encoding: 'utf8' });
  if (status !== 0) return 'failed';
  return /^[1-9]\d* passed/m.test(stdout) ? 'passed' : 'skipped';
}

function main(parts) {
  const chosen = BUGS.filter(
    ({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)),
  );
  copyTree();
  for (const by of new Set(chosen.map((bug) => bug.by))) {
    const result = outcome(by);
    console.log(`no bug: ${by}: ${result}`);
    if (result === 'failed') return 1;
  }
  let missed = 0;
  for (const { name, file, change, by } of chosen) {
    const [from, to] = change;
    const original = readFileSync(path.join(root, file), 'utf8');
    if (original.split(from).length !== 2) throw new Error(`${name}: not once in ${file}: ${from}`);
    const [place, text] = builtOf(
      file,
      original.replace(from, () => to),
    );
    const sound = readFileSync(path.join(copy, place));
    writeFileSync(path.join(copy, place), text);
    const result = outcome(by);
    writeFileSync(path.join(copy, place), sound);
    if (result !== 'failed') missed++;
    console.log(`${result === 'failed' ? 'caught' : 'MISSED'}: ${name}: ${by}: ${result}`);
  }
  console.log(`${chosen.length - missed} of ${chosen.length} caught`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
