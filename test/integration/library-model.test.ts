/** A library whose model is missing, moved, replaced or named by a relative path. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog } from '../../lib/catalog';
import { isLibraryError, type LibraryError } from '../../lib/base/errors';
import { openLibrary, type OpenLibraryOptions } from '../../lib/library';
import { COLOURS, picture } from '../helpers/media';
import { makeTempDir } from '../helpers/temp';
import { copyTinyClip, TINY_CLIP_EXTERNAL } from '../helpers/tiny-clip';

async function failureOf(work: () => Promise<unknown>): Promise<LibraryError> {
  try {
    await work();
  } catch (error) {
    if (isLibraryError(error)) return error;
    throw error;
  }
  throw new Error('expected a rejection');
}

/** Four pictures, embedded with a model that lies in a folder of its own. */
async function made(options: OpenLibraryOptions = {}): Promise<{ root: string; model: string }> {
  const root = makeTempDir('library-model');
  const model = copyTinyClip();
  for (const name of ['red', 'green', 'blue', 'yellow'] as const)
    writeFileSync(path.join(root, `${name}.jpg`), await picture(COLOURS.white, COLOURS[name]));
  await using library = await openLibrary(root, { model, ...options });
  assert.is((await library.sync()).indexed, 4);
  return { root, model };
}

const hitsOf = async (
  library: Awaited<ReturnType<typeof openLibrary>>,
  query: { text: string } | { frame: number },
): Promise<number> => (await library.search(query)).results.length;

test('without its model a library does everything that needs none, and says what to do', async () => {
  const { root, model } = await made();
  renameSync(model, `${model}.away`);
  await using library = await openLibrary(root);
  assert.is(library.stats().frames, 4);
  assert.is(library.model.id, path.basename(model));
  assert.ok((await library.verify()).ok);
  assert.is(library.problems().length, 0);
  assert.is(library.frame(1)?.frameId, 1);
  assert.is(await hitsOf(library, { frame: 1 }), 3);
  writeFileSync(path.join(root, 'more.jpg'), await picture(COLOURS.blue, COLOURS.red));
  await library.sync({ embed: false });
  assert.is(library.stats().framesPending, 1);
  const missing = await failureOf(() => library.search({ text: 'a red circle' }));
  assert.is(missing.code, 'ERR_MODEL_MISSING');
  assert.match(missing.message, /of this library.*no folder.*--model/);
  // The frame waits, and its own reason names the model.
  const report = await library.sync();
  assert.is(report.problems[0]?.code, 'ERR_MODEL_MISSING');
  const failure = await failureOf(() => library.index({ rebuild: true }));
  assert.is(failure.code, 'ERR_MODEL_MISSING');
  assert.is(await hitsOf(library, { frame: 1 }), 3, 'a rebuild that cannot be done drops nothing');
  renameSync(`${model}.away`, model);
  assert.is(await hitsOf(library, { text: 'a red circle' }), 4, 'found again without opening anew');
  assert.is((await library.sync()).problems.length, 0);
  assert.is(await hitsOf(library, { text: 'a red circle' }), 5);
});

test('readers open without the model, and a replaced model is reported at its first use', async () => {
  const { root, model } = await made();
  rmSync(model, { recursive: true });
  cpSync(path.resolve(__dirname, '../../../models/builtin'), model, { recursive: true });
  await using library = await openLibrary(root, { readOnly: true });
  assert.is(await hitsOf(library, { frame: 1 }), 3);
  const wrong = await failureOf(() => library.search({ text: 'a red circle' }));
  assert.is(wrong.code, 'ERR_MODEL_MISMATCH');
  // Named by the caller it is refused at once.
  const named = await failureOf(() => openLibrary(root, { model: 'builtin' }));
  assert.is(named.code, 'ERR_MODEL_MISMATCH');
});

/** The same model with one weight changed. */
function changed(graph: Buffer): Buffer {
  const weights = readFileSync(path.join(TINY_CLIP_EXTERNAL, 'onnx/vision_weights.bin'));
  const at = graph.indexOf(weights.subarray(0, 64));
  assert.ok(at > 0);
  const other = Buffer.from(graph);
  other.writeFloatLE(-other.readFloatLE(at) + 1, at);
  return other;
}

test('a model that is replaced while a library is open is not loaded: no vector of another model', async () => {
  const { root, model } = await made();
  const file = path.join(model, 'onnx/vision_model.onnx');
  const former = readFileSync(file);
  const replace: ((bytes: Buffer) => void)[] = [
    (bytes) => writeFileSync(file, bytes),
    (bytes) => {
      writeFileSync(`${file}.new`, bytes);
      renameSync(`${file}.new`, file);
    },
  ];
  for (const [i, replaceBy] of replace.entries()) {
    await using library = await openLibrary(root);
    writeFileSync(path.join(root, `more-${i}.jpg`), await picture(COLOURS.blue, [9, 9, i * 99]));
    replaceBy(changed(former));
    const report = await library.sync();
    assert.equal([report.framesAdded, report.problems[0]?.code], [0, 'ERR_MODEL_HASH']);
    assert.match(report.problems[0]?.reason ?? '', /vision_model\.onnx is not the file/);
    // The same bytes in another file are the same model.
    replaceBy(former);
    assert.equal([(await library.sync()).framesAdded, library.stats().framesFailed], [1, 0]);
  }
});

test('a moved model is given once and remembered', async () => {
  const { root, model } = await made();
  const elsewhere = `${model}-elsewhere`;
  renameSync(model, elsewhere);
  await (await openLibrary(root, { model: elsewhere })).close();
  await using library = await openLibrary(root);
  assert.is(await hitsOf(library, { text: 'a red circle' }), 4);
});

test('a relative name means the same folder from everywhere, also where one was remembered', async () => {
  const before = process.cwd();
  const work = makeTempDir('work');
  const root = path.join(work, 'media');
  mkdirSync(root);
  cpSync(copyTinyClip(), path.join(work, 'model'), { recursive: true });
  writeFileSync(path.join(root, 'red.jpg'), await picture(COLOURS.white, COLOURS.red));
  try {
    process.chdir(work);
    for (const model of ['./model', 'model']) {
      process.chdir(work);
      await using library = await openLibrary(root, { model });
      await library.sync();
      process.chdir(before);
      await library.close();
      await using again = await openLibrary(root);
      assert.is(await hitsOf(again, { text: 'a red circle' }), 1, model);
    }
    // As it was remembered once, by a command that ran in the folder above the root.
    const catalog = await openCatalog(path.join(root, '.sightline'), { readOnly: false });
    catalog.spaces.setModelName('clip', './model');
    catalog.close();
    await using old = await openLibrary(root);
    assert.is(await hitsOf(old, { text: 'a red circle' }), 1);
  } finally {
    process.chdir(before);
  }
});

test('creating a library needs its model', async () => {
  const root = makeTempDir('no-model');
  const error = await failureOf(() => openLibrary(root, { model: '/no/such/model' }));
  assert.is(error.code, 'ERR_MODEL_MISSING');
});

test.run();
