/** Pulling a model from a hub on this machine: what is taken, where it lies, and content that is not what it should be. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClip } from '../../lib/encode';
import { type PullProgress } from '../../lib/library/models';
import {
  blobOf,
  REPOSITORY,
  TEXT,
  tinyFiles,
  VISION,
  withServedModel,
} from '../helpers/served-model';
import { codeOf, errorOf } from '../helpers/errors';
import { assertRow, pictures, TINY_CLIP_EXTERNAL } from '../helpers/tiny-clip';

const FP32 = [
  'config.json',
  'onnx/text_model.onnx',
  'onnx/vision_model.onnx',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

test('a pull downloads what the model needs, in the layout of the hub tools, and the model runs', () =>
  withServedModel(async ({ pull, folder, commit, files, env, snapshotFile, hub }) => {
    hub.pageSize = 3;
    const report = await pull();
    assert.is(report.revision, commit);
    assert.is(report.id, REPOSITORY);
    assert.equal(report.files.map((file) => file.path).sort(), FP32);
    assert.ok(report.files.every((file) => file.state === 'downloaded'));
    assert.is(report.downloadedBytes, report.totalBytes);
    for (const name of FP32) {
      assert.ok(snapshotFile(name).equals(files.get(name) as Buffer), name);
      const link = path.join(folder, 'snapshots', commit, name);
      assert.ok(lstatSync(link).isSymbolicLink(), name);
      assert.not.ok(path.isAbsolute(readlinkSync(link)), 'so that the cache can be moved');
    }
    assert.is(readFileSync(path.join(folder, 'refs', 'main'), 'utf8'), commit);
    assert.is(readFileSync(path.join(folder, 'sightline.pull.json'), 'utf8'), '');
    const clip = await openClip(REPOSITORY, { env });
    assert.is(clip.identity.revision, commit);
    const [picture] = pictures;
    assertRow(await clip.image.encode([picture!.bytes]), 0, picture!.vector);
    await clip.close();
  }));

test('a second pull downloads nothing, and repairs what was changed', () =>
  withServedModel(async ({ pull, folder, files, hub, snapshotFile }) => {
    await pull();
    hub.asked.length = 0;
    const again = await pull();
    assert.ok(again.files.every((file) => file.state === 'present'));
    assert.is(again.downloadedBytes, 0);
    assert.not.ok(hub.asked.some(({ path: url }) => url.includes('/resolve/')));
    const bytes = Buffer.from(files.get(VISION) as Buffer);
    const blob = blobOf(folder, bytes);
    bytes[500] = (bytes[500] as number) ^ 1;
    writeFileSync(blob, bytes);
    const repaired = await pull();
    const states = new Map(repaired.files.map((file) => [file.path, file.state]));
    assert.is(states.get(VISION), 'downloaded');
    assert.is(states.get(TEXT), 'present');
    assert.ok(snapshotFile(VISION).equals(files.get(VISION) as Buffer));
  }));

test('a dry run says what is needed and writes nothing', () =>
  withServedModel(async ({ pull, folder, hub }) => {
    const report = await pull({ isDryRun: true });
    assert.ok(report.isDryRun);
    assert.equal(
      report.files.map((file) => file.state),
      FP32.map(() => 'needed'),
    );
    assert.not.ok(existsSync(folder));
    assert.not.ok(hub.asked.some(({ path: url }) => url.includes('/resolve/')));
  }));

test('a number type pulls its own weights only; a missing one is refused with those available', () =>
  withServedModel(async ({ pull, env }) => {
    const q8 = await pull({ dtype: 'q8' });
    const weights = q8.files.map((file) => file.path).filter((name) => name.startsWith('onnx/'));
    assert.equal(weights.sort(), [
      'onnx/text_model_quantized.onnx',
      'onnx/vision_model_quantized.onnx',
    ]);
    const clip = await openClip(REPOSITORY, { env });
    await clip.image.warm();
    await clip.close();
    const error = await errorOf(pull({ dtype: 'fp16' }));
    assert.is(error.code, 'ERR_MODEL_INVALID');
    assert.match(error.message, /sightline models pull acme\/tiny-clip --dtype q8/);
    // What was not pulled is not loaded either, and the message has the command.
    const absent = await errorOf(openClip(REPOSITORY, { env, dtype: 'fp32' }));
    assert.is(absent.code, 'ERR_MODEL_MISSING');
    assert.match(absent.message, /sightline models pull acme\/tiny-clip;/);
    const before = clip.identity.sha256;
    await pull();
    const best = await openClip(REPOSITORY, { env });
    assert.is.not(best.identity.sha256, before, 'vectors of two number types never mix');
    const asked = await openClip(REPOSITORY, { env, dtype: 'q8' });
    assert.is(asked.identity.sha256, before);
    await Promise.all([best.close(), asked.close()]);
  }));

test('external data is pulled with its graph, also under a name that only the graph knows', async () => {
  const files = tinyFiles();
  for (const name of ['vision_model.onnx', 'vision_weights.bin'])
    files.set(`onnx/${name}`, readFileSync(path.join(TINY_CLIP_EXTERNAL, 'onnx', name)));
  await withServedModel(async ({ pull, env }) => {
    const report = await pull();
    assert.ok(report.files.some((file) => file.path === 'onnx/vision_weights.bin'));
    const clip = await openClip(REPOSITORY, { env });
    await clip.image.warm();
    await clip.close();
  }, files);
  files.delete('onnx/vision_weights.bin');
  await withServedModel(async ({ pull }) => {
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_INVALID');
    assert.match(error.message, /vision_weights\.bin", which the repository does not have/);
  }, files);
});

test('an interrupted download resumes at the last byte', () =>
  withServedModel(async ({ pull, hub, snapshotFile, files }) => {
    hub.faults.push({ path: /^\/store\//, times: 2, cutAfter: 400 });
    await pull();
    const ranges = hub.asked.filter(({ server }) => server === 'store').map(({ range }) => range);
    assert.equal(ranges, [undefined, 'bytes=400-', 'bytes=800-', undefined]);
    assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
    assert.ok(snapshotFile(VISION).equals(files.get(VISION) as Buffer));
  }));

test('the next pull resumes an interrupted one, from the partial file that other tools use', () =>
  withServedModel(async ({ pull, hub, folder, snapshotFile, files }) => {
    hub.faults.push({ path: /^\/store\//, times: 1, cutAfter: 300 });
    hub.faults.push({ path: /^\/store\//, times: 5, status: 503 });
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_MISSING');
    assert.match(error.message, /HTTP 503.*it resumes: sightline models pull acme\/tiny-clip/);
    const left = readdirSync(path.join(folder, 'blobs')).filter((n) => n.endsWith('.incomplete'));
    assert.is(left.length, 1);
    assert.match(left[0] as string, /^[0-9a-f]{64}\.incomplete$/);
    assert.not.ok(existsSync(path.join(folder, 'refs')), 'nothing can be loaded yet');
    hub.faults.length = 0;
    hub.asked.length = 0;
    const events: PullProgress[] = [];
    const report = await pull({ onProgress: (event) => events.push(event) });
    const ranges = hub.asked.filter(({ server }) => server === 'store').map(({ range }) => range);
    assert.equal(ranges, ['bytes=300-', undefined], 'the rest of one file, then the other');
    const downloaded = report.files.filter(({ state }) => state === 'downloaded');
    const sizes = downloaded.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.is(report.downloadedBytes, sizes - 300);
    const there = report.totalBytes - report.downloadedBytes;
    assert.is(events[0]?.doneBytes, there, 'progress starts at what is there');
    const last = events[events.length - 1];
    assert.is(last?.doneBytes, last?.totalBytes);
    assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
  }));

test('a store without byte ranges, or with wrong ones, makes the download restart', async () => {
  for (const fault of [
    { ignoresRanges: true },
    { status: 206, headers: { 'content-range': 'bytes 5-9/99' } },
  ]) {
    await withServedModel(async ({ pull, hub, snapshotFile, files }) => {
      hub.faults.push({ path: /^\/store\//, times: 1, cutAfter: 400 });
      hub.faults.push({ path: /^\/store\//, times: 1, ...fault });
      await pull();
      assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
    });
  }
});

test('wrong content is ERR_MODEL_HASH, is not kept, and leaves nothing to load', async () => {
  for (const [at, name] of [
    [/^\/store\//, TEXT],
    [/resolve.*\/config\.json$/, 'config.json'],
  ] as const) {
    await withServedModel(async ({ pull, hub, files, folder, env }) => {
      const content = Buffer.from(files.get(name) as Buffer);
      content[20] = (content[20] as number) ^ 1;
      hub.faults.push({ path: at, times: 9, content });
      const error = await errorOf(pull());
      assert.is(error.code, 'ERR_MODEL_HASH', name);
      assert.match(error.message, /the hub records [0-9a-f]{40,64}: refused and deleted/);
      const blobs = readdirSync(path.join(folder, 'blobs'));
      assert.not.ok(blobs.some((blob) => blob.endsWith('.incomplete')));
      assert.is(await codeOf(openClip(REPOSITORY, { env })), 'ERR_MODEL_MISSING');
      hub.faults.length = 0;
      await pull();
    });
  }
});

test('a file that is longer than recorded is refused without reading it all', () =>
  withServedModel(async ({ pull, hub, files }) => {
    const content = Buffer.concat([files.get(TEXT) as Buffer, Buffer.alloc(1 << 20)]);
    hub.faults.push({ path: /^\/store\//, times: 9, content });
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_HASH');
    assert.match(error.message, /longer than the \d+ bytes/);
  }));

test('a truncated file is requested a few times, then the pull fails', () =>
  withServedModel(async ({ pull, hub, files }) => {
    const content = (files.get(TEXT) as Buffer).subarray(0, 700);
    hub.faults.push({ path: /^\/store\//, times: 99, content });
    const error = await errorOf(pull());
    assert.is(error.code, 'ERR_MODEL_MISSING');
    assert.match(error.message, /ended at byte \d+ of \d+ and does not go on/);
    assert.ok(hub.asked.filter(({ server }) => server === 'store').length < 10, 'bounded');
  }));

test('a corrupt partial file costs one more download', () =>
  withServedModel(async ({ pull, folder, files, snapshotFile, hub }) => {
    await pull();
    const blob = blobOf(folder, files.get(TEXT) as Buffer);
    rmSync(blob);
    writeFileSync(`${blob}.incomplete`, Buffer.alloc(600, 1));
    await pull();
    assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
    rmSync(blob);
    hub.asked.length = 0;
    writeFileSync(`${blob}.incomplete`, Buffer.alloc(1 << 20));
    const report = await pull({
      onProgress: ({ doneBytes, totalBytes }) => assert.ok(doneBytes <= totalBytes),
    });
    assert.is(report.downloadedBytes, (files.get(TEXT) as Buffer).length);
    assert.ok(snapshotFile(TEXT).equals(files.get(TEXT) as Buffer));
    assert.is(hub.askedFor(TEXT).find(({ server }) => server === 'store')?.range, undefined);
  }));

test.run();
