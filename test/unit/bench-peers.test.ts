/** The comparison with peers: what could make a figure or a curve say more than was measured. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { frontier, median, qpsAt } from '../../bench/curves';
import { readOptions, UsageError } from '../../bench/options';
import { prepareDataset } from '../../bench/peers/dataset';
import { Judge } from '../../bench/peers/judge';
import { plotCurves } from '../../bench/plot';
import { makeTempDir } from '../helpers/temp';

const point = (efSearch: number, recall: number, qps: number) => ({ efSearch, recall, qps });
const CURVE = [point(10, 0.8, 1000), point(20, 0.9, 500), point(40, 0.98, 250)];

test('a speed is read between two measured points and never beyond them', () => {
  assert.ok(Math.abs((qpsAt(CURVE, 0.9) ?? 0) - 500) < 1e-6);
  const between = qpsAt(CURVE, 0.94) ?? 0;
  assert.ok(Math.abs(between - Math.sqrt(500 * 250)) < 1e-6, String(between));
  assert.is(qpsAt(CURVE, 0.5), 1000);
  assert.is(qpsAt(CURVE, 0.99), undefined);
  assert.is(qpsAt([], 0.5), undefined);
});

test('points that another beats in both are not part of a curve', () => {
  assert.equal(frontier([...CURVE, point(30, 0.85, 400)]), CURVE);
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
});

test('a curve is drawn with its name escaped, better recall to the right and faster above', () => {
  const svg = plotCurves('a & b', '', [{ name: '<ours>', points: CURVE }]);
  assert.match(svg, /a &#38; b/);
  assert.match(svg, /&#60;ours&#62;/);
  const places = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) => [
    Number(m[1]),
    Number(m[2]),
  ]);
  assert.is(places.length, 3);
  for (let i = 1; i < 3; i++) {
    assert.ok((places[i]?.[0] ?? 0) > (places[i - 1]?.[0] ?? 0));
    assert.ok((places[i]?.[1] ?? 0) > (places[i - 1]?.[1] ?? 0));
  }
  assert.not.match(svg, /NaN|Infinity/);
});

test('recall is judged by the distances of rows: ties count, repeats and missing rows do not', () => {
  const folder = path.join(makeTempDir(), 'set');
  mkdirSync(folder);
  // Rows 1 and 2 are equal; the query's two nearest are row 0 and either of them.
  const base = Float32Array.of(0, 0, 1, 0, 1, 0, 5, 0);
  writeFileSync(path.join(folder, 'base.f32'), new Uint8Array(base.buffer));
  writeFileSync(path.join(folder, 'query.f32'), new Uint8Array(new Float32Array(2).buffer));
  const meta = { name: 's', rows: 4, dim: 2, queries: 1, sha256: '', source: '' } as const;
  const judge = new Judge({ folder, meta: { ...meta, metric: 'euclidean' } }, [0, 1], 2);
  assert.is(judge.recall([0, 1]), 1);
  assert.is(judge.recall([0, 2]), 1);
  assert.is(judge.recall([0, 3]), 0.5);
  assert.is(judge.recall([0, 0]), 0.5);
  assert.is(judge.recall([0xffffffff, 0]), 0.5);
});

test('a prepared set is kept, and is the same when prepared again', () => {
  const size = { rows: 120, queries: 3, dim: 16 };
  const first = prepareDataset('clip-like', size, makeTempDir());
  const cache = makeTempDir();
  const second = prepareDataset('clip-like', size, cache);
  assert.equal(first?.meta, second?.meta);
  assert.is(second?.meta.rows, 120);
  assert.equal(prepareDataset('clip-like', size, cache), second);
});

test('options of the comparison', () => {
  const read = (...args: string[]) => readOptions(args, { threads: 2, output: 'o' }, () => []);
  assert.equal(read('--full').rows, [100_000]);
  assert.equal(read('--full', '--rows', '500').rows, [500]);
  assert.equal(read().buildThreads, [1, 2]);
  assert.is(read().plots, undefined);
  assert.is(read('--plots').plots, path.join('docs', 'bench'));
  assert.equal(read('--dataset', 'mnist784').datasets, ['mnist784']);
  for (const args of [
    ['--peer', 'nobody'],
    ['--dataset', 'none'],
  ]) {
    assert.throws(
      () => read(...args),
      (error: unknown) => error instanceof UsageError,
    );
  }
});

test.run();
