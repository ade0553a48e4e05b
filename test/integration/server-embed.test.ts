/** Embeddings over HTTP: three ways in, many at once, wrong ones, figures. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { ask, askJson, form, type Answer } from '../helpers/http';
import { drawPictures } from '../helpers/media-folder';
import { serve } from '../helpers/served-library';
import { makeTempDir } from '../helpers/temp';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

let library: Library;
let server: Awaited<ReturnType<typeof serve>>;
let port: number;
let picture: Buffer;

test.before(async () => {
  const root = makeTempDir('server-embed');
  await drawPictures(root, 2);
  library = await openLibrary(root, { cache: 'memory' });
  await library.sync();
  const [name = ''] = readdirSync(root).filter((file) => /\.(jpe?g|png|webp)$/.test(file));
  picture = readFileSync(path.join(root, name));
  server = await serve(library);
  port = server.port;
});
test.after(async () => {
  await server.close();
  await library.close();
});

const codeOf = (answer: Answer): string => answer.json<{ error: { code: string } }>().error.code;
const near = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.from(a).every((value, i) => Math.abs(value - (b[i] ?? 9)) < 1e-6);

interface One {
  readonly model: string;
  readonly dim: number;
  readonly embedding: number[];
}
interface Many {
  readonly embeddings: number[][];
}
interface OpenAi {
  readonly object: string;
  readonly model: string;
  readonly data: readonly { index: number; object: string; embedding: number[] | string }[];
  readonly usage: object;
}

test('POST /embed/text gives the vectors of the library, for one and for many', async () => {
  const one = await askJson(port, '/embed/text', { text: 'a red circle' });
  assert.is(one.status, 200, one.text);
  const { model, dim, embedding } = one.json<One>();
  assert.is(model, 'builtin');
  assert.is(dim, embedding.length);
  const direct = await library.embeddings.getInstructionEmbedding('a red circle');
  assert.ok(near(embedding, direct));
  const many = await askJson(port, '/embed/text', { texts: ['two', 'a red circle', 'two'] });
  const { embeddings } = many.json<Many>();
  assert.is(embeddings.length, 3);
  assert.ok(near(embeddings[1] ?? [], direct));
  assert.equal(embeddings[0], embeddings[2]);
  assert.is(many.headers['cache-control'], 'no-store');
});

test('POST /embed/image takes a form, raw bytes and base64, with one answer', async () => {
  const direct = await library.embeddings.getImageEmbedding(picture);
  const base64 = picture.toString('base64');
  const raw = (type: string): Promise<Answer> =>
    ask(port, '/embed/image', { method: 'POST', headers: { 'content-type': type }, body: picture });
  const answers = await Promise.all([
    ask(port, '/embed/image', { method: 'POST', ...form({}, { name: 'image', bytes: picture }) }),
    raw('application/octet-stream'),
    raw('image/jpeg'),
    askJson(port, '/embed/image', { image: base64 }),
    askJson(port, '/embed/image', { image: `data:image/png;base64,${base64}` }),
  ]);
  for (const answer of answers) {
    assert.is(answer.status, 200, answer.text);
    assert.ok(near(answer.json<One>().embedding, direct));
  }
  const many = await askJson(port, '/embed/image', { images: [base64, base64] });
  assert.is(many.json<Many>().embeddings.length, 2);
});

test('POST /v1/embeddings speaks as the OpenAI API does', async () => {
  const direct = await library.embeddings.getInstructionEmbedding('a blue star');
  const ofPicture = await library.embeddings.getImageEmbedding(picture);
  const one = await askJson(port, '/v1/embeddings', {
    input: 'a blue star',
    model: 'builtin',
    user: 'u',
  });
  assert.is(one.status, 200, one.text);
  const body = one.json<OpenAi>();
  assert.is(body.object, 'list');
  assert.is(body.model, 'builtin');
  assert.equal(body.usage, { prompt_tokens: 0, total_tokens: 0 });
  assert.ok(near(body.data[0]?.embedding as number[], direct));
  const dataUrl = `data:image/jpeg;base64,${picture.toString('base64')}`;
  const mixed = await askJson(port, '/v1/embeddings', {
    input: [dataUrl, 'a blue star', dataUrl],
    encoding_format: 'base64',
    dimensions: direct.length,
  });
  const { data } = mixed.json<OpenAi>();
  assert.equal(
    data.map(({ index, object }) => [index, object]),
    [0, 1, 2].map((i) => [i, 'embedding']),
  );
  const decoded = data.map(({ embedding }) => {
    const bytes = Buffer.from(embedding as string, 'base64');
    return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
  });
  assert.ok(near(decoded[0] ?? [], ofPicture));
  assert.ok(near(decoded[1] ?? [], direct));
  assert.ok(near(decoded[2] ?? [], ofPicture));
});

test('wrong requests get a code, and the next right one an answer', async () => {
  const raw = (body: string | Buffer, type: string): Promise<Answer> =>
    ask(port, '/embed/image', { method: 'POST', headers: { 'content-type': type }, body });
  const wrong: readonly [Promise<Answer>, number, RegExp][] = [
    [askJson(port, '/embed/text', {}), 400, /^ERR_ARG/],
    [askJson(port, '/embed/text', { text: '' }), 400, /^ERR_ARG/],
    [askJson(port, '/embed/text', { text: '  ' }), 400, /^ERR_ARG_TYPE$/],
    [askJson(port, '/embed/text', { text: 5 }), 400, /^ERR_ARG/],
    [askJson(port, '/embed/text', { text: 'a', texts: ['b'] }), 400, /^ERR_ARG/],
    [askJson(port, '/embed/text', { texts: new Array(257).fill('x') }), 400, /^ERR_ARG/],
    [askJson(port, '/embed/text', { text: 'x', colour: 1 }), 400, /^ERR_ARG/],
    [askJson(port, '/embed/image', { image: 'not base64!' }), 400, /^ERR_ARG_TYPE$/],
    [askJson(port, '/embed/image', { image: 'aGVsbG8=' }), 415, /^ERR_MEDIA/],
    [raw('no picture at all', 'image/png'), 415, /^ERR_MEDIA/],
    [raw('', 'image/png'), 400, /^ERR/],
    [raw('x', 'text/plain'), 415, /^ERR_REQUEST_TYPE$/],
    [raw(Buffer.alloc(21 << 20), 'image/png'), 413, /^ERR_REQUEST_LIMIT$/],
    [askJson(port, '/v1/embeddings', { input: [] }), 400, /^ERR_ARG/],
    [askJson(port, '/v1/embeddings', { input: 'a', model: 'other' }), 404, /^ERR_NOT_FOUND$/],
    [askJson(port, '/v1/embeddings', { input: 'a', dimensions: 7 }), 400, /^ERR_ARG_RANGE$/],
    [askJson(port, '/v1/embeddings', { input: 'a', encoding_format: 'x' }), 400, /^ERR_ARG/],
    [ask(port, '/embed/text'), 405, /^ERR_REQUEST_METHOD$/],
    [askJson(port, '/embed/text', { text: 'x' }, { origin: 'http://evil.example' }), 403, /^ERR/],
  ];
  for (const [i, [request, status, code]] of wrong.entries()) {
    const answer = await request;
    assert.is(answer.status, status, `${i}: ${answer.text.slice(0, 200)}`);
    assert.match(codeOf(answer), code, `${i}`);
  }
  assert.is((await askJson(port, '/embed/text', { text: 'good' })).status, 200);
});

test('the error says what is wrong with the input that was sent', async () => {
  const messageOf = async (route: string, body: object): Promise<string> => {
    const answer = await askJson(port, route, body);
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
    return answer.json<{ error: { message: string } }>().error.message;
  };
  const openAi = (input: unknown, more = {}): Promise<string> =>
    messageOf('/v1/embeddings', { input, ...more });
  assert.match(await openAi(new Array(300).fill('x')), /^input .*more than 256 items/);
  assert.match(await openAi(''), /^input .*fewer than 1 char/);
  assert.match(await openAi(['ok', 5]), /^input\.1 must be string/);
  assert.match(await openAi(5), /^input must/);
  for (const tokens of [
    [1, 2, 3],
    [[1, 2], [3]],
  ])
    assert.match(await openAi(tokens), /token ids.*send texts.*check_embedding_ctx_length=False/);
  assert.match(
    await openAi('a', { model: 'other' }),
    /no model "other".*"builtin" \(GET \/v1\/models\)/,
  );
  for (const body of [{}, { text: 'a', texts: ['b'] }])
    assert.match(
      await messageOf('/embed/text', body),
      /^body must have exactly one of text, texts/,
    );
});

test('many requests at once share calls of the model, and all are answered', async () => {
  const before = await count(/embedding_batch_size_count\{kind="instruction"\} (\d+)/);
  const texts = Array.from({ length: 60 }, (_, i) => `thing number ${i}`);
  const answers = await Promise.all(texts.map((text) => askJson(port, '/embed/text', { text })));
  for (const [i, answer] of answers.entries()) {
    assert.is(answer.status, 200);
    const direct = await library.embeddings.getInstructionEmbedding(texts[i] ?? '');
    assert.ok(near(answer.json<One>().embedding, direct));
  }
  const calls = (await count(/embedding_batch_size_count\{kind="instruction"\} (\d+)/)) - before;
  assert.ok(calls >= 1 && calls < 60, `${calls} calls for 60 requests`);
  const inputs = await count(/embedding_batch_size_sum\{kind="instruction"\} (\d+)/);
  const counted = await count(/embedding_batch_size_bucket\{le="\+Inf",kind="instruction"\} (\d+)/);
  assert.ok(inputs >= 60);
  assert.is(counted, await count(/embedding_batch_size_count\{kind="instruction"\} (\d+)/));
});

test('requests beyond the queue get 503 with Retry-After', async () => {
  const small = await serve(library, { limits: { activeEmbeds: 1, queuedSearches: 1 } });
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) => askJson(small.port, '/embed/text', { text: `line ${i}` })),
  );
  const refused = answers.filter(({ status }) => status === 503);
  assert.ok(refused.length > 0 && refused.length < 30, `${refused.length} refused`);
  for (const answer of refused) {
    assert.is(codeOf(answer), 'ERR_POOL_FULL');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
  await small.close();
});

async function count(line: RegExp): Promise<number> {
  return Number(line.exec((await ask(port, '/metrics')).text)?.[1] ?? 0);
}

test('GET /metrics has the names of the specification; GET /info says what is served', async () => {
  await ask(port, '/search?q=a%20red%20circle&k=2');
  const { text, headers } = await ask(port, '/metrics');
  assert.match(headers['content-type'] as string, /^text\/plain/);
  for (const name of [
    'embedding_generation_seconds',
    'embedding_cache_hits_total',
    'embedding_cache_misses_total',
    'similarity_search_seconds',
    'similarity_search_results',
    'embedding_queue_depth',
    'embedding_batch_size',
  ]) {
    assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'));
  }
  assert.ok((await count(/similarity_search_results_sum (\d+)/)) >= 2);
  const info = (await ask(port, '/info')).json<{
    models: { text: { id: string; dim: number } };
    cache: { kind: string; hits: number };
    limits: Record<string, number>;
  }>();
  assert.is(info.models.text.id, 'builtin');
  assert.is(info.cache.kind, 'memory');
  assert.ok(info.cache.hits > 0);
  assert.is(info.limits.inputs, 256);
  assert.ok((info.limits.embed_json_bytes ?? 0) > (info.limits.upload_bytes ?? Infinity));
  const described = (await ask(port, '/openapi.json')).json<{ paths: object }>();
  for (const route of ['/embed/text', '/embed/image', '/v1/embeddings', '/metrics', '/info']) {
    assert.ok(Object.hasOwn(described.paths, route), route);
  }
});

test('a server with a token keeps embeddings and figures behind it', async () => {
  const guarded = await serve(library, { token: 'sixteen-characters' });
  for (const route of ['/metrics', '/info'])
    assert.is((await ask(guarded.port, route)).status, 401);
  assert.is((await askJson(guarded.port, '/embed/text', { text: 'x' })).status, 401);
  const headers = { authorization: 'Bearer sixteen-characters' };
  assert.is((await askJson(guarded.port, '/embed/text', { text: 'x' }, headers)).status, 200);
  await guarded.close();
});

test.run();
