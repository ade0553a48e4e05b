/** Every call of the library and of what stands beside it refuses misspelt and misused options. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DiskCache,
  encodeTwoPart,
  EmbeddingService,
  findLibrary,
  isLibraryError,
  MemoryCache,
  openAudioEmbedder,
  openAudioEncoder,
  openClip,
  openEmbeddingService,
  openLibrary,
  openTextEncoder,
  openVideoEncoder,
  PgVectorStore,
  pullModel,
  RedisCache,
  verifyModels,
  type LibraryError,
} from '../../lib';
import { makeTempDir } from '../helpers/temp';

/** As a program without types, or with a cast, would give it. */
const typo = <T>(value: unknown): T => value as T;

async function refusal(work: () => unknown): Promise<LibraryError> {
  try {
    await work();
  } catch (error) {
    assert.ok(isLibraryError(error), `a foreign error: ${String(error)}`);
    return error;
  }
  throw new Error('nothing was refused');
}

async function refuses(
  calls: Record<string, readonly [() => unknown, string]>,
  code = 'ERR_ARG_TYPE',
): Promise<void> {
  for (const [name, [call, words]] of Object.entries(calls)) {
    const error = await refusal(call);
    assert.is(error.code, code, `${name}: ${error.message}`);
    assert.ok(error.message.includes(words), `${name}: ${error.message}`);
  }
}

test('opening a library refuses names it does not know and values of the wrong kind', async () => {
  const root = makeTempDir('library-options');
  const open = (options: unknown) => () => openLibrary(root, typo(options));
  await refuses({
    modle: [open({ modle: 'builtin' }), 'did you mean "model"'],
    readonly: [open({ readonly: true }), 'did you mean "readOnly"'],
    folder: [open({ folder: root }), 'did you mean "dir"'],
    model: [open({ model: 5 }), 'model must be a string, received 5'],
    null: [open(null), 'options must be an object, received null'],
    text: [open('builtin'), 'options must be an object'],
    list: [open(['builtin']), 'options must be an object'],
    store: [open({ vectorStore: { ulr: 'postgres://x' } }), 'vectorStore has no "ulr"'],
    root: [() => openLibrary(typo(undefined)), 'root must be a string'],
    find: [() => findLibrary(typo(5)), 'root must be a string'],
  });
  await refuses({ empty: [open({ model: '' }), 'model must be'] }, 'ERR_ARG_RANGE');
  // Nothing was made for any of them.
  assert.is(findLibrary(root), undefined);
});

test('sync, search and verify refuse them before they do anything', async () => {
  const root = makeTempDir('library-options');
  writeFileSync(path.join(root, 'x.txt'), 'no picture');
  await using library = await openLibrary(root);
  const query = { text: 'a red circle' };
  const search = (options: unknown) => () => library.search(query, typo(options));
  const ask = (given: unknown) => () => library.search(typo(given));
  await refuses({
    syncFps: [() => library.sync(typo({ FPS: 2 })), 'did you mean "fps"'],
    syncNull: [() => library.sync(typo(null)), 'options must be an object'],
    syncType: [() => library.sync(typo({ fps: '2' })), 'fps must be a number, received "2"'],
    syncIgnore: [() => library.sync(typo({ ignore: 'x' })), 'ignore must be an array'],
    syncSignal: [() => library.sync(typo(new AbortController().signal)), 'options must be'],
    ingest: [() => library.ingest(typo({ dryrun: true })), 'did you mean "dryRun"'],
    index: [() => library.index(typo({ rebuilt: true })), 'did you mean "rebuild"'],
    rebuild: [() => library.sync(typo({ rebuild: true })), 'options has no "rebuild"'],
    verify: [() => library.verify(typo({ fix: true })), 'it takes repair'],
    limit: [search({ limit: 2 }), 'did you mean "k"'],
    K: [search({ K: 5 }), 'did you mean "k"'],
    filter: [search({ filter: { type: 'image' } }), 'options has no "filter"'],
    path: [search({ path: 5 }), 'path must be a string, received 5'],
    list: [search([5]), 'options must be an object'],
    kNull: [search({ k: null }), 'k must be a number, received null'],
    exact: [search({ exact: 'yes' }), 'exact must be a boolean'],
    queryText: [ask('a red circle'), 'query must be an object'],
    queryNone: [ask({}), 'exactly one of text, image, frame, vector; received none'],
    queryTwo: [ask({ text: 'x', frame: 1 }), 'received text and frame'],
    queryName: [ask({ query: 'x' }), 'did you mean "text"'],
    queryImage: [ask({ image: '/a.jpg' }), 'await readFile(path)'],
    queryFrame: [ask({ frame: '1' }), 'query.frame must be a number'],
    queryVector: [ask({ vector: [1, 2] }), 'query.vector must be a Float32Array'],
    embed: [
      () => library.embeddings.getInstructionEmbedding('x', typo({ usecache: false })),
      'did you mean "useCache"',
    ],
    batch: [
      () => library.embeddings.batchGenerateEmbeddings(typo({ text: ['x'] })),
      'did you mean "texts"',
    ],
  });
  await refuses(
    {
      images: [search({ type: 'images' }), "type must be 'image', 'video', received \"images\""],
      k: [search({ k: 1001 }), 'k must be a whole number from 1 to 1000'],
      fps: [() => library.sync({ fps: 0 }), 'fps must be a number from 0.001 to 240'],
      size: [() => library.sync({ maxSize: NaN }), 'maxSize must be a whole number'],
    },
    'ERR_ARG_RANGE',
  );
  assert.is(library.mediaFile(typo({})), undefined);
  assert.is(library.stats().media.indexed, 0);
});

test('encoders, models, caches and stores refuse them as well', async () => {
  const encoder = { dim: 1, encode: async () => new Float32Array(2) };
  const store = { table: 't', dim: 2, model: 'm' };
  await refuses({
    clip: [() => openClip('builtin', typo({ thread: 1 })), 'did you mean "threads"'],
    clipModel: [() => openClip(typo(5)), 'model must be a string'],
    clipType: [() => openClip('builtin', { threads: typo('2') }), 'threads must be a number'],
    text: [() => openTextEncoder('builtin', typo({ timeout: 5 })), 'did you mean "timeoutMs"'],
    audio: [() => openAudioEncoder('x', typo({ worker: 1 })), 'did you mean "workers"'],
    sound: [() => openAudioEmbedder('x', typo({ worker: 1 })), 'did you mean "workers"'],
    video: [() => openVideoEncoder('x', typo({ devise: 'cpu' })), 'did you mean "device"'],
    twoPart: [
      () => encodeTwoPart(encoder, [typo({ titel: 'x' })]),
      'items[0] has no "titel": did you mean "title"',
    ],
    pull: [() => pullModel('x/y', typo({ dryRun: true })), 'did you mean "isDryRun"'],
    pullName: [() => pullModel(typo(undefined)), 'model must be a string'],
    models: [() => verifyModels('builtin', typo({ type: 'fp32' })), 'did you mean "dtype"'],
    service: [() => openEmbeddingService(typo({ textmodel: 'x' })), 'did you mean "textModel"'],
    inner: [
      () => openEmbeddingService({ encoder: typo({ devise: 'cpu' }) }),
      'encoder has no "devise": did you mean "device"',
    ],
    parts: [() => new EmbeddingService(typo({ text: encoder })), 'options has no "text"'],
    memory: [() => new MemoryCache(typo({ ttl: 5 })), 'did you mean "ttlSeconds"'],
    disk: [() => new DiskCache(typo({ maxbytes: 5, folder: 'x' })), 'did you mean "maxBytes"'],
    diskNone: [() => new DiskCache(typo({})), 'folder must be a string'],
    redis: [() => new RedisCache(typo({ uri: 'redis://x' })), 'did you mean "url"'],
    store: [() => PgVectorStore.open(typo({ ...store, tabel: 't' })), 'did you mean "table"'],
    storePool: [() => PgVectorStore.open(typo({ ...store, poolSize: null })), 'received null'],
  });
});

test.run();
