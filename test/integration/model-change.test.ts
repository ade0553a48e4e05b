/** Changing the model of a library: by the command line, taken back, and refused where it cannot be done. */
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { openLibrary, type Library } from '../../lib/library';
import { assertRoom } from '../../lib/library/spaces/model-change';
import type { LibraryStats, ModelChange, SearchResponse, SyncReport } from '../../lib/base/types';
import { documentOf, errorOf, runCli } from '../helpers/cli';
import { codeOf } from '../helpers/errors';
import { COLOURS, picture, writePictures } from '../helpers/media';
import { answersOf, type Answers } from '../helpers/model-change';
import { makeTempDir } from '../helpers/temp';
import { copyTinyClip, TINY_CLIP } from '../helpers/tiny-clip';
import { clipLike } from '../helpers/vectors';

const QUERY = 'a white circle';

async function folderOf(count: number): Promise<string> {
  const root = makeTempDir('model-change');
  await writePictures(root, count);
  return root;
}

/** Twelve pictures, embedded with the built-in model. */
async function made(): Promise<string> {
  const root = await folderOf(12);
  await using library = await openLibrary(root);
  assert.is((await library.sync()).indexed, 12);
  return root;
}

const statesOf = (library: Library): string[] =>
  library
    .stats()
    .spaces.map(({ state, model }) => `${state} ${model.id}`)
    .sort();

const foldersOf = (library: Library): string[] => readdirSync(path.join(library.dir, 'spaces'));

async function read(root: string): Promise<Answers> {
  await using library = await openLibrary(root, { readOnly: true });
  return await answersOf(library);
}

test('the path of the README: search makes a library, sync --model changes its model, --undo goes back', async () => {
  const root = await folderOf(12);
  const search = async (): Promise<SearchResponse> =>
    documentOf(await runCli(['search', QUERY, root, '--json', '--no-sync']));
  await runCli(['search', QUERY, root]);
  const before = await search();
  assert.equal([before.model, before.results.length], ['builtin', 12]);

  // What only searches says how the model is changed.
  const refused = await runCli(['search', QUERY, root, '--model', TINY_CLIP, '--json']);
  assert.is(refused.code, 2);
  assert.is(errorOf(refused).code, 'ERR_MODEL_MISMATCH');
  assert.ok(errorOf(refused).message.includes(`sightline sync --model ${TINY_CLIP}`));

  const changed = await runCli(['sync', root, '--model', TINY_CLIP, '--json']);
  assert.is(changed.code, 0, changed.stderr);
  const { modelChange, framesTotal } = documentOf<SyncReport>(changed);
  assert.equal(modelChange, {
    ...{ from: 'builtin', to: 'tiny-clip', isDone: true, frames: 12, framesWaiting: 0 },
  });
  assert.is(framesTotal, 12);
  const after = await search();
  assert.equal([after.model, after.results.length, after.hint], ['tiny-clip', 12, undefined]);
  const { spaces, media } = documentOf<LibraryStats>(await runCli(['stats', root, '--json']));
  assert.equal(
    spaces.map(({ state, modality, metric, dim, frames }) => [
      state,
      modality,
      metric,
      dim,
      frames,
    ]),
    [
      ['former', 'image', 'cosine', 256, 12],
      ['active', 'image', 'cosine', 8, 12],
    ],
  );
  assert.equal(media, { pending: 0, indexed: 12, skipped: 0, failed: 0 });

  // A sync that finds nothing to do keeps the way back.
  assert.is((await runCli(['sync', root])).code, 0);
  const undone = await runCli(['sync', root, '--undo', '--json']);
  assert.is(undone.code, 0, undone.stderr);
  const { from, to } = documentOf<{ modelChange: ModelChange }>(undone).modelChange;
  assert.equal([from, to], ['tiny-clip', 'builtin']);
  assert.equal((await search()).results, before.results);
});

test('undone again a change is redone, and a sync that changes something ends that', async () => {
  const root = await made();
  await using library = await openLibrary(root);
  const before = await answersOf(library);
  const report = await library.sync({ model: TINY_CLIP });
  assert.is(report.modelChange?.isDone, true);
  const changed = await answersOf(library);
  assert.is(changed.model, 'tiny-clip');
  assert.is(library.embeddings.models.image.id, 'tiny-clip');
  assert.is((await library.embeddings.getInstructionEmbedding(QUERY)).length, 8);
  await library.undoModelChange();
  assert.equal(await answersOf(library), before);
  await library.undoModelChange();
  assert.equal(await answersOf(library), changed);
  assert.equal((await library.verify()).problems, []);

  writeFileSync(path.join(root, 'more.jpg'), await picture(COLOURS.red, COLOURS.green));
  await library.sync();
  assert.equal(statesOf(library), ['active tiny-clip']);
  assert.is(foldersOf(library).length, 1, 'its files are gone too');
  assert.is(await codeOf(() => library.undoModelChange()), 'ERR_NOT_FOUND');
  const refused = await runCli(['sync', root, '--undo', '--json', '--library', library.dir]);
  assert.is(errorOf(refused).code, 'ERR_FILE_LOCKED');
  await library.close();
  assert.is((await runCli(['sync', root, '--undo'])).code, 2);
  // Back to the first model by its name: everything is embedded anew.
  await using again = await openLibrary(root);
  const back = await again.sync({ model: 'builtin' });
  assert.equal([back.modelChange?.isDone, back.modelChange?.frames], [true, 13]);
  assert.is((await answersOf(again)).cosines.size, 13);
});

test('files that come with a change are found by the new model, and after an undo wait for the old one', async () => {
  const root = await made();
  writeFileSync(path.join(root, 'more.jpg'), await picture(COLOURS.red, COLOURS.green));
  rmSync(path.join(root, 'p003.jpg'));
  await using library = await openLibrary(root);
  const report = await library.sync({ model: TINY_CLIP });
  assert.equal([report.added, report.removed, report.modelChange?.frames], [1, 1, 12]);
  const { cosines } = await answersOf(library);
  assert.ok(cosines.has('more.jpg') && !cosines.has('p003.jpg'));
  assert.equal((await library.verify()).problems, []);
  await library.undoModelChange();
  await library.sync();
  const old = await answersOf(library);
  assert.equal([old.model, old.cosines.size], ['builtin', 12]);
  assert.equal((await library.verify()).problems, []);
});

test('a model that is missing, or that does not load, changes nothing', async () => {
  const root = await made();
  const before = await read(root);
  const missing = await runCli(['sync', root, '--model', '/no/such/model', '--json']);
  assert.is(missing.code, 4);
  assert.is(errorOf(missing).code, 'ERR_MODEL_MISSING');
  const broken = copyTinyClip();
  for (const name of readdirSync(path.join(broken, 'onnx')))
    writeFileSync(path.join(broken, 'onnx', name), 'no graph');
  assert.is((await runCli(['sync', root, '--model', broken])).code, 4);
  await using library = await openLibrary(root);
  assert.equal(statesOf(library), ['active builtin']);
  assert.equal(await answersOf(library), before);
  assert.is(await codeOf(() => library.sync({ model: TINY_CLIP, embed: false })), 'ERR_ARG_RANGE');
});

test('a library whose model is gone can be given another one', async () => {
  const root = await folderOf(12);
  const model = copyTinyClip();
  await using first = await openLibrary(root, { model });
  await first.sync();
  await first.close();
  rmSync(model, { recursive: true });
  writeFileSync(path.join(root, 'more.jpg'), await picture(COLOURS.red, COLOURS.green));
  const changed = await runCli(['sync', root, '--model', 'builtin', '--json']);
  assert.is(changed.code, 0, changed.stdout);
  assert.is(documentOf<SyncReport>(changed).modelChange?.frames, 13);
  assert.is((await read(root)).cosines.size, 13);
  // Without its model the former space is of no use.
  const refused = await runCli(['sync', root, '--undo', '--json']);
  assert.equal([refused.code, errorOf(refused).code], [4, 'ERR_MODEL_MISSING']);
  assert.is((await read(root)).model, 'builtin');
});

test('an undo is refused where the former vectors are gone or damaged, and nothing changes', async () => {
  const root = await made();
  await using library = await openLibrary(root);
  await library.sync({ model: TINY_CLIP });
  const changed = await answersOf(library);
  const former = path.join(library.dir, 'spaces', 'clip');
  renameSync(former, `${former}-away`);
  assert.is(await codeOf(() => library.undoModelChange()), 'ERR_FILE_MISSING');
  assert.not(existsSync(former));
  renameSync(`${former}-away`, former);
  writeFileSync(path.join(former, 'embeddings.idx'), 'no log');
  assert.is(await codeOf(() => library.undoModelChange()), 'ERR_FILE_CORRUPT');
  assert.equal(await answersOf(library), changed);
  await using reader = await openLibrary(root, { readOnly: true });
  assert.is(await codeOf(() => reader.undoModelChange()), 'ERR_READ_ONLY');
});

test('the room that a change asks for covers the files of its vectors, and less is refused', async () => {
  const [rows, dim] = [4000, 64];
  const folder = path.join(makeTempDir('room'), 'index');
  const index = await VectorIndex.create({ dim, metric: 'cosine', path: folder, storage: 'i4' });
  await index.add(clipLike(rows, dim, 20261202, 1));
  await index.close();
  const size = readdirSync(folder).reduce(
    (sum, name) => sum + statSync(path.join(folder, name)).size,
    0,
  );
  console.log(`${(size / rows).toFixed(0)} bytes a row of ${dim} values`);
  const spare = 64 << 20;
  assert.not.throws(() => assertRoom('here', rows, dim, 2 * size + spare));
  assert.is(await codeOf(() => assertRoom('here', rows, dim, size + spare)), 'ERR_DISK_FULL');
});

test('a setting that names another model is no wish to change it', async () => {
  const root = await made();
  const env = { SIGHTLINE_MODEL: TINY_CLIP };
  const refused = await runCli(['sync', root, '--json'], { env });
  assert.is(errorOf(refused).code, 'ERR_MODEL_MISMATCH');
  // A dry run of a change writes nothing.
  const dry = await runCli(['sync', root, '--model', TINY_CLIP, '--dry-run', '--json']);
  assert.is(dry.code, 0, dry.stderr);
  await using library = await openLibrary(root, { readOnly: true });
  assert.equal(statesOf(library), ['active builtin']);
});

test.run();
