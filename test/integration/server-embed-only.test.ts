/** A server without a library: embeddings alone, of texts by a sentence encoder, of pictures by a CLIP. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openEmbeddingService, type EmbeddingService } from '../../lib/service';
import { scaled } from '../helpers/deadline';
import { ask, askJson, type Answer } from '../helpers/http';
import { drawing } from '../helpers/media-folder';
import { serve } from '../helpers/served-library';
import { assertUnitRow, minilm, MINILM } from '../helpers/tiny-models';

let service: EmbeddingService;
let server: Awaited<ReturnType<typeof serve>>;
let dataUrl: string;

test.before(async () => {
  service = await openEmbeddingService({ textModel: MINILM, cache: 'memory', env: {} });
  server = await serve(service);
  dataUrl = `data:image/jpeg;base64,${Buffer.from(await drawing(3)).toString('base64')}`;
});
test.after(async () => {
  await server.close();
  await service.cleanup();
});

const codeOf = (answer: Answer): string => answer.json<{ error: { code: string } }>().error.code;
const openAi = (body: object): Promise<Answer> => askJson(server.port, '/v1/embeddings', body);

test('texts come from the sentence encoder, pictures from the CLIP', async () => {
  const [first] = minilm.texts;
  const text = await askJson(server.port, '/embed/text', { text: first?.text });
  assert.is(text.status, 200, text.text);
  const { model, dim, embedding } = text.json<{
    model: string;
    dim: number;
    embedding: number[];
  }>();
  assert.is(model, 'tiny-minilm');
  assert.is(dim, 8);
  assertUnitRow(Float32Array.from(embedding), 0, first?.vector ?? []);
  const image = await askJson(server.port, '/embed/image', { image: dataUrl });
  assert.equal([image.json<{ model: string }>().model, image.status], ['builtin', 200]);
});

test('the OpenAI shape names both models and keeps their vectors apart', async () => {
  const { data } = (await ask(server.port, '/v1/models')).json<{ data: { id: string }[] }>();
  assert.equal(
    data.map(({ id }) => id),
    ['tiny-minilm', 'builtin'],
  );
  const texts = await openAi({ input: ['red circle'], model: 'tiny-minilm' });
  assert.is(texts.json<{ data: { embedding: number[] }[] }>().data[0]?.embedding.length, 8);
  const picture = await openAi({ input: [dataUrl], model: 'builtin' });
  assert.is(picture.json<{ model: string }>().model, 'builtin');
  assert.is(codeOf(await openAi({ input: ['red', dataUrl] })), 'ERR_ARG_RANGE');
  assert.is(codeOf(await openAi({ input: ['red'], model: 'builtin' })), 'ERR_NOT_FOUND');
});

test('usage counts the tokens that the model read, and none for what was cached', async () => {
  const [, second, ...more] = minilm.texts.filter(({ text }) => text !== '');
  const fresh = [second, ...more].map((item) => ({ text: item?.text ?? '', ids: item?.ids ?? [] }));
  const input = fresh.map(({ text }) => text);
  const tokens = fresh.reduce((sum, { ids }) => sum + ids.length, 0);
  const usageOf = async (): Promise<unknown> =>
    (await openAi({ input })).json<{ usage: unknown }>().usage;
  assert.equal(await usageOf(), { prompt_tokens: tokens, total_tokens: tokens });
  assert.equal(await usageOf(), { prompt_tokens: 0, total_tokens: 0 });
});

test('figures and probes are there, search is not', async () => {
  for (const path of ['/livez', '/info', '/metrics', '/openapi.json'])
    assert.is((await ask(server.port, path)).status, 200, path);
  let ready = await ask(server.port, '/readyz');
  for (const end = Date.now() + scaled(5000); Date.now() < end && ready.status === 503;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    ready = await ask(server.port, '/readyz');
  }
  assert.is(ready.status, 200, ready.text);
  for (const path of ['/search?q=red', '/frame/1', '/'])
    assert.is((await ask(server.port, path)).status, 404, path);
});

test('switched off by its setting, everything is refused', async () => {
  const env = { EMBEDDING_ENABLE_EMBEDDINGS: 'false' };
  await using off = await openEmbeddingService({ cache: 'none', env });
  const quiet = await serve(off);
  const answer = await askJson(quiet.port, '/embed/text', { text: 'red' });
  assert.equal([answer.status, codeOf(answer)], [503, 'ERR_CLOSED']);
  await quiet.close();
});

test.run();
