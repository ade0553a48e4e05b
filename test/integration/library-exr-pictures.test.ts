/** OpenEXR files beside photographs in one library: their pictures are searchable, their facts comparable, through every change. */
import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib';
import { codeOf } from '../helpers/errors';
import { everyKind, exrPicture, half } from '../helpers/exr-files';
import { noFfmpeg, runFfmpeg, writePictures } from '../helpers/media';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';

const [WIDTH, HEIGHT] = [64, 48];

type Color = 'R' | 'G' | 'B';

/** A gradient in one colour, with the layers given beside the picture's own channels. */
function gradient(color: Color, layers: readonly string[] = []): Buffer {
  const channels = [
    'R',
    'G',
    'B',
    ...layers.flatMap((one) => [`${one}.R`, `${one}.G`, `${one}.B`]),
  ];
  return exrPicture(WIDTH, HEIGHT, channels, (channel, x) =>
    half(channel.endsWith(color) ? x / WIDTH : 0.05),
  );
}

/** Pictures by the helper and by ffmpeg's encoder, photographs, and what has no picture. */
async function writeFolder(root: string): Promise<void> {
  await writePictures(root, 3);
  const shot = path.join(root, 'shot');
  mkdirSync(shot);
  writeFileSync(path.join(shot, 'red.0001.exr'), gradient('R'));
  writeFileSync(path.join(shot, 'red.0002.exr'), gradient('R', ['diffuse']));
  writeFileSync(path.join(shot, 'blue.0001.exr'), gradient('B'));
  const source = ['-f', 'lavfi', '-i', `testsrc2=size=${WIDTH}x${HEIGHT}:rate=1`];
  const encoder = [
    '-frames:v',
    '1',
    '-pix_fmt',
    'gbrpf32le',
    '-c:v',
    'exr',
    '-compression',
    'zip16',
  ];
  runFfmpeg([...source, ...encoder, path.join(shot, 'bars.exr')]);
  writeFileSync(path.join(root, 'deep.exr'), everyKind().deep as Buffer);
  writeFileSync(path.join(root, 'mask.exr'), exrPicture(8, 8, ['mask']));
  // The header is whole, and not a block of pixels is there.
  writeFileSync(path.join(root, 'cut.exr'), gradient('G').subarray(0, 700));
  const torn = gradient('G');
  writeFileSync(path.join(root, 'torn.exr'), torn.subarray(0, torn.length / 2));
  writeFileSync(path.join(root, 'broken.exr'), gradient('G').subarray(0, 90));
}

/** path -> frame id, of all that is searchable. */
async function frames(library: Library): Promise<Map<string, number>> {
  const vector = new Float32Array(library.stats().dim).fill(1);
  const { results } = await library.search({ vector }, { k: 1000, exact: true });
  return new Map(results.map((hit) => [hit.media_path, hit.frame_id]));
}

async function fileIds(library: Library): Promise<Map<string, number>> {
  const { rows } = await library.sql('SELECT file_path, file_id FROM files');
  return new Map(rows.map(([name, id]) => [name as string, id as number]));
}

const SHOT = ['bars', 'blue.0001', 'red.0001', 'red.0002'].map((name) => `shot/${name}.exr`);
const PICTURES = [...SHOT, 'torn.exr'];
const WITH_FACTS = ['cut.exr', 'deep.exr', 'mask.exr', ...PICTURES].sort();

async function synced(): Promise<{ root: string; library: Library }> {
  const root = makeTempDir('library-exr-pictures');
  await writeFolder(root);
  const library = await openLibrary(root, { model: TINY_CLIP });
  await library.sync();
  return { root, library };
}

testUnless(noFfmpeg)(
  'pictures of EXR files are searchable beside photographs, and the others have their reasons',
  async () => {
    const root = makeTempDir('library-exr-pictures');
    await writeFolder(root);
    await using library = await openLibrary(root, { model: TINY_CLIP });
    const first = await library.sync();
    assert.equal(
      [...(await frames(library)).keys()].filter((name) => name.endsWith('.exr')).sort(),
      PICTURES,
    );
    assert.is((await frames(library)).size, PICTURES.length + 3);
    const codes = new Map(first.problems.map(({ path: name, code }) => [name, code]));
    assert.equal([...codes].sort(), [
      ['broken.exr', 'ERR_MEDIA_DECODE'],
      ['cut.exr', 'ERR_MEDIA_DECODE'],
      ['deep.exr', 'ERR_MEDIA_UNSUPPORTED'],
      ['mask.exr', 'ERR_MEDIA_UNSUPPORTED'],
      ['torn.exr', 'ERR_MEDIA_DECODE'],
    ]);
    const reasonOf = (name: string): string =>
      first.problems.find((one) => one.path === name)?.reason ?? '';
    assert.match(reasonOf('torn.exr'), /25 of 48 blocks of pixels are missing/);
    assert.match(reasonOf('deep.exr'), /deep data only/);
    assert.match(reasonOf('mask.exr'), /no part with the channels/);
    assert.equal([...(await fileIds(library)).keys()].sort(), WITH_FACTS);
    assert.equal(
      library.exr.problems().map(({ path: name, code }) => [name, code]),
      [['broken.exr', 'ERR_MEDIA_DECODE']],
    );
    const second = await library.sync();
    assert.equal(
      [second.added, second.changed, second.moved, second.removed, second.framesAdded],
      [0, 0, 0, 0, 0],
    );
    assert.equal((await library.verify()).problems, []);
  },
);

testUnless(noFfmpeg)(
  'by look the closest file is the one whose picture is alike, whatever its channels',
  async () => {
    const { library } = await synced();
    const found = await library.exr.similar('shot/red.0001.exr', { by: 'look' });
    assert.equal(found.map(({ path: name }) => name).sort(), [
      'shot/bars.exr',
      'shot/blue.0001.exr',
      'shot/red.0002.exr',
      'torn.exr',
    ]);
    assert.is(found[0]?.path, 'shot/red.0002.exr');
    assert.ok(Math.abs(found[0]?.distance ?? 1) < 1e-5);
    assert.ok((found[1]?.distance ?? 0) > 1e-5);
    // The distances are those of the frames.
    const ids = await frames(library);
    const vectorOf = (name: string): Promise<Float32Array | undefined> =>
      library.vectorOf(ids.get(name) as number);
    const [own, other] = [await vectorOf('shot/red.0001.exr'), await vectorOf('shot/bars.exr')];
    const cosine = own?.reduce((sum, value, i) => sum + value * (other?.[i] ?? NaN), 0) ?? NaN;
    const bars = found.find(({ path: name }) => name === 'shot/bars.exr');
    assert.ok(Math.abs(1 - cosine - (bars?.distance ?? NaN)) < 1e-5);
    const one = await library.exr.similar('shot/red.0001.exr', { by: 'look', k: 1 });
    assert.equal(one, found.slice(0, 1));
    const code = await codeOf(() => library.exr.similar('deep.exr', { by: 'look' }));
    assert.is(code, 'ERR_NOT_FOUND');
    await library.close();
  },
);

testUnless(noFfmpeg)('mix is the mean of the distances that both files have', async () => {
  const { library } = await synced();
  const found = await library.exr.similar('shot/red.0001.exr', { by: 'mix' });
  assert.is(found.length, WITH_FACTS.length - 1);
  for (const kind of ['metadata', 'channels', 'look'] as const) {
    const alone = await library.exr.similar('shot/red.0001.exr', { by: kind, exact: true });
    for (const { path: name, distance } of alone) {
      const part = found.find((one) => one.path === name)?.parts?.[kind];
      assert.ok(Math.abs((part ?? NaN) - distance) < 1e-5, `${kind} of ${name}: ${part}`);
    }
  }
  for (const { path: name, distance, parts = {} } of found) {
    const hasLook = PICTURES.includes(name);
    assert.equal(Object.keys(parts).sort(), ['channels', ...(hasLook ? ['look'] : []), 'metadata']);
    const values = Object.values(parts);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    assert.ok(Math.abs(mean - distance) < 1e-6, name);
  }
  await library.close();
});

testUnless(noFfmpeg)(
  'a moved file keeps its file id and its frame, a removed one leaves both spaces',
  async () => {
    const { root, library } = await synced();
    const [before, files] = [await frames(library), await fileIds(library)];
    renameSync(path.join(root, 'shot/red.0001.exr'), path.join(root, 'kept.exr'));
    unlinkSync(path.join(root, 'shot/blue.0001.exr'));
    const report = await library.sync();
    assert.equal([report.added, report.moved, report.removed, report.framesAdded], [0, 1, 1, 0]);
    const [after, now] = [await frames(library), await fileIds(library)];
    assert.is(after.get('kept.exr'), before.get('shot/red.0001.exr'));
    assert.is(now.get('kept.exr'), files.get('shot/red.0001.exr'));
    assert.not.ok(after.has('shot/blue.0001.exr') || now.has('shot/blue.0001.exr'));
    for (const by of ['metadata', 'channels', 'look', 'mix'] as const) {
      const found = await library.exr.similar('kept.exr', { by, k: 1000 });
      const names = found.map(({ path: name }) => name);
      assert.is(names.length, by === 'look' ? 3 : WITH_FACTS.length - 2, by);
      assert.not.ok(names.includes('shot/blue.0001.exr'), by);
    }
    const gone = files.get('shot/blue.0001.exr') as number;
    for (const space of ['exr-metadata', 'exr-channels']) {
      const { rows } = await library.sql(`SELECT id FROM nearest('${space}', ?, 100)`, [
        { exr: 'kept.exr', by: space === 'exr-metadata' ? 'metadata' : 'channels' },
      ]);
      assert.is(rows.length, WITH_FACTS.length - 1);
      assert.not.ok(rows.flat().includes(gone), space);
    }
    assert.equal((await library.verify()).problems, []);
    await library.close();
  },
);

testUnless(noFfmpeg)(
  'a damaged file that is mended is searchable after the next sync',
  async () => {
    const { root, library } = await synced();
    writeFileSync(path.join(root, 'broken.exr'), gradient('G'));
    writeFileSync(path.join(root, 'shot/red.0002.exr'), readFileSync(path.join(root, 'cut.exr')));
    await library.sync();
    const names = [...(await frames(library)).keys()];
    assert.ok(names.includes('broken.exr'));
    assert.not.ok(names.includes('shot/red.0002.exr'));
    assert.equal(library.exr.problems(), []);
    assert.equal((await library.verify()).problems, []);
    await library.close();
  },
);

test.run();
