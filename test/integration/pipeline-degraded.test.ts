/**
 * Spec 003: a failure of the encoder never breaks ingestion. Real libraries with a model of a few
 * kilobytes, for which a black picture is a zero vector and a white one NaN; its weights are damaged
 * and put back, and workers die for real.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  openCatalog,
  type Catalog,
  type EmbeddingMetadata,
  type MediaRow,
} from '../../lib/catalog';
import { EmbeddedVectors } from '../../lib/library/spaces/embedded-vectors';
import { openClip } from '../../lib/encode/kinds/clip';
import { openLibrary } from '../../lib/library';
import { runSync } from '../../lib/pipeline';
import { asFrameId, type LibraryStats, type SyncReport } from '../../lib/base/types';
import { VectorIndex } from '../../lib/vectors';
import { runCli } from '../helpers/cli';
import { makeTempDir } from '../helpers/temp';
import { copyTinyClip, TINY_CLIP, TINY_DIM } from '../helpers/tiny-clip';

const FAULTY = path.resolve(__dirname, '../helpers/faulty-encode-worker.js');
const PICTURES = { black: '#000000', blue: '#2040c0', red: '#c02020', white: '#ffffff' };

async function folderOf(...names: (keyof typeof PICTURES)[]): Promise<string> {
  const root = makeTempDir('degraded');
  for (const name of names) {
    const create = { width: 32, height: 32, channels: 3, background: PICTURES[name] } as const;
    const file = path.join(root, `${name}.png`);
    writeFileSync(file, await sharp({ create }).png().toBuffer());
  }
  return root;
}

interface Line {
  readonly frame_id: number;
  readonly embedding: EmbeddingMetadata | null;
}

const metadataOf = (root: string): Line[] =>
  readFileSync(path.join(root, '.sightline', 'metadata.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

test('frames that give no vector are recorded with the metadata of spec 003, the rest is found', async () => {
  const root = await folderOf('black', 'blue', 'red', 'white');
  await using library = await openLibrary(root, { model: TINY_CLIP });
  const report = await library.sync();
  assert.is(report.indexed, 4, 'all were ingested');
  assert.is(report.framesAdded, 2);
  assert.is(report.framesFailed, 2);
  assert.is(report.failed, 2);
  assert.equal(report.problems.map((p) => p.path).sort(), ['black.png', 'white.png']);
  assert.match(report.problems[0]?.reason ?? '', /^not embedded: .*zero/);
  const stats = library.stats();
  assert.is(stats.frames, 2);
  assert.is(stats.framesFailed, 2);
  assert.is(stats.framesPending, 0);
  assert.is(stats.media.failed, 2);
  const [black, blue, , white] = metadataOf(root);
  const { inference_time_ms: ms, created_at: at, ...rest } = blue?.embedding ?? ({} as never);
  assert.equal(rest, {
    model_name: library.model.id,
    pretrained: library.model.revision,
    embed_dim: TINY_DIM,
    normalized: true,
    device: 'cpu',
    error: null,
  });
  assert.ok(typeof ms === 'number' && ms > 0);
  assert.ok(Math.abs(Date.parse(at ?? '') - Date.now()) < 600_000);
  assert.match(black?.embedding?.error ?? '', /^ERR_ENCODE: .*zero/);
  assert.match(white?.embedding?.error ?? '', /^ERR_ENCODE: .*not finite/);
  assert.is(white?.embedding?.inference_time_ms, null);
  assert.is(white?.embedding?.device, 'cpu');
  assert.equal((await library.verify()).problems, []);
});

test('a frame that fails by itself is tried three times, then only when asked; ids stay', async () => {
  const root = await folderOf('black', 'blue');
  await using library = await openLibrary(root, { model: TINY_CLIP });
  const failed: number[] = [];
  for (let i = 0; i < 4; i++) failed.push((await library.sync()).framesFailed);
  assert.equal(failed, [1, 1, 1, 0]);
  assert.is(library.stats().framesFailed, 1);
  assert.is((await library.sync({ retryFailed: true })).framesFailed, 1);
  assert.equal(
    metadataOf(root).map((line) => line.frame_id),
    [0, 1],
    'encoding again is not decoding again',
  );
});

test('a model that cannot be loaded stops no ingestion; the next sync with a whole one heals', async () => {
  const root = await folderOf('blue', 'red');
  const folder = copyTinyClip();
  const weights = path.join(folder, 'onnx', 'vision_model.onnx');
  {
    await using library = await openLibrary(root, { model: folder });
    // After the check of the files: as when a disk fails, or memory for the session is short.
    writeFileSync(weights, 'no model any more');
    for (let i = 0; i < 4; i++) {
      const report = await library.sync();
      assert.is(report.framesFailed, 2, 'every sync tries: it is not the fault of the frames');
      assert.is(report.problems[0]?.code, 'ERR_MODEL_HASH');
    }
    assert.is(library.stats().frames, 0);
    assert.is(library.stats().media.failed, 2);
    assert.match(metadataOf(root)[0]?.embedding?.error ?? '', /^ERR_MODEL_HASH: /);
    assert.equal((await library.verify()).problems, []);
    cpSync(path.join(TINY_CLIP, 'onnx', 'vision_model.onnx'), weights);
    const healed = await library.sync();
    assert.is(healed.framesAdded, 2);
    assert.is(healed.problems.length, 0);
    assert.equal(library.problems(), [], 'the reasons are gone');
    assert.is(library.stats().framesFailed, 0);
    assert.is(library.stats().media.indexed, 2);
    assert.equal(
      metadataOf(root).map((line) => line.embedding?.error),
      [null, null],
    );
    assert.equal((await library.verify()).problems, []);
  }
});

test('the command says it: exit code, counts in the report, stats --json', async () => {
  const root = await folderOf('black', 'blue');
  const sync = await runCli(['sync', root, '--model', TINY_CLIP, '--json']);
  assert.is(sync.code, 3);
  const report = JSON.parse(sync.stdout) as SyncReport;
  assert.is(report.framesFailed, 1);
  const stats = JSON.parse((await runCli(['stats', root, '--json'])).stdout) as LibraryStats;
  assert.is(stats.framesFailed, 1);
  assert.is(stats.frames, 1);
  const words = await runCli(['sync', root]);
  assert.match(words.stderr, /1 frame not embedded/);
  assert.match((await runCli(['stats', root])).stdout, /not embedded +1/);
});

test('--device that is not there is one line on stderr, and the frames are embedded all the same', async () => {
  const root = await folderOf('blue', 'red');
  const device = process.platform === 'darwin' ? 'dml' : 'coreml';
  const sync = await runCli(['sync', root, '--model', TINY_CLIP, '--device', device, '--json']);
  assert.is(sync.code, 0);
  const said = sync.stderr.split('\n').filter((line) => line.includes('cannot be used'));
  assert.is(said.length, 1, sync.stderr);
  assert.match(said[0] ?? '', new RegExp(`device ${device} .* run on the CPU: `));
  assert.is(metadataOf(root)[0]?.embedding?.device, 'cpu');
  assert.is((await runCli(['sync', root, '--device', 'gpu'])).code, 2);
});

interface Parts {
  readonly root: string;
  readonly dir: string;
  readonly catalog: Catalog;
  readonly index: EmbeddedVectors;
}

/** A library's parts, so that the encoder can be one whose workers obey orders. */
async function withParts(root: string, body: (parts: Parts) => Promise<void>): Promise<void> {
  const dir = path.join(root, '.sightline');
  const catalog = await openCatalog(dir);
  catalog.spaces.create(
    'clip',
    { id: 't', revision: '1', sha256: 'a', preprocessVersion: 1 },
    TINY_DIM,
  );
  const index = new EmbeddedVectors(await VectorIndex.create({ dim: TINY_DIM, metric: 'cosine' }));
  try {
    await body({ root, dir, catalog, index });
  } finally {
    await index.close();
    catalog.close();
  }
}

test('a frame that kills its worker costs the others nothing and is healed by the next sync', async () => {
  const root = await folderOf('blue', 'red');
  await withParts(root, async (parts) => {
    const clip = await openClip(TINY_CLIP, { workers: 1 }, FAULTY);
    const sync = { ...parts, space: 'clip', encoder: clip.image };
    await runSync(sync, {}, { ingest: true, embed: false });
    const frame = path.join(parts.dir, 'frames', '0', '0.jpg');
    const jpeg = readFileSync(frame);
    // As an older version recorded it, without a checksum: the order must reach the worker.
    const media = parts.catalog.mediaByPath('blue.png') as MediaRow;
    const size = { timestamp: null, width: 32, height: 32 };
    const frames = [{ frameId: asFrameId(0), ...size, kept: 'same' as const }];
    parts.catalog.recordIngested([{ ...media, replaces: media.mediaId, frames }]);
    writeFileSync(frame, '#exit');
    const report = await runSync(sync, {}, { ingest: true, embed: true });
    assert.is(report.framesAdded, 1);
    assert.is(report.framesFailed, 1);
    const lost = parts.catalog.embeddingOf('clip', asFrameId(0));
    assert.match(lost?.error ?? '', /^ERR_ENCODE: the worker died/);
    assert.is(parts.catalog.embeddingOf('clip', asFrameId(1))?.error, null);
    writeFileSync(frame, jpeg);
    const healed = await runSync(sync, {}, { ingest: true, embed: true });
    assert.is(healed.framesAdded, 1);
    assert.is(healed.framesFailed, 0);
    assert.is(parts.catalog.embeddingOf('clip', asFrameId(0))?.error, null);
    assert.equal(parts.catalog.integrityCheck(), []);
    assert.is(parts.index.count, 2);
    await clip.close();
  });
});

test('while workers keep dying frames are recorded, not lost, and cost no attempt', async () => {
  const root = await folderOf('blue', 'red');
  await withParts(root, async (parts) => {
    const broken = path.join(makeTempDir('worker'), 'broken.js');
    writeFileSync(broken, 'throw new Error("broken on purpose")');
    const clip = await openClip(TINY_CLIP, { workers: 1 }, broken);
    for (let i = 0; i < 5; i++) await clip.image.encode([Buffer.from('x')]).catch(() => undefined);
    const sync = { ...parts, space: 'clip', encoder: clip.image };
    for (let i = 0; i < 4; i++) {
      const report = await runSync(sync, {}, { ingest: true, embed: true });
      assert.is(report.framesFailed, 2);
    }
    assert.match(parts.catalog.embeddingOf('clip', asFrameId(0))?.error ?? '', /takes no work/);
    await clip.close();
    const whole = await openClip(TINY_CLIP, { workers: 1 });
    const healed = await runSync(
      { ...sync, encoder: whole.image },
      {},
      { ingest: true, embed: true },
    );
    assert.is(healed.framesAdded, 2);
    await whole.close();
  });
});

test('a stored frame that is gone is decoded again by the next sync', async () => {
  const root = await folderOf('blue');
  await withParts(root, async (parts) => {
    const clip = await openClip(TINY_CLIP, { workers: 1 });
    const sync = { ...parts, space: 'clip', encoder: clip.image };
    await runSync(sync, {}, { ingest: true, embed: false });
    rmSync(path.join(parts.dir, 'frames', '0', '0.jpg'));
    const report = await runSync(sync, {}, { ingest: false, embed: true });
    assert.is(report.framesFailed, 1);
    assert.match(report.problems[0]?.reason ?? '', /stored frame cannot be read/);
    const healed = await runSync(sync, {}, { ingest: true, embed: true });
    assert.is(healed.framesAdded, 1);
    assert.equal(parts.catalog.integrityCheck(), []);
    await clip.close();
  });
});

test.run();
