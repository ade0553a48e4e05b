/** Searching over HTTP: the documents, the limits, and every wrong type. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SearchResponse } from '../../lib/base/types';
import { ask, askJson, form } from '../helpers/http';
import { makeTestLibrary, PICTURES, serve, type TestLibrary } from '../helpers/served-library';
import { skip } from '../helpers/skip';

let made: TestLibrary;
let server: Awaited<ReturnType<typeof serve>>;
let port: number;

test.before(async () => {
  made = await makeTestLibrary('server-search');
  server = await serve(made.library);
  port = server.port;
});
test.after(async () => {
  await server.close();
  await made.library.close();
});

const search = async (query: string): Promise<SearchResponse> => {
  const answer = await ask(port, `/search?${query}`);
  assert.is(answer.status, 200, answer.text);
  return answer.json<SearchResponse>();
};
const codeOf = (answer: { json<T>(): T }): string =>
  answer.json<{ error: { code: string } }>().error.code;

test('GET /search answers in the words of the specification', async () => {
  const found = await search('q=a%20red%20circle&k=5');
  assert.is(found.query, 'a red circle');
  assert.is(found.results.length, 5);
  for (const [i, hit] of found.results.entries()) {
    assert.equal(Object.keys(hit).slice(0, 5), [
      'frame_id',
      'video_id',
      'timestamp',
      'similarity',
      'cosine',
    ]);
    assert.ok(hit.frame_url.startsWith(`/frame/${hit.frame_id}/`));
    assert.is(hit.similarity, Math.min(1, Math.max(0, hit.cosine)));
    assert.ok(i === 0 || hit.cosine <= (found.results[i - 1]?.cosine ?? 1), 'best first');
    assert.is(hit.video_id === null, hit.type === 'image');
    assert.is(hit.timestamp === null, hit.type === 'image');
    assert.ok(hit.width > 0 && hit.height > 0 && hit.media_path.length > 0);
    assert.is(hit.media_url, `/media/${hit.media_id}`);
    const file = statSync(path.join(made.root, hit.media_path));
    assert.is(hit.size_bytes, file.size);
    assert.is(hit.modified_at, new Date(file.mtimeMs).toISOString());
    assert.ok((hit.media_width ?? 0) >= hit.width && (hit.media_height ?? 0) >= hit.height);
    assert.is(hit.captured_at, null);
  }
  assert.type(found.took_ms, 'number');
  assert.is(found.model, 'builtin');
});

test('the answer is the same as the library gives without HTTP', async () => {
  const direct = await made.library.search({ text: 'two blue squares' }, { k: 7 });
  const found = await search('q=two%20blue%20squares&k=7');
  assert.equal(found.results, direct.results);
});

test('k is 20 unless asked, and filters narrow', async () => {
  const all = await search('q=a%20star&k=1000');
  const expected = made.library.stats().frames;
  assert.is(all.results.length, expected);
  assert.is((await search('q=a%20star')).results.length, Math.min(20, expected));
  const images = await search('q=a%20star&k=1000&type=image');
  assert.is(images.results.length, PICTURES);
  const one = await search('q=a%20star&path=picture-003*');
  assert.equal(
    one.results.map((hit) => hit.media_path),
    ['picture-003.jpg'],
  );
  const exact = await search('q=a%20star&exact=true&k=3');
  assert.ok(exact.exact);
  const floor = (all.results[2]?.similarity ?? 0).toFixed(9);
  const good = await search(`q=a%20star&k=1000&min_similarity=${floor}`);
  assert.ok(good.results.length >= 2 && good.results.length < all.results.length);
});

test('folded, a video is one result: its best frame, with the others beside it', async () => {
  if (!made.hasFilm) return skip('no ffmpeg');
  const plain = (await search('q=a%20star&k=1000')).results;
  const frames = plain.filter((hit) => hit.video_id !== null);
  assert.ok(frames.length >= 3);
  const { results } = await search('q=a%20star&k=1000&fold=true');
  assert.is(results.length, PICTURES + 1);
  const [film, ...more] = results.filter((hit) => hit.video_id !== null);
  assert.equal(more, []);
  assert.equal([film?.frame_id, film?.others], [frames[0]?.frame_id, frames.length - 1]);
  assert.equal(
    film?.moments?.map(({ frame_id }) => frame_id),
    frames.slice(1).map(({ frame_id }) => frame_id),
  );
  assert.is(film?.moments?.[0]?.frame_url, frames[1]?.frame_url);
  // Also where the frames of the film would fill all places.
  const few = await askJson(port, '/search', { frame: frames[0]?.frame_id, k: 2, fold: true });
  const found = few.json<SearchResponse>().results;
  assert.is(found.length, 2);
  assert.is(new Set(found.map((hit) => hit.media_id)).size, 2);
  const strict = await search('q=a%20star&k=5&fold=true&min_similarity=0.999999');
  assert.is(strict.results.length, 0);
  assert.not.ok('others' in (plain[0] ?? {}));
});

test('limits are named, and no wrong type gets through', async () => {
  const long = 'a'.repeat(1025);
  const wide = '\u{1f600}'.repeat(1024);
  const rows: [string, number][] = [
    ['q=x&k=1', 200],
    ['q=x&k=1000', 200],
    [`q=${encodeURIComponent(wide)}`, 200],
    ['q=x&k=0', 400],
    ['q=x&k=1001', 400],
    ['q=x&k=-1', 400],
    ['q=x&k=1e3', 400],
    ['q=x&k=0x10', 400],
    ['q=x&k=1.5', 400],
    ['q=x&k=', 400],
    ['q=x&k=%207', 400],
    ['q=x&k=NaN', 400],
    ['q=x&k=99999999999999999999', 400],
    ['q=x&k=1&k=2', 400],
    ['q=x&k[]=1', 400],
    ['q=x&k[$gt]=1', 400],
    ['q=x&__proto__=1', 400],
    ['q=x&__proto__[k]=1', 400],
    ['q=x&constructor=1', 400],
    ['q=x&unknown=1', 400],
    ['q=a&q=b', 400],
    ['q=', 400],
    ['q=%20%20', 400],
    ['', 400],
    [`q=${long}`, 400],
    ['q=x&type=audio', 400],
    ['q=x&exact=yes', 400],
    ['q=x&min_similarity=1.1', 400],
    ['q=x&min_similarity=-0.1', 400],
    ['q=x&min_similarity=1e-3', 400],
    ['q=x&ef_search=2001', 400],
    [`q=x&path=${'*'.repeat(257)}`, 400],
    ['q=%00', 200],
    ['q=%F0%9F%98%80', 200],
    ['q=%ff', 200],
    ['q=%', 200],
  ];
  for (const [query, status] of rows) {
    const answer = await ask(port, `/search?${query}`);
    assert.is(answer.status, status, `${query.slice(0, 60)}: ${answer.text.slice(0, 200)}`);
    if (status === 400) assert.match(codeOf(answer), /^ERR_ARG_(TYPE|RANGE)$/);
  }
  const k = (await ask(port, '/search?q=x&k=1001')).json<{ error: { message: string } }>();
  assert.match(k.error.message, /k must be <= 1000/);
});

test('POST /search takes words, a frame, a vector or a picture', async () => {
  const words = await askJson(port, '/search', { text: 'a red circle', k: 3 });
  const direct = await made.library.search({ text: 'a red circle' }, { k: 3 });
  assert.equal(words.json<SearchResponse>().results, direct.results);

  const first = direct.results[0]?.frame_id ?? 0;
  const byFrame = (await askJson(port, '/search', { frame: first, k: 4 })).json<SearchResponse>();
  const similar = (await ask(port, `/similar/${first}?k=4`)).json<SearchResponse>();
  assert.equal(byFrame.results, similar.results);
  assert.not.ok(similar.results.some((hit) => hit.frame_id === first));

  const { dim } = made.library.stats();
  const vector = Array.from({ length: dim }, (_, i) => (i === 0 ? 1 : 0.01));
  assert.is(
    (await askJson(port, '/search', { vector, k: 2 })).json<SearchResponse>().results.length,
    2,
  );

  const bytes = readFileSync(path.join(made.root, 'picture-005.jpg'));
  const upload = form({ k: '2', type: 'image' }, { name: 'image', bytes });
  const byPicture = await ask(port, '/search', { method: 'POST', ...upload });
  assert.is(byPicture.status, 200, byPicture.text);
  const best = byPicture.json<SearchResponse>().results[0];
  assert.is(best?.media_path, 'picture-005.jpg');
  assert.ok((best?.similarity ?? 0) > 0.98);

  const filtered = await askJson(port, '/search', { text: 'x', filters: { path: 'picture-00*' } });
  assert.is(filtered.json<SearchResponse>().results.length, 10);
});

test('POST /search takes q, and a picture as the body with options in the address', async () => {
  const words = await askJson(port, '/search', { q: 'a red circle', k: 3 });
  assert.is(words.status, 200, words.text);
  assert.equal(
    words.json<SearchResponse>().results,
    (await search('q=a%20red%20circle&k=3')).results,
  );
  const both = await askJson(port, '/search', { q: 'a', text: 'a' });
  assert.match(both.text, /q and text mean the same/);
  const body = readFileSync(path.join(made.root, 'picture-004.jpg'));
  const send = (address: string, type: string): ReturnType<typeof ask> =>
    ask(port, address, { method: 'POST', headers: { 'content-type': type }, body });
  for (const type of ['image/jpeg', 'application/octet-stream']) {
    const found = await send('/search?k=2&type=image', type);
    assert.is(found.status, 200, found.text);
    const { results, query } = found.json<SearchResponse>();
    assert.is(query, '<image>');
    assert.equal([results.length, results[0]?.media_path], [2, 'picture-004.jpg']);
  }
  assert.is((await send('/search?k=0', 'image/jpeg')).status, 400);
  assert.is((await send('/search?colour=1', 'image/jpeg')).status, 400);
  const misplaced = await askJson(port, '/search?k=2', { text: 'a' });
  assert.equal([misplaced.status, codeOf(misplaced)], [400, 'ERR_ARG_TYPE']);
});

test('a method that an address does not take is 405 and says which it takes', async () => {
  const rows: [string, string, string][] = [
    ['PUT', '/search', 'GET, HEAD, POST'],
    ['POST', '/frame/3', 'GET, HEAD'],
    ['DELETE', '/frame/3/AAAAAAAAAAAAAAAA', 'GET, HEAD'],
    ['GET', '/embed/text', 'POST'],
    ['OPTIONS', '/v1/embeddings', 'POST'],
    ['POST', '/', 'GET, HEAD'],
  ];
  for (const [method, address, allow] of rows) {
    const answer = await ask(port, address, { method });
    assert.is(answer.status, 405, `${method} ${address}`);
    assert.is(answer.headers.allow, allow, address);
    assert.is(codeOf(answer), 'ERR_REQUEST_METHOD');
  }
  assert.is((await ask(port, '/frame/3/4/5', { method: 'PUT' })).status, 404);
});

test('/openapi.json is whole, and /docs shows it without a script', async () => {
  interface Operation {
    operationId?: string;
    responses: Record<string, { content?: object }>;
  }
  const api = (await ask(port, '/openapi.json')).json<{
    paths: Record<string, Record<string, Operation>>;
    components: { securitySchemes: object };
    security: object[];
  }>();
  const operations = Object.entries(api.paths).flatMap(([address, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ address, method, ...operation })),
  );
  const ids = operations.map(({ operationId }) => operationId ?? '');
  assert.is(new Set(ids).size, ids.length, ids.join(' '));
  assert.ok(
    ids.every((id) => /^[a-z][A-Za-z]+$/.test(id)),
    ids.join(' '),
  );
  for (const { address, method, responses } of operations)
    assert.ok(
      ['200', '204'].some((status) => responses[status]),
      `${method} ${address}`,
    );
  assert.ok(api.paths['/frame/{id}']?.get?.responses['200']?.content);
  assert.ok(api.paths['/video/{id}']?.get?.responses['206']?.content);
  assert.equal(Object.keys(api.components.securitySchemes), ['bearer', 'header', 'cookie']);
  assert.ok(api.security.length > 1);

  const docs = await ask(port, '/docs');
  assert.is(docs.headers['content-type'], 'text/html; charset=utf-8');
  for (const { address } of operations)
    assert.ok(docs.text.includes(`<code>${address}</code>`), address);
  assert.not.match(docs.text, /<script|<link|src=|https?:\/\/(?!127\.0\.0\.1)/);
});

test('POST /search refuses what is not a query', async () => {
  const bodies: [unknown, number][] = [
    [{}, 400],
    [{ text: 'a', frame: 1 }, 400],
    [{ text: 1 }, 400],
    [{ text: '' }, 400],
    [{ text: 'a', k: '5' }, 400],
    [{ text: 'a', k: 1001 }, 400],
    [{ text: 'a', k: null }, 400],
    [{ text: 'a', filters: { type: 'audio' } }, 400],
    [{ text: 'a', filters: [] }, 400],
    [{ text: 'a', extra: 1 }, 400],
    [{ frame: 999_999 }, 404],
    [{ frame: -1 }, 400],
    [{ frame: 1.5 }, 400],
    [{ vector: [1, 2, 3] }, 400],
    [{ vector: [] }, 400],
    [{ vector: ['1'] }, 400],
    [{ vector: new Array(5000).fill(1) }, 400],
    [{ vector: new Array(made.library.stats().dim).fill(0) }, 400],
    [[], 400],
    ['text', 400],
    [null, 400],
  ];
  for (const [body, status] of bodies) {
    const answer = await askJson(port, '/search', body);
    assert.is(answer.status, status, `${JSON.stringify(body).slice(0, 80)}: ${answer.text}`);
  }
  const raw = (headers: Record<string, string>, body: string | Buffer): ReturnType<typeof ask> =>
    ask(port, '/search', { method: 'POST', headers, body });
  assert.is((await raw({ 'content-type': 'text/plain' }, '{"text":"a"}')).status, 415);
  assert.is((await raw({}, '{"text":"a"}')).status, 415);
  assert.is(
    (await raw({ 'content-type': 'application/x-www-form-urlencoded' }, 'text=a')).status,
    415,
  );
  assert.is((await raw({ 'content-type': 'application/json' }, '{"text":')).status, 400);
  assert.is(
    (await raw({ 'content-type': 'application/json' }, '{"__proto__":{"k":1},"text":"a"}')).status,
    400,
  );
  const huge = JSON.stringify({ text: 'a', filters: { path: 'x'.repeat(300_000) } });
  const tooLarge = await raw({ 'content-type': 'application/json' }, huge);
  assert.is(tooLarge.status, 413);
  assert.is(codeOf(tooLarge), 'ERR_REQUEST_LIMIT');
});

test('an upload is one picture within the limit, and nothing else', async () => {
  const send = async (...parts: Parameters<typeof form>): Promise<[number, string]> => {
    const answer = await ask(port, '/search', { method: 'POST', ...form(...parts) });
    return [answer.status, answer.status === 200 ? '' : codeOf(answer)];
  };
  const bytes = readFileSync(path.join(made.root, 'picture-001.jpg'));
  assert.equal(await send({}, { name: 'image', bytes, filename: '../../etc/passwd' }), [200, '']);
  assert.equal(await send({ k: '1e3' }, { name: 'image', bytes }), [400, 'ERR_ARG_TYPE']);
  assert.equal(await send({ __proto__x: '1' }, { name: 'image', bytes }), [400, 'ERR_ARG_TYPE']);
  assert.equal(await send({}, { name: 'other', bytes }), [400, 'ERR_ARG_TYPE']);
  assert.equal(await send({ k: '3' }), [400, 'ERR_ARG_TYPE']);
  assert.equal(await send({}, { name: 'image', bytes: Buffer.alloc(0) }), [400, 'ERR_ARG_TYPE']);
  const [status, code] = await send({}, { name: 'image', bytes: Buffer.from('no picture at all') });
  assert.ok(status === 415 || status === 422, `${status} ${code}`);
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'x']));
  assert.equal(await send(many, { name: 'image', bytes }), [413, 'ERR_REQUEST_LIMIT']);
  const big = Buffer.alloc(21 * 1024 * 1024);
  assert.equal(await send({}, { name: 'image', bytes: big }), [413, 'ERR_REQUEST_LIMIT']);
  const cut = form({}, { name: 'image', bytes });
  const broken = await ask(port, '/search', {
    method: 'POST',
    headers: cut.headers,
    body: cut.body.subarray(0, cut.body.length - 40),
  });
  assert.ok(broken.status >= 400 && broken.status < 500, String(broken.status));
});

test('/health counts, /livez and /readyz tell, /openapi.json describes', async () => {
  const health = (await ask(port, '/health')).json();
  const stats = made.library.stats();
  assert.is(health.status, 'ok');
  assert.is(health.frames, stats.frames);
  assert.is(health.dim, stats.dim);
  assert.is(health.hnsw_nodes, stats.hnswNodes);
  assert.is(health.model, 'builtin');
  assert.ok(String(health.kernel).length > 0);
  assert.is((await ask(port, '/livez')).status, 200);
  assert.is((await ask(port, '/readyz')).status, 200);
  const api = (await ask(port, '/openapi.json')).json<{
    openapi: string;
    paths: Record<string, Record<string, { parameters?: { name: string; schema: object }[] }>>;
  }>();
  assert.is(api.openapi, '3.1.0');
  for (const route of ['/search', '/frame/{id}', '/similar/{frame_id}', '/video/{id}', '/health'])
    assert.ok(api.paths[route], route);
  const k = api.paths['/search']?.get?.parameters?.find((each) => each.name === 'k');
  assert.is((k?.schema as { maximum: number }).maximum, 1000);
});

test('an unknown field of a query or a body is refused with what was meant', async () => {
  for (const [address, words] of [
    ['/search?q=x&K=5', 'did you mean \\"k\\"?'],
    ['/search?q=x&limit=5', 'did you mean \\"k\\"?'],
    ['/search?q=x&minSimilarity=0.5', 'did you mean \\"min_similarity\\"?'],
    ['/search?q=x&utm_source=y', 'it takes q, k,'],
    ['/search?q=x&k=1e3', 'k must be integer'],
  ] as const) {
    const answer = await ask(port, address);
    assert.is(answer.status, 400, address);
    assert.ok(answer.body.toString().includes(words), answer.body.toString());
  }
});

test.run();
