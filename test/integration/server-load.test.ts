/** Broken, slow and too many clients; starting on a taken port; closing in the middle of work. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, makeError } from '../../lib/base/errors';
import { startServer } from '../../lib/server';
import { scaled } from '../helpers/deadline';
import { ask, askJson, exchange } from '../helpers/http';
import { makeTestLibrary, serve, withMethods, type TestLibrary } from '../helpers/served-library';

let made: TestLibrary;
test.before(async () => {
  made = await makeTestLibrary('server-load', 4);
});
test.after(() => made.library.close());

const SEED = 990_017;
function randomNumbers(): (below: number) => number {
  let value = SEED;
  return (below) => {
    value = (value * 48_271) % 2_147_483_647;
    return value % below;
  };
}

/** Requests that are wrong in one way each. */
function brokenRequests(count: number): string[] {
  const next = randomNumbers();
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const methods = ['GET', 'POST', 'get', 'FOO', 'GET\0', '', 'PRI', 'CONNECT', 'G'.repeat(200)];
  const targets = [
    '/',
    '/search?q=x',
    '*',
    'http://evil/',
    '//',
    '/\x01',
    '/ä',
    'x',
    '/' + 'a'.repeat(20_000),
  ];
  const versions = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', 'HTTP/1.1 x', 'http/1.1', 'HTTP/2.0', ''];
  const headers = [
    'Host: localhost',
    'Host: localhost\r\nHost: x',
    'Host',
    ': x',
    'X: \0',
    'X-Big: ' + 'y'.repeat(20_000),
    'Content-Length: -1',
    'Content-Length: 1\r\nContent-Length: 2',
    'Content-Length: 99999999999999999999',
    'Content-Length: 5\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: xchunked',
    ' folded: x',
    'Upgrade: websocket\r\nConnection: Upgrade',
    'Expect: 100-continue',
    'Range: bytes=' + '0-1,'.repeat(2000),
    'Cookie: ' + 'a=b; '.repeat(500),
  ];
  const bodies = [
    '',
    'hello',
    'ffffffffffffffff\r\n',
    '-1\r\nx\r\n',
    '0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
    '\0\0\0',
  ];
  const ends = ['\r\n\r\n', '\n\n', '\r\r', '\r\n', ''];
  return Array.from({ length: count }, () => {
    const lines = [`${pick(methods)} ${pick(targets)} ${pick(versions)}`];
    const extra = next(4);
    if (next(2) === 0) lines.push('Host: localhost');
    for (let i = 0; i < extra; i++) lines.push(pick(headers));
    return lines.join('\r\n') + pick(ends) + pick(bodies);
  });
}

test(`broken HTTP gets 4xx or a closed door while others are served (seed ${SEED})`, async () => {
  const server = await serve(made.library);
  const requests = brokenRequests(600);
  const statuses = new Map<string, number>();
  while (requests.length > 0) {
    const batch = requests.splice(0, 20);
    const [good, ...answers] = await Promise.all([
      ask(server.port, '/search?q=a%20star&k=1'),
      ...batch.map((bytes) => exchange(server.port, Buffer.from(bytes, 'latin1'), false)),
    ]);
    assert.is(good.status, 200, 'a good client beside them');
    answers.forEach((answer, i) => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'none';
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      assert.not.match(answer, /HTTP\/1\.1 5/, JSON.stringify(batch[i]));
    });
  }
  assert.ok((statuses.get('400') ?? 0) > 50, JSON.stringify([...statuses]));
  await server.close();
});

test('a client that is slow with its headers or its body is cut off', async () => {
  const limits = { headersTimeoutMs: 300, bodyProgressMs: 300 };
  const server = await serve(made.library, { limits });
  const started = performance.now();
  const [head, body] = await Promise.all([
    exchange(server.port, 'GET / HTTP/1.1\r\nHost: local'),
    exchange(
      server.port,
      'POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{',
    ),
  ]);
  assert.match(head, /^HTTP\/1\.1 408 /);
  assert.match(body, /^HTTP\/1\.1 408 [^]*ERR_REQUEST_TIMEOUT/);
  assert.ok(performance.now() - started < scaled(10_000));
  assert.is((await ask(server.port, '/livez')).status, 200);
  await server.close();
});

test('a large picture on a slow line arrives, however long it takes', async () => {
  const limits = { bodyProgressMs: 1000, bodyProgressBytes: 1000 };
  const server = await serve(made.library, { limits });
  const { default: sharp } = await import('sharp');
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const picture = await sharp({
    create: { width: 1000, height: 800, channels: 3, background: '#888', noise },
  })
    .jpeg({ quality: 95 })
    .toBuffer();
  assert.ok(picture.length > 300_000, String(picture.length));
  const outgoing = request({
    host: '127.0.0.1',
    port: server.port,
    path: '/search?k=2',
    method: 'POST',
    headers: { 'content-type': 'image/jpeg', 'content-length': picture.length },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  // Three times the interval in all, and never an interval without progress.
  const started = performance.now();
  const step = Math.ceil(picture.length / 32);
  for (let at = 0; at < picture.length; at += step) {
    outgoing.write(picture.subarray(at, at + step));
    await delay(100);
  }
  assert.ok(performance.now() - started > 3 * limits.bodyProgressMs);
  outgoing.end();
  const [response] = await answered;
  assert.is(response.statusCode, 200);
  response.resume();
  await once(response, 'end');
  await server.close();
});

test('beyond the limit the longest silent connection goes, and the newcomer is served', async () => {
  const slow = slowLibrary();
  const server = await serve(slow.library, {
    limits: { maxLoopbackConnections: 3, silentGraceMs: 0 },
  });
  const silent = [];
  for (let i = 0; i < 3; i++) {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    silent.push(socket);
  }
  const [first] = silent;
  const hungUp = once(first as NonNullable<typeof first>, 'close');
  assert.is((await ask(server.port, '/livez')).status, 200);
  await hungUp;
  // When all of them are at work, nobody is thrown out.
  const busy = [1, 2, 3].map(() => ask(server.port, '/search?q=x&k=1'));
  await slow.whenStarted(3);
  const refused = await ask(server.port, '/livez');
  assert.is(refused.status, 503);
  assert.is(refused.json<{ error: { code: string } }>().error.code, 'ERR_POOL_FULL');
  assert.is(refused.headers['retry-after'], '1');
  assert.is(refused.headers.connection, 'close');
  assert.ok(refused.headers['content-security-policy']);
  slow.release();
  assert.equal(
    (await Promise.all(busy)).map((answer) => answer.status),
    [200, 200, 200],
  );
  for (const socket of silent) socket.destroy();
  await server.close();
});

test('300 clients at once all get an answer, 200 or 503, and nobody a broken connection', async () => {
  const server = await serve(made.library);
  for (const path of ['/livez', '/search?q=a%20star&k=1']) {
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => ask(server.port, path).then(({ status }) => status)),
    );
    const counts = new Map<number, number>();
    for (const status of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
    console.log(`${path}: ${JSON.stringify([...counts])}`);
    assert.ok(answers.every((status) => status === 200 || status === 503));
    assert.ok((counts.get(200) ?? 0) >= 100);
  }
  const posts = Array.from({ length: 300 }, (_, i) =>
    askJson(server.port, '/embed/text', { text: `text ${i % 7} ${'x'.repeat(5000)}` }),
  );
  const statuses = (await Promise.all(posts)).map(({ status }) => status);
  assert.ok(statuses.every((status) => status === 200 || status === 503));
  assert.is((await ask(server.port, '/livez')).status, 200, 'afterwards it is as before');
  await server.close();
});

/** A library whose searches wait until they are released. */
function slowLibrary(): {
  library: typeof made.library;
  started: () => number;
  release: () => void;
  whenStarted: (count: number) => Promise<void>;
} {
  let started = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const waiters: { count: number; resolve: () => void }[] = [];
  const library = withMethods(made.library, {
    search: async (query, options) => {
      started++;
      for (const waiter of waiters) if (started >= waiter.count) waiter.resolve();
      await gate;
      return made.library.search(query, options);
    },
  });
  return {
    library,
    started: () => started,
    release: open,
    whenStarted: (count) =>
      new Promise((resolve) => {
        if (started >= count) resolve();
        else waiters.push({ count, resolve });
      }),
  };
}

test('searches beyond the queue get 503 at once and the others get their answer', async () => {
  const slow = slowLibrary();
  const limits = { activeSearches: 2, queuedSearches: 3 };
  const server = await serve(slow.library, { limits });
  const search = (): ReturnType<typeof ask> => ask(server.port, '/search?q=x&k=1');
  const all = Array.from({ length: 9 }, search);
  const refused = await Promise.race(all);
  assert.is(refused.status, 503);
  assert.is(refused.headers['retry-after'], '1');
  assert.is(refused.json<{ error: { code: string } }>().error.code, 'ERR_POOL_FULL');
  assert.is((await ask(server.port, '/livez')).status, 200, 'other routes are not blocked');
  slow.release();
  const statuses = (await Promise.all(all)).map((answer) => answer.status).sort();
  assert.equal(statuses, [200, 200, 200, 200, 200, 503, 503, 503, 503]);
  assert.is(slow.started(), 5);
  await server.close();
});

test('a client that leaves the queue is not searched for', async () => {
  const slow = slowLibrary();
  const server = await serve(slow.library, { limits: { activeSearches: 1, queuedSearches: 5 } });
  const first = ask(server.port, '/search?q=first&k=1');
  await slow.whenStarted(1);
  const leaver = connect(server.port, '127.0.0.1');
  leaver.write('GET /search?q=leaver HTTP/1.1\r\nHost: localhost\r\n\r\n');
  // Its place in the queue is known once a request sent later on another connection is answered.
  await ask(server.port, '/livez');
  await ask(server.port, '/livez');
  leaver.destroy();
  await once(leaver, 'close');
  await ask(server.port, '/livez');
  slow.release();
  assert.is((await first).status, 200);
  assert.is((await ask(server.port, '/search?q=last&k=1')).status, 200);
  assert.is(slow.started(), 2);
  await server.close();
});

test('close lets running requests finish, refuses new ones, and may be called twice', async () => {
  const slow = slowLibrary();
  const server = await serve(slow.library);
  const running = ask(server.port, '/search?q=x&k=1');
  await slow.whenStarted(1);
  const idle = connect(server.port, '127.0.0.1');
  await once(idle, 'connect');
  const hungUp = once(idle, 'close');
  const closing = server.close();
  assert.is(server.close(), closing);
  await hungUp;
  const late = await ask(server.port, '/livez').then(
    (answer) => answer.status,
    () => 0,
  );
  assert.ok(late === 0 || late === 503, String(late));
  slow.release();
  assert.is((await running).status, 200);
  await closing;
});

test('close does not wait longer than its grace for a request that never ends', async () => {
  const slow = slowLibrary();
  const server = await serve(slow.library, { limits: { closeGraceMs: 200 } });
  const stuck = ask(server.port, '/search?q=x').then(
    () => 'answered',
    () => 'cut',
  );
  await slow.whenStarted(1);
  const started = performance.now();
  await server.close();
  assert.is(await stuck, 'cut');
  assert.ok(performance.now() - started < scaled(5000));
  slow.release();
});

test('an abort signal closes the server', async () => {
  const controller = new AbortController();
  const server = await serve(made.library, { signal: controller.signal });
  assert.is((await ask(server.port, '/livez')).status, 200);
  controller.abort();
  await server.close();
  const error = await ask(server.port, '/livez').catch((thrown: NodeJS.ErrnoException) => thrown);
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

test('a taken port is a clear error', async () => {
  const server = await serve(made.library);
  const error = await startServer(made.library, { port: server.port }).catch((thrown) => thrown);
  assert.ok(isLibraryError(error) && error.code === 'ERR_PORT_IN_USE', String(error));
  assert.match(error.message, new RegExp(`port ${server.port} on 127\\.0\\.0\\.1 is in use`));
  assert.is((await ask(server.port, '/livez')).status, 200);
  await server.close();
});

test('/readyz is 503 until the model is there, and says why it never will be', async () => {
  let loaded = (): void => undefined;
  const warming = withMethods(made.library, {
    warm: () =>
      new Promise<void>((resolve) => {
        loaded = resolve;
      }),
  });
  const server = await serve(warming);
  assert.is((await ask(server.port, '/readyz')).status, 503);
  assert.is((await ask(server.port, '/livez')).status, 200);
  loaded();
  await Promise.resolve();
  assert.is((await ask(server.port, '/readyz')).status, 200);
  await server.close();

  const missing = (): Promise<never> =>
    Promise.reject(makeError('ERR_MODEL_MISSING', `no model in ${made.root}`));
  const broken = await serve(withMethods(made.library, { warm: missing, search: missing }));
  const answer = await ask(broken.port, '/readyz');
  assert.is(answer.status, 503);
  assert.match(answer.text, /ERR_MODEL_MISSING.*sightline doctor/);
  assert.not.ok(answer.text.includes(made.root));
  const search = await ask(broken.port, '/search?q=x');
  assert.is(search.status, 503);
  assert.match(search.text, /ERR_MODEL_MISSING.*sightline doctor/);
  await broken.close();
});

test.run();
