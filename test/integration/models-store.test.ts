/** What a pull recorded is what is loaded ever after; what the listing says; what verify finds. */
import { cpSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClip } from '../../lib/encode';
import { listModels, verifyModels, type InstalledModel } from '../../lib/library/models';
import { REPOSITORY, TEXT, tinyFiles, VISION, withServedModel } from '../helpers/served-model';
import type { Served } from '../helpers/served-model';
import { makeTempDir } from '../helpers/temp';
import { codeOf, errorOf } from '../helpers/errors';
import { TINY_CLIP } from '../helpers/tiny-clip';

/** Flips one bit of a file, through its link. */
function damage(served: Served, name: string, commit = served.commit): void {
  const file = realpathSync(path.join(served.folder, 'snapshots', commit, name));
  const bytes = readFileSync(file);
  bytes[40] = (bytes[40] as number) ^ 1;
  writeFileSync(file, bytes);
}

const lockFile = (served: Served): string => path.join(served.folder, 'sightline.lock.json');

async function listed(served: Served): Promise<InstalledModel[]> {
  return (await listModels(served.env)).filter((model) => model.id !== 'builtin');
}

async function only(served: Served): Promise<InstalledModel> {
  const models = await listed(served);
  assert.is(models.length, 1);
  return models[0] as InstalledModel;
}

test('a changed file is refused at load with ERR_MODEL_HASH, and a pull brings it back', async () => {
  for (const name of [VISION, TEXT, 'config.json', 'tokenizer.json', 'preprocessor_config.json']) {
    await withServedModel(async (served) => {
      await served.pull();
      damage(served, name);
      const error = await errorOf(openClip(REPOSITORY, { env: served.env }));
      assert.is(error.code, 'ERR_MODEL_HASH', name);
      assert.ok(error.message.includes(name));
      assert.match(error.message, /sightline models pull acme\/tiny-clip$/);
      await served.pull();
      await (await openClip(REPOSITORY, { env: served.env })).close();
    });
  }
});

test('another size, a missing file and a file put in its place by hand are refused too', () =>
  withServedModel(async (served) => {
    await served.pull();
    const { env, folder, commit } = served;
    const file = path.join(folder, 'snapshots', commit, TEXT);
    rmSync(file);
    const gone = await errorOf(openClip(REPOSITORY, { env }));
    assert.is(gone.code, 'ERR_MODEL_MISSING');
    assert.match(gone.message, /run: sightline models pull acme\/tiny-clip/);
    cpSync(path.join(TINY_CLIP, VISION), file);
    const offline = await errorOf(served.pull({ env: { ...env, HF_HUB_OFFLINE: '1' } }));
    assert.is(offline.code, 'ERR_MODEL_MISSING');
    assert.match(offline.message, /is not whole here: onnx\/text_model\.onnx has/);
    const other = await errorOf(openClip(REPOSITORY, { env }));
    assert.is(other.code, 'ERR_MODEL_HASH');
    assert.match(other.message, /has \d+ bytes, recorded were \d+/);
  }));

test('a damaged number type is refused, the other one still loads', () =>
  withServedModel(async (served) => {
    await served.pull();
    await served.pull({ dtype: 'q8' });
    damage(served, VISION);
    const { env } = served;
    assert.is(await codeOf(openClip(REPOSITORY, { env })), 'ERR_MODEL_HASH');
    await (await openClip(REPOSITORY, { env, dtype: 'q8' })).close();
  }));

test('when another tool moves the branch, what was pulled is still what is loaded', () =>
  withServedModel(async (served) => {
    const { hub, files, env, folder, commit, pull } = served;
    await pull();
    const newer = new Map(files).set(
      VISION,
      files.get('onnx/vision_model_quantized.onnx') as Buffer,
    );
    const moved = hub.publish(REPOSITORY, { files: newer });
    writeFileSync(path.join(folder, 'refs', 'main'), moved);
    const kept = await openClip(REPOSITORY, { env });
    assert.is(kept.identity.revision, commit);
    const report = await pull();
    assert.is(report.revision, moved);
    assert.is(report.previousRevision, commit);
    assert.is((await pull()).previousRevision, undefined);
    const after = await openClip(REPOSITORY, { env });
    assert.is(after.identity.revision, moved);
    const before = await openClip(`${REPOSITORY}@${commit}`, { env });
    assert.is(before.identity.revision, commit);
    await Promise.all([kept.close(), after.close(), before.close()]);
  }));

test('a revision that was not pulled is not here, and one that has two names is listed once', () =>
  withServedModel(async (served) => {
    const { env, pull, commit } = served;
    await pull();
    for (const revision of ['v9', '1'.repeat(40)]) {
      const error = await errorOf(openClip(`${REPOSITORY}@${revision}`, { env }));
      assert.match(error.message, /it is not in the hub cache/);
      const offline = { ...env, HF_HUB_OFFLINE: '1' };
      const away = await errorOf(pull({ env: offline }, `${REPOSITORY}@${revision}`));
      assert.match(away.message, /is not on this machine/);
    }
    await pull({}, `${REPOSITORY}@${commit}`);
    assert.is((await only(served)).id, REPOSITORY);
  }));

test('another sum for a commit that was pulled before is refused, large files and small ones', async () => {
  for (const name of [VISION, 'config.json']) {
    await withServedModel(async (served) => {
      await served.pull();
      const lock = JSON.parse(readFileSync(lockFile(served), 'utf8')) as {
        entries: Record<string, { files: Record<string, { sha256: string }> }>;
      };
      const record = lock.entries[served.commit]?.files[name] as { sha256: string };
      record.sha256 = 'a'.repeat(64);
      writeFileSync(lockFile(served), JSON.stringify(lock));
      const blobs = path.join(served.folder, 'blobs');
      cpSync(blobs, `${blobs}.kept`, { recursive: true });
      rmSync(blobs, { recursive: true });
      served.hub.asked.length = 0;
      const error = await errorOf(served.pull());
      assert.is(error.code, 'ERR_MODEL_HASH', name);
      assert.match(error.message, /for the same commit/);
      // The record of a large file is enough to refuse it; that of a small one has another sum.
      if (name === VISION) assert.equal(served.hub.askedFor(name), []);
      rmSync(blobs, { recursive: true, force: true });
      cpSync(`${blobs}.kept`, blobs, { recursive: true });
      assert.is(await codeOf(openClip(REPOSITORY, { env: served.env })), 'ERR_MODEL_HASH');
    });
  }
});

test('a lock file that cannot be believed stops loading and says what to do', async () => {
  const bad = [
    '',
    '{',
    '[]',
    '{"version":2}',
    `{"version":2,"id":"${REPOSITORY}","refs":{},"entries":{}}`,
    `{"version":1,"id":"${REPOSITORY}","refs":{"main":"../x"},"entries":{}}`,
    `{"version":1,"id":"other/model","refs":{},"entries":{}}`,
    `{"version":1,"id":"${REPOSITORY}","refs":{},"entries":{"${'0'.repeat(40)}":{"files":{"../x":{"size":1,"sha256":"${'0'.repeat(64)}"}}}}}`,
  ];
  const commit = '0'.repeat(40);
  for (const file of [{ size: 1.5 }, { size: '1' }, { sha256: 'x' }, { sha256: 7 }]) {
    const files = { x: { size: 1, sha256: '0'.repeat(64), ...file } };
    const document = { version: 1, id: REPOSITORY, refs: {}, entries: { [commit]: { files } } };
    bad.push(JSON.stringify(document));
  }
  const golden = JSON.stringify({
    entries: { [commit]: { files: {}, golden: { dtype: 'fp32' } } },
  });
  bad.push(`{"version":1,"id":"${REPOSITORY}","refs":{},${golden.slice(1)}`);
  await withServedModel(async (served) => {
    await served.pull();
    for (const text of bad) {
      writeFileSync(lockFile(served), text);
      assert.is(await codeOf(openClip(REPOSITORY, { env: served.env })), 'ERR_MODEL_INVALID', text);
      assert.is((await only(served)).state, 'damaged', text);
    }
    rmSync(lockFile(served));
    await served.pull();
    assert.is((await only(served)).state, 'complete');
  });
});

test('the listing tells complete, incomplete, damaged and not recorded apart', () =>
  withServedModel(async (served) => {
    const { pull, hub, commit, folder, cache } = served;
    assert.equal(await listed(served), []);
    hub.faults.push({ path: /^\/store\//, times: 1, cutAfter: 300 });
    hub.faults.push({ path: /^\/store\//, times: 9, status: 500 });
    await errorOf(pull({ dtype: 'q8' }));
    const begun = await only(served);
    assert.is(begun.state, 'incomplete');
    assert.match(begun.note ?? '', /sightline models pull acme\/tiny-clip --dtype q8$/);
    assert.ok(begun.sizeBytes > 300);
    hub.faults.length = 0;
    await pull({ dtype: 'q8' });
    await pull();
    const whole = await only(served);
    assert.equal(
      { ...whole, sizeBytes: 0 },
      {
        id: REPOSITORY,
        revision: commit,
        dtypes: ['fp32', 'q8'],
        sizeBytes: 0,
        state: 'complete',
        isPinned: true,
        folder: path.join(folder, 'snapshots', commit),
        note: undefined,
      },
    );
    const file = realpathSync(path.join(folder, 'snapshots', commit, TEXT));
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(1));
    assert.is((await only(served)).state, 'damaged');
    rmSync(file);
    assert.is((await only(served)).state, 'incomplete');
    writeFileSync(file, bytes);
    // What other tools leave: no lock file, and kinds of models that are none of ours.
    rmSync(lockFile(served));
    const foreign = await only(served);
    assert.is(foreign.state, 'complete');
    assert.not.ok(foreign.isPinned);
    // A ref is a commit, and never a way out of the cache.
    writeFileSync(path.join(folder, 'refs', 'main'), '../../../elsewhere');
    const astray = await errorOf(openClip(REPOSITORY, { env: served.env }));
    assert.match(astray.message, /it is not in the hub cache/);
    assert.equal(await listed(served), []);
    writeFileSync(path.join(folder, 'refs', 'main'), commit);
    mkdirSync(path.join(cache, 'models--some--llm', 'snapshots', 'x'), { recursive: true });
    mkdirSync(path.join(cache, 'datasets--some--set'));
    writeFileSync(path.join(cache, 'models--a--file'), '');
    assert.is((await listed(served)).length, 1);
  }));

test('verify records golden vectors the first time and compares with them ever after', () =>
  withServedModel(async (served) => {
    const { pull, env } = served;
    await pull();
    const [first] = await verifyModels(REPOSITORY, { env });
    assert.ok(first?.isOk);
    assert.is(first.files.length, 6);
    assert.ok(first.drift[0]?.isFirst);
    // A pull of another number type keeps the golden vectors, and is measured by them.
    await pull({ dtype: 'q8' });
    const [second] = await verifyModels(REPOSITORY, { env });
    assert.ok(second?.isOk, second?.problems.join());
    assert.equal(
      second.drift.map(({ dtype, isFirst, leastCosine }) => [dtype, isFirst, leastCosine]),
      [
        ['fp32', false, 0.999],
        ['q8', false, 0.95],
      ],
    );
    assert.ok((second.drift[0]?.worstCosine ?? 0) > 0.999999);
    assert.ok((second.drift[1]?.worstCosine ?? 0) > 0.95);
    const names = second.drift[0]?.items.map((item) => item.name) ?? [];
    assert.is(names.filter((name) => name.startsWith('image-')).length, 3);
    assert.is(names.filter((name) => name.startsWith('text-')).length, 3);
  }));

test('verify sees drift: a number type whose weights answer something else', async () => {
  const files = tinyFiles();
  const vision = Buffer.from(files.get(VISION) as Buffer);
  // The projection's 48 x 8 floats follow its name, field tag and length. Every other sign: pictures
  // get another direction, and all the rest of the model stays what it is.
  const data = vision.lastIndexOf(Buffer.from('project')) + 'project'.length + 3;
  for (let at = data + 3; at < data + 48 * 8 * 4; at += 8)
    vision[at] = (vision[at] as number) ^ 0x80;
  files.set('onnx/vision_model_quantized.onnx', vision);
  await withServedModel(async ({ pull, env }) => {
    await pull();
    await verifyModels(REPOSITORY, { env });
    await pull({ dtype: 'q8' });
    const [result] = await verifyModels(REPOSITORY, { env, dtype: 'q8' });
    assert.not.ok(result?.isOk);
    assert.ok((result?.drift[0]?.worstCosine ?? 1) < 0.95);
    assert.match(result?.problems[0] ?? '', /q8: cosine of image-\w+ to its golden vector is/);
  }, files);
});

test('verify names a changed file and does not load it', () =>
  withServedModel(async (served) => {
    await served.pull();
    damage(served, VISION);
    const [result] = await verifyModels(REPOSITORY, { env: served.env });
    assert.not.ok(result?.isOk);
    assert.equal(result?.drift, []);
    assert.match(result?.problems[0] ?? '', /vision_model\.onnx has SHA-256/);
    assert.match(result?.problems[1] ?? '', /sightline models pull/);
    assert.is(result?.problems.length, 2, 'the model was not asked');
  }));

test('verify of what is not here, of a folder, and of all', () =>
  withServedModel(async (served) => {
    const { env, pull, folder } = served;
    assert.is(await codeOf(verifyModels(REPOSITORY, { env })), 'ERR_MODEL_MISSING');
    assert.is(await codeOf(verifyModels(TINY_CLIP, { env })), 'ERR_ARG_RANGE');
    await pull();
    const absent = await errorOf(verifyModels(REPOSITORY, { env, dtype: 'fp16' }));
    assert.is(absent.code, 'ERR_MODEL_MISSING');
    assert.match(absent.message, /--dtype fp16$/);
    const all = await verifyModels(undefined, { env });
    assert.equal(
      all.map(({ id, isOk }) => [id, isOk]),
      [
        ['builtin', true],
        [REPOSITORY, true],
      ],
    );
    rmSync(path.join(folder, 'sightline.lock.json'));
    const [foreign] = await verifyModels(REPOSITORY, { env });
    assert.match(foreign?.notes[0] ?? '', /was not pulled by sightline/);
  }));

test('the built-in model answers as its golden vectors say', async () => {
  const [result] = await verifyModels('builtin', { env: { HF_HUB_CACHE: makeTempDir('none') } });
  assert.ok(result?.isOk, result?.problems.join());
  assert.not.ok(result.drift[0]?.isFirst);
  assert.ok((result.drift[0]?.worstCosine ?? 0) > 0.9999);
});

test.run();
