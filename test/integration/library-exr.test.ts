/** OpenEXR files in a library: facts and vectors follow the files, what is alike, what departs from its sequence, versions. */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib';
import { anomaliesOf, inspectFiles } from '../../lib/analyze/exr';
import { openCatalog, type IngestedItem } from '../../lib/catalog';
import { inspectExr } from '../../lib/exr';
import { codeOf } from '../helpers/errors';
import { exrHeader } from '../helpers/exr-files';
import { renderFamily, renderSpec } from '../helpers/exr-renders';
import { makeTempDir } from '../helpers/temp';

function writeRenders(root: string): void {
  mkdirSync(path.join(root, 'shot'), { recursive: true });
  for (const [name, spec] of renderFamily())
    writeFileSync(path.join(root, 'shot', name), exrHeader(spec));
}

const recordOf = (name: string): IngestedItem => ({
  ...{
    path: name,
    kind: 'image',
    state: 'skipped',
    fault: 'decode',
    code: 'ERR_MEDIA_UNSUPPORTED',
  },
  ...{
    reason: 'drawn',
    attempts: 1,
    needsDecoding: false,
    sizeBytes: 1,
    mtimeMs: 1,
    ctimeMs: null,
  },
  ...{ contentHash: null, width: null, height: null, capturedAt: null, note: null },
  ...{ sampling: null, replaces: undefined, frames: [] },
});

const familyOf = (name: string): string => path.basename(name).split('.')[0] as string;
const paths = async (library: Library): Promise<unknown[]> =>
  (await library.sql('SELECT file_path FROM files ORDER BY file_path')).rows.flat();

test('facts and both spaces follow the files: new, changed, moved, damaged, gone', async () => {
  const root = makeTempDir('library-exr');
  writeRenders(root);
  await using library = await openLibrary(root);
  await library.sync();
  const all = renderFamily().length;
  assert.equal(library.exr.stats(), { files: all, failed: 0, version: 2, embedded: all });
  assert.equal((await library.verify()).problems, []);
  renameSync(path.join(root, 'shot/beauty.0001.exr'), path.join(root, 'moved.exr'));
  writeFileSync(path.join(root, 'shot/beauty.0002.exr'), exrHeader(renderSpec(['only'], 1)));
  writeFileSync(
    path.join(root, 'shot/beauty.0003.exr'),
    exrHeader(renderSpec(['', 'a'], 1)).subarray(0, 90),
  );
  unlinkSync(path.join(root, 'shot/beauty.0004.exr'));
  await library.sync();
  assert.equal(library.exr.stats(), { files: all - 1, failed: 1, version: 2, embedded: all - 2 });
  assert.ok((await paths(library)).includes('moved.exr'));
  const layers = await library.sql('SELECT DISTINCT layer FROM channels WHERE file_path = ?', [
    'shot/beauty.0002.exr',
  ]);
  assert.equal(layers.rows, [['only']]);
  const [problem] = library.exr.problems();
  assert.equal([problem?.path, problem?.code], ['shot/beauty.0003.exr', 'ERR_MEDIA_DECODE']);
  const near = await library.exr.similar('shot/beauty.0002.exr', { k: 1000 });
  assert.is(near.length, all - 3);
  assert.not.ok(near.some(({ path: name }) => /beauty.000[134]/.test(name)));
  assert.equal((await library.verify()).problems, []);
});

test('a file that cannot be read now is tried again, and is not called damaged', async () => {
  const root = makeTempDir('library-exr');
  const file = path.join(root, 'shot/beauty.0001.exr');
  writeRenders(root);
  const catalog = await openCatalog(path.join(root, '.sightline'));
  try {
    catalog.recordIngested([recordOf('shot/beauty.0001.exr')]);
    const bytes = readFileSync(file);
    unlinkSync(file);
    // ELOOP: an error of the system, as EIO and ESTALE are.
    symlinkSync(file, file);
    assert.equal(await inspectFiles(catalog, root), { inspected: 0, failed: 0 });
    assert.equal(catalog.exr.counts(), { files: 0, failed: 0 });
    unlinkSync(file);
    writeFileSync(file, bytes);
    assert.equal(await inspectFiles(catalog, root), { inspected: 1, failed: 0 });
  } finally {
    catalog.close();
  }
});

test('similar files are those of the same family, by either space and by their mixture', async () => {
  const root = makeTempDir('library-exr');
  writeRenders(root);
  await using library = await openLibrary(root);
  await library.sync();
  for (const by of ['metadata', 'channels', 'mix'] as const) {
    const found = await library.exr.similar('shot/shadow.0005.exr', { k: 7, by });
    assert.equal(
      found.map(({ path: name }) => familyOf(name)),
      Array<string>(7).fill('shadow'),
      by,
    );
    const exact = await library.exr.similar('shot/shadow.0005.exr', { k: 7, by, exact: true });
    assert.equal(
      exact.map(({ distance }) => distance),
      found.map(({ distance }) => distance),
      by,
    );
  }
  const none = await library.exr.similar('shot/shadow.0005.exr', { maxDistance: 1e-6, k: 100 });
  assert.is(none.length, 7);
  assert.is(await codeOf(() => library.exr.similar('nothing.exr')), 'ERR_MEDIA_MISSING');
  assert.is(await codeOf(() => library.exr.similar(999)), 'ERR_NOT_FOUND');
  assert.is(
    await codeOf(() => library.exr.similar('shot/shadow.0005.exr', { by: 'look' })),
    'ERR_NOT_FOUND',
  );
  assert.is(
    await codeOf(() => library.exr.similar('shot/shadow.0005.exr', { by: 'size' as never })),
    'ERR_ARG_RANGE',
  );
});

test('pairs below a distance are those of all against all, and clusters are what they join', async () => {
  const root = makeTempDir('library-exr');
  writeRenders(root);
  await using library = await openLibrary(root);
  await library.sync();
  const families = new Set(renderFamily().map(([name]) => familyOf(name)));
  const { pairs, clusters, isTruncated } = await library.exr.pairs({ maxDistance: 1e-4 });
  assert.is(isTruncated, false);
  assert.is(pairs.length, families.size * ((8 * 7) / 2));
  assert.ok(pairs.every(({ a, b }) => familyOf(a) === familyOf(b)));
  assert.equal(
    clusters.map((group) => group.length),
    [8, 8, 8, 8],
  );
  const few = await library.exr.pairs({ maxDistance: 1e-4, limit: 10 });
  assert.equal([few.pairs.length, few.isTruncated], [10, true]);
});

test('a file that departs from its sequence is named with the field', async () => {
  const root = makeTempDir('library-exr');
  writeRenders(root);
  const put = (name: string, layers: string[], compression: number): void =>
    writeFileSync(path.join(root, 'shot', name), exrHeader(renderSpec(layers, compression)));
  put('beauty.0004.exr', ['', 'diffuse'], 3);
  put('shadow.0006.exr', ['', 'shadow'], 2);
  await using library = await openLibrary(root);
  await library.sync();
  const found = library.exr.anomalies();
  assert.equal(
    found.map(({ path: name, differences }) => [
      name,
      differences.map(({ field, expected }) => `${field}: ${expected}`),
    ]),
    [
      ['shot/beauty.0004.exr', ['channels: specular.B, specular.G, specular.R']],
      ['shot/shadow.0006.exr', ['parts[0].compression: piz']],
    ],
  );
  assert.equal(library.exr.anomalies('other'), []);
});

test('a change within a sequence makes nobody odd, and two files are no sequence', async () => {
  const file = path.join(makeTempDir('library-exr'), 'one.exr');
  const payloadOf = async (compression: number): ReturnType<typeof inspectExr> => {
    writeFileSync(file, exrHeader(renderSpec([''], compression)));
    return inspectExr(file);
  };
  const [zip, piz] = [await payloadOf(3), await payloadOf(4)];
  const sequence = Array.from({ length: 40 }, (_, i) => ({
    path: `a.${i}.exr`,
    payload: i < 20 ? zip : piz,
  }));
  assert.equal(anomaliesOf(sequence), []);
  assert.equal(anomaliesOf([sequence[0], sequence[39]].filter((one) => one !== undefined)), []);
});

test('a migration keeps both versions side by side, and the new one answers from its end on', async () => {
  const root = makeTempDir('library-exr');
  writeRenders(root);
  await using library = await openLibrary(root);
  await library.sync();
  const stop = new AbortController();
  stop.abort();
  assert.is(await codeOf(() => library.exr.migrate({ to: 1, signal: stop.signal })), 'ERR_ABORTED');
  assert.is(library.exr.stats().version, 2);
  const all = renderFamily().length;
  assert.equal(await library.exr.migrate({ to: 1 }), {
    files: all,
    failed: 0,
    version: 1,
    embedded: all,
  });
  const versions = await library.sql(
    'SELECT schema_version, count(*) FROM embeddings GROUP BY 1 ORDER BY 1',
  );
  assert.equal(versions.rows, [
    ['1.0.0', all],
    ['2.0.0', all],
  ]);
  assert.equal((await library.sql('SELECT DISTINCT schema_version FROM files')).rows, [['1.0.0']]);
  const former = await library.exr.similar('shot/shadow.0005.exr', { k: 7, version: 2 });
  assert.ok(former.every(({ path: name }) => familyOf(name) === 'shadow'));
  await library.exr.migrate({ to: 2, dropOther: true });
  assert.equal((await library.sql('SELECT DISTINCT schema_version FROM embeddings')).rows, [
    ['2.0.0'],
  ]);
  assert.equal((await library.verify()).problems, []);
});

test('lost and damaged spaces are made again from the catalog', async () => {
  const root = makeTempDir('library-exr');
  writeRenders(root);
  await openLibrary(root).then(async (library) => {
    await library.sync();
    await library.close();
  });
  const spaces = path.join(root, '.sightline', 'spaces');
  rmSync(path.join(spaces, 'exr-metadata-2'), { recursive: true });
  writeFileSync(path.join(spaces, 'exr-channels-2', 'embeddings.idx'), 'not a log');
  await using library = await openLibrary(root);
  await library.sync();
  assert.equal((await library.verify()).problems, []);
  assert.is(
    (await library.exr.similar('shot/shadow.0005.exr', { k: 100, by: 'channels' })).length,
    renderFamily().length - 1,
  );
  assert.is((await paths(library)).length, renderFamily().length);
});

test.run();
