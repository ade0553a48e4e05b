/** What may go wrong with PostgreSQL: SQL in values, a server that goes away, too many callers, damage. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, type LibraryError } from '../../lib/base/errors';
import { startPostgres } from '../helpers/embedded-postgres';
import { codeOf, errorOf } from '../helpers/errors';
import { range, usePostgres } from '../helpers/pgvector';
import { noise } from '../helpers/vectors';

const SEED = 20261126;
console.log(`seed ${SEED}`);

const postgres = usePostgres(test);
const { openStore, sql } = postgres;

/** The texts of all statements sent while `work` runs, each once. */
async function statementsOf(work: () => Promise<void>): Promise<string[]> {
  const texts = new Set<string>();
  const prototype = pg.Client.prototype as unknown as Record<
    'query',
    (...args: unknown[]) => unknown
  >;
  const { query } = prototype;
  prototype.query = function (this: unknown, ...args: unknown[]): unknown {
    const [first] = args as [string | { readonly text: string }];
    texts.add(typeof first === 'string' ? first : first.text);
    return query.apply(this, args);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return [...texts];
}

const HOSTILE = [
  `'; DROP TABLE sightline_spaces; --`,
  `"; DROP TABLE sightline_spaces; --`,
  `a" OR "1"="1`,
  `$1`,
  `\\'; SELECT pg_sleep(10); --`,
  `owner = 'x' OR true`,
  `{"a": 1}'::jsonb OR true --`,
  `%s %n {} [] ,"\\{`,
  `E'\\x00'`,
  'ﬀ 日本語 \u202e 👩‍👩‍👧',
  'x'.repeat(100_000),
  `Robert'); DELETE FROM store_0; --`,
];

test('SQL in any string stays text: as value it comes back, as name it is refused', async () => {
  await using store = await openStore({ dim: 2, metric: 'euclidean' });
  const before = await sql('SELECT table_name FROM sightline_spaces ORDER BY 1');
  await store.batchIndexEmbeddings(
    HOSTILE.map((text, i) => ({
      key: i,
      embedding: Float32Array.of(i, 0),
      columns: { owner: text },
      metadata: { [text]: text, list: [text] },
    })),
  );
  const query = Float32Array.of(0, 0);
  for (const [i, text] of HOSTILE.entries()) {
    const only = async (filter: object): Promise<void> => {
      const { keys } = await store.search(query, 100, { filter });
      assert.equal([...keys], [i], text.slice(0, 60));
    };
    await only({ columns: { owner: text } });
    await only({ columns: { owner: [text, 'nobody'] } });
    await only({ metadata: { [text]: text } });
    await only({ metadata: { list: [text] } });
    for (const options of [
      { table: text },
      { schema: text },
      { columns: { [text]: 'text' as const } },
      { columns: { a: text as 'text' } },
      { metric: text as 'dot' },
      { type: text as 'vector' },
    ]) {
      const { code } = await errorOf(() => openStore(options));
      assert.is(code, 'ERR_ARG_RANGE', Object.keys(options)[0]);
    }
    const column = { filter: { columns: { [text]: 'x' } } };
    assert.is(await codeOf(() => store.search(query, 1, column)), 'ERR_ARG_RANGE');
    // A model's name is a value like others.
    await using other = await openStore({ model: text });
    await other.close();
  }
  for (const text of ['a\0b', '\ud800']) {
    const bad = [{ key: 900, embedding: query, columns: { owner: text } }];
    assert.is(await codeOf(() => store.batchIndexEmbeddings(bad)), 'ERR_ARG_RANGE');
    const worse = [{ key: 900, embedding: query, metadata: { text } }];
    assert.is(await codeOf(() => store.batchIndexEmbeddings(worse)), 'ERR_ARG_RANGE');
    const filter = { columns: { owner: text } };
    assert.is(await codeOf(() => store.search(query, 1, { filter })), 'ERR_ARG_RANGE');
  }
  for (const value of [1n, () => 1, Symbol('x'), {}, [], undefined, NaN, '__proto__']) {
    const filter = { columns: { __proto__: null, owner: value } } as never;
    await store
      .search(query, 1, { filter })
      .catch((error: unknown) => assert.ok(isLibraryError(error)));
  }
  for (const name of ['key', 'row', 'embedding', 'constructor', '__proto__', 'toString']) {
    const filter = { columns: Object.fromEntries([[name, 'x']]) };
    assert.is(await codeOf(() => store.search(query, 1, { filter })), 'ERR_ARG_RANGE', name);
  }
  for (const name of ['key', 'xmin', 'tableoid'])
    assert.is(
      await codeOf(() => openStore({ columns: { [name]: 'text' } })),
      'ERR_ARG_RANGE',
      name,
    );
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const bad = [{ key: 900, embedding: query, metadata: circle }];
  assert.is(await codeOf(() => store.batchIndexEmbeddings(bad)), 'ERR_ARG_TYPE');
  assert.is(store.liveCount, HOSTILE.length);
  const after = await sql('SELECT table_name FROM sightline_spaces ORDER BY 1');
  assert.is(after.length, before.length + HOSTILE.length);
});

test('whatever the values are, the statements are the same', async () => {
  await using store = await openStore({ dim: 2, metric: 'euclidean' });
  const useWith = (text: string, key: number) => async (): Promise<void> => {
    const embedding = Float32Array.of(key, 0);
    const columns = { owner: text };
    await store.batchIndexEmbeddings([{ key, embedding, columns, metadata: { [text]: text } }]);
    await store.search(embedding, 5, { filter: { columns, metadata: { [text]: [text] } } });
    await store.remove([key]);
  };
  const plain = await statementsOf(useWith('ann', 1));
  assert.ok(plain.length >= 5, plain.join('\n'));
  for (const [i, text] of HOSTILE.entries())
    assert.equal(await statementsOf(useWith(text, i)), plain, text.slice(0, 60));
});

test('a server that is killed in mid-batch and comes back: the batch goes on and is whole', async () => {
  await using store = await openStore({ table: 'survivor', dim: 64, reconnectMs: 60_000 });
  const n = 6000;
  const rows = noise(n, 64, SEED);
  // Written out inside the transaction of the third chunk: the server dies between BEGIN and INSERT.
  let killing: Promise<void> | undefined;
  const toJSON = (): object => {
    killing ??= postgres.server.kill().then(() => postgres.server.restart());
    return { was: 'here' };
  };
  const attributes = range(n).map((i) => (i === 2500 ? { metadata: { toJSON } } : {}));
  await store.upsert(rows, { keys: range(n), attributes });
  assert.ok(killing !== undefined);
  const here = { filter: { metadata: { was: 'here' } } };
  assert.equal([...(await store.search(noise(1, 64, 1), 5, here)).keys], [2500]);
  assert.is(store.liveCount, n);
  const report = await store.verify();
  assert.equal(report.problems, []);
  assert.is(report.rowsChecked, n);
  const [last] = await store.get([n - 1]);
  assert.ok(Math.abs(Math.hypot(...(last as Float32Array)) - 1) < 1e-5);
});

test('what is unreachable, silent, without pgvector or out of reach has a code and a remedy', async () => {
  const gone = { url: 'postgres://me:secret-word@127.0.0.1:1/db', reconnectMs: 0 };
  const refused = await errorOf(() => openStore(gone));
  assert.is(refused.code, 'ERR_STORE_UNAVAILABLE');
  assert.match(refused.message, /127\.0\.0\.1:1\/db/);
  assert.not.match(refused.message + JSON.stringify(refused.details), /secret-word/);

  const silent = createServer((socket) => socket.on('error', () => undefined)).listen(
    0,
    '127.0.0.1',
  );
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as AddressInfo;
  const url = `postgres://me@127.0.0.1:${port}/db`;
  const stalled = await errorOf(() => openStore({ url, connectTimeoutMs: 100, reconnectMs: 0 }));
  assert.is(stalled.code, 'ERR_STORE_UNAVAILABLE');
  silent.close();

  const plain = await startPostgres({ isPlain: true });
  try {
    const bare = await errorOf(() => openStore({ url: plain.url }));
    assert.is(bare.code, 'ERR_STORE_EXTENSION');
    assert.match(bare.message, /CREATE EXTENSION vector;/);
  } finally {
    await plain.stop();
  }
  const lost = await errorOf(() => openStore({ schema: 'no_such_schema' }));
  assert.is(lost.code, 'ERR_STORE_UNAVAILABLE');
  assert.match(lost.message, /CREATE SCHEMA/);
  assert.is(await codeOf(() => openStore({ url: 'postgres://[' })), 'ERR_ARG_RANGE');
});

test('an unresponsive server costs one call and one connection', async () => {
  let isStuck = false;
  const sockets: Socket[] = [];
  const between = createServer((socket) => {
    const server = connect(postgres.server.port, '127.0.0.1');
    sockets.push(socket, server);
    for (const one of [socket, server]) one.on('error', () => undefined);
    socket
      .on('data', (bytes) => isStuck || server.write(bytes))
      .on('close', () => server.destroy());
    server.on('data', (bytes) => socket.write(bytes)).on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => between.once('listening', resolve));
  const { port } = between.address() as AddressInfo;
  const url = postgres.server.url.replace(String(postgres.server.port), String(port));
  await using store = await openStore({ url, poolSize: 1, statementTimeoutMs: 10, reconnectMs: 0 });
  isStuck = true;
  const query = noise(1, 8, SEED);
  assert.is(await codeOf(() => store.search(query, 1)), 'ERR_TIMEOUT');
  isStuck = false;
  assert.is((await store.search(query, 1)).keys.length, 0);
  await store.close();
  for (const socket of sockets) socket.destroy();
  between.close();
});

test('many callers share few connections; more than may wait are refused, the rest is answered', async () => {
  await using store = await openStore({ poolSize: 2, maxWaiting: 20 });
  await store.add(noise(100, 8, SEED), { keys: range(100) });
  const answers = await Promise.allSettled(range(60).map((i) => store.search(noise(1, 8, i), 5)));
  const refused = answers.filter((one) => one.status === 'rejected');
  for (const { reason } of refused) assert.is((reason as LibraryError).code, 'ERR_POOL_FULL');
  assert.ok(refused.length > 0 && refused.length < 60, `${refused.length} refused`);
  for (const one of answers) if (one.status === 'fulfilled') assert.is(one.value.keys.length, 5);
  assert.is((await store.search(noise(1, 8, 1), 5)).keys.length, 5);
});

test('verify reports the invalid index of a failed build, and it is rebuilt', async () => {
  await using store = await openStore({ table: 'broken' });
  await store.add(noise(50, 8, SEED), { keys: range(50) });
  await store.createHnswIndex();
  await sql(
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken_h_cosine'::regclass`,
  );
  const report = await store.verify();
  assert.match(report.problems.join(), /broken_h_cosine was not finished/);
  assert.is(store.figures().indexedRows, 0);
  await store.createHnswIndex();
  assert.ok((await store.verify()).ok);
});

test('verify reports rows that another program changed', async () => {
  await using store = await openStore({ table: 'tampered' });
  await store.add(noise(10, 8, SEED), { keys: range(10) });
  await sql(
    `UPDATE tampered SET embedding = (embedding::real[])[1:8]::vector * '[9,9,9,9,9,9,9,9]' WHERE key = 3`,
  );
  await sql('DELETE FROM tampered WHERE key = 4');
  const { ok, problems } = await store.verify();
  assert.not.ok(ok);
  assert.match(problems.join('\n'), /1 rows are not of unit length/);
  assert.match(problems.join('\n'), /9 rows are there, 10 are counted/);
});

test.run();
