/** The parts of the benchmarks that could silently give wrong figures. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeClipLike } from '../../bench/clip-like';
import { DEFAULT_QUERIES, readOptions, SUITES, UsageError } from '../../bench/options';
import { percentile, recall, summarize } from '../../bench/statistics';
import { formatTable } from '../../bench/table';

const defaults = { threads: 2, output: 'out.json' };
const read = (...args: string[]) => readOptions(args, defaults, () => ['from file', '']);

test('options are those of spec 004, lists included', () => {
  const options = read(
    ...['library', '--queries', 'a cat', 'a skyline', '--ef-search', '64', '32', '--k', '5'],
    ...['--repeat=3', '--measure-build', '--output', 'x.json'],
  );
  assert.is(options.root, 'library');
  assert.equal(options.queries, ['a cat', 'a skyline']);
  assert.equal(options.efSearch, [32, 64]);
  assert.is(options.k, 5);
  assert.is(options.repeat, 3);
  assert.is(options.measureBuild, true);
  assert.is(options.output, 'x.json');
  assert.equal(options.suites, ['query']);
});

test('defaults run everything', () => {
  const options = read();
  assert.equal(options.suites, [...SUITES]);
  assert.equal(options.queries, DEFAULT_QUERIES);
  assert.is(options.output, 'out.json');
  assert.is(options.root, undefined);
  assert.equal(read('--queries-file', 'f').queries, ['from file']);
  assert.equal(read('--suite', 'search', 'kernels').suites, ['kernels', 'search']);
  assert.equal(options.storages, []);
  assert.equal(read('--storage', 'inline', 'f32').storages, ['f32', 'inline']);
});

test('wrong options are refused', () => {
  for (const args of [
    ['--nonsense'],
    ['--k', 'ten'],
    ['--k', '0'],
    ['--k'],
    ['--suite', 'all', 'some'],
    ['--k', '50', '--ef-search', '20'],
    ['--queries'],
    ['--storage', 'f64'],
  ]) {
    assert.throws(
      () => read(...args),
      (error: unknown) => error instanceof UsageError,
      args.join(' '),
    );
  }
});

test('percentiles are nearest ranks', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.is(percentile(values, 0.5), 50);
  assert.is(percentile(values, 0.95), 95);
  assert.is(percentile([7], 0.99), 7);
  const summary = summarize([3, 1, 2]);
  assert.equal(summary, { mean: 2, p50: 2, p95: 3, p99: 3, min: 1 });
});

test('recall counts distances as good as the k-th and never more than k', () => {
  assert.is(recall([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]), 1);
  assert.is(recall([0.1, 0.3, 0.4], [0.1, 0.2, 0.3]), 2 / 3);
  assert.is(recall([0.300001, 0.300001, 0.300001, 0.1], [0.1, 0.2, 0.3]), 1);
  assert.is(recall([0.9], [0.1]), 0);
  assert.is(recall([], [0.1, 0.2]), 0);
  assert.is(recall([], []), 1);
});

test('generated rows are reproducible, unit, in a narrow cone, with one dominant coordinate', () => {
  const dim = 128;
  const small = makeClipLike(200, 5, dim, 1);
  const large = makeClipLike(400, 5, dim, 1);
  assert.equal(small.rows, large.rows.subarray(0, 200 * dim));
  assert.equal(small.queries, large.queries);
  assert.is(makeClipLike(200, 5, dim, 1).sha256, small.sha256);
  assert.is.not(makeClipLike(200, 5, dim, 2).sha256, small.sha256);
  for (const vectors of [small.rows, small.queries, small.textQueries]) {
    for (let at = 0; at < vectors.length; at += dim) {
      const length = Math.hypot(...vectors.subarray(at, at + dim));
      assert.ok(Math.abs(length - 1) < 1e-5);
    }
  }
  assert.ok(large.meanCosine > 0.45 && large.meanCosine < 0.75, String(large.meanCosine));
  assert.ok(large.dominantCoordinate > 0.5, String(large.dominantCoordinate));
});

test('tables put numbers right and words left', () => {
  const text = formatTable(
    't',
    ['name', 'ms'],
    [
      ['a', 1.23456],
      ['longer', 12345.6],
    ],
  );
  assert.is(text, 't\nname       ms\na        1.23\nlonger  12346\n');
});

test.run();
