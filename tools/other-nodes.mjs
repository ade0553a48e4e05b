// Runs a part of the built tests on the other supported versions of Node: the binary, SQLite, child processes
// and indexing. For .ci/run, about a minute each.
// `node tools/other-nodes.mjs "N passed, N failed, N skipped"` adds the counts of an earlier run. The last line
// is `N passed, N failed`; the line before has the number of skipped tests.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const LINES = [22, 24];
const PARTS = [
  'unit/native-load',
  'unit/catalog.test',
  'unit/vectors-states',
  'integration/encode-clip-towers',
  'integration/library.test',
  'integration/cli-maintenance',
];

function countsOf(text) {
  const found = [...text.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
  return found?.slice(1).map(Number);
}

/** The binary of the npm package `node`, installed in a temporary folder; undefined on failure. */
function fetchNode(line, folder) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--silent'];
  spawnSync(npm, [...args, `node@${line}`], { cwd: folder, stdio: 'ignore', timeout: 300_000 });
  const binary = path.join(folder, 'node_modules', 'node', 'bin', 'node');
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return status === 0 && stdout.startsWith(`v${line}.`)
    ? { binary, version: stdout.trim() }
    : undefined;
}

let sum = countsOf(process.argv[2] ?? '') ?? [0, 0, 0];
let isGood = true;
for (const line of LINES.filter((each) => !process.version.startsWith(`v${each}.`))) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-node-'));
  const found = fetchNode(line, folder);
  if (found === undefined) {
    console.log(`skipped: Node ${line}, because the registry gave no binary of it`);
  } else {
    console.log(`on Node ${found.version}`);
    const run = spawnSync(found.binary, ['tools/run-tests.mjs', ...PARTS], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
    process.stdout.write(run.stdout + run.stderr);
    const counts = countsOf(run.stdout) ?? [0, 1, 0];
    sum = sum.map((count, i) => count + counts[i]);
    isGood &&= run.status === 0;
  }
  rmSync(folder, { recursive: true, force: true });
}
const [passed, failed, skipped] = sum;
console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = isGood && failed === 0 ? 0 : 1;
