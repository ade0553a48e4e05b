/** The C++ tests of the native core, and every kernel this machine can run in a process of its own. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { skipAll } from '../helpers/skip';

const root = path.resolve(__dirname, '../../..');
const binary = path.join(root, 'build/sightline_tests');

function build(): string | undefined {
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter((name) => name !== undefined);
  if (!compilers.some((name) => spawnSync(name, ['--version']).status === 0))
    return 'no C++ compiler';
  const tool = path.join(root, 'tools/build-native.mjs');
  const run = spawnSync(process.execPath, [tool, '--target=sightline_tests'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.is(run.status, 0, run.stdout + run.stderr);
  assert.ok(existsSync(binary));
  return undefined;
}

function runBinary(names: string[], kernel?: string): { output: string; status: number | null } {
  const env = { ...process.env };
  delete env.SIGHTLINE_KERNEL;
  if (kernel !== undefined) env.SIGHTLINE_KERNEL = kernel;
  const run = spawnSync(binary, names, { encoding: 'utf8', env });
  return { output: run.stdout + run.stderr, status: run.status };
}

/** What a fresh process that builds and searches a small index prints: kernel and hits, or a code. */
function searchInProcess(kernel: string): string {
  const engine = path.join(root, 'dist/lib/engine.js');
  const script = `
    const { VectorIndex } = require(${JSON.stringify(engine)});
    (async () => {
      const index = await VectorIndex.create({ dim: 19, metric: 'euclidean' });
      const rows = Float32Array.from({ length: 19 * 300 }, (_, i) => ((i * 7919) % 101) / 101);
      await index.add(rows);
      const hits = index.search(rows.subarray(0, 19), 5, { efSearch: 300 });
      console.log(JSON.stringify({ kernel: index.stats().kernel, nodes: [...hits.nodes] }));
    })().catch((error) => console.log(error.code));`;
  const env = { ...process.env, SIGHTLINE_KERNEL: kernel };
  return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env }).stdout.trim();
}

/** How many tests the sources declare: a file that is not linked in would be missed otherwise. */
function declaredTests(): number {
  const folder = path.join(root, 'test/native');
  return readdirSync(folder)
    .filter((name) => name.endsWith('_test.cc'))
    .map((name) => readFileSync(path.join(folder, name), 'utf8').match(/^SL_TEST\(/gm)?.length ?? 0)
    .reduce((sum, count) => sum + count, 0);
}

const skipReason = build();
if (skipReason !== undefined) {
  skipAll(skipReason);
} else {
  let kernels: string[] = [];

  test('all C++ tests pass', () => {
    const { output, status } = runBinary([]);
    assert.is(status, 0, output);
    const summary = /(\d+) passed, (\d+) failed/.exec(output);
    assert.is(Number(summary?.[1]), declaredTests(), output);
    assert.is(Number(summary?.[2]), 0);
    kernels = (/kernels: (.*)/.exec(output)?.[1] ?? '').split(' ');
    assert.is(kernels.at(-1), 'scalar');
  });

  test('each supported kernel can be forced and passes the tests that search', () => {
    for (const kernel of kernels) {
      const { output, status } = runBinary(['kernel', 'exact_scan'], kernel);
      assert.is(status, 0, `${kernel}:\n${output}`);
      assert.match(output, `using ${kernel}\n`);
      assert.match(output, /, 0 failed/);
    }
  });

  test('the addon uses the kernel it is told to, and all find the same rows', () => {
    const answers = kernels.map((kernel) => {
      const answer = JSON.parse(searchInProcess(kernel)) as { kernel: string; nodes: number[] };
      assert.is(answer.kernel, kernel);
      return answer.nodes;
    });
    for (const nodes of answers) assert.equal(nodes, answers[0]);
    assert.is(answers[0]?.[0], 0);
    assert.is(searchInProcess('sse9'), 'ERR_CPU_UNSUPPORTED');
  });

  test('an unknown kernel is an error of the process, not a fallback', () => {
    const { output, status } = runBinary(['the_kernel_named_in_the_environment'], 'sse9');
    assert.is(status, 1);
    assert.match(output, 'SIGHTLINE_KERNEL is "sse9"; this machine can run: ');
  });
}
test.run();
