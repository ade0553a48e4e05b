/** Who is answered and how: hosts, origins, tokens, headers on everything, nothing leaked. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, makeError } from '../../lib/base/errors';
import { SECURITY_HEADERS } from '../../lib/server/guards/headers';
import { startServer } from '../../lib/server';
import { ask, askJson, exchange } from '../helpers/http';
import { makeTestLibrary, serve, withMethods, type TestLibrary } from '../helpers/served-library';

let made: TestLibrary;
let server: Awaited<ReturnType<typeof serve>>;
let port: number;

test.before(async () => {
  made = await makeTestLibrary('server-guards', 4);
  server = await serve(made.library, { allowedHosts: ['photos.example'] });
  port = server.port;
});
test.after(async () => {
  await server.close();
  await made.library.close();
});

test('only known host names are answered (DNS rebinding)', async () => {
  const good = [
    'localhost',
    'localhost:8000',
    'LOCALHOST',
    'localhost.',
    '127.0.0.1',
    `127.0.0.1:${port}`,
    '127.8.9.10',
    '[::1]',
    '[::1]:80',
    'photos.example',
    'photos.example:443',
    'Photos.Example.',
  ];
  const bad = [
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    'evil.localhost',
    'localhosts',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    '0.0.0.0',
    '0.0.0.0:8000',
    '0',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '128.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::2]',
    '::1',
    '[::1',
    'localhost@evil.example',
    'evil.example@localhost',
    'localhost,evil.example',
    'localhost evil.example',
    'localhost/evil',
    'localhost\tx',
    'localhost:',
    'localhost:x',
    'localhost:99999',
    'localhost:80:80',
    'localhost..',
    '.localhost',
    'photos.example.evil',
    'xphotos.example',
    '%6c%6f',
    "localhost'",
    '*',
  ];
  assert.ok(good.length + bad.length >= 50);
  for (const host of good)
    assert.is((await ask(port, '/livez', { headers: { host } })).status, 200, host);
  for (const host of bad) {
    const answer = await ask(port, '/search?q=x', { headers: { host } });
    assert.is(answer.status, 403, `${host}: ${answer.status}`);
    assert.not.ok(answer.text.includes('results'));
  }
  const forwarded = { host: 'evil.example', 'x-forwarded-host': 'localhost' };
  assert.is((await ask(port, '/livez', { headers: forwarded })).status, 403);
  for (const head of [
    'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n',
    'GET /livez HTTP/1.0\r\n\r\n',
  ])
    assert.match(await exchange(port, head), /^HTTP\/1\.1 403 /, 'no Host');
  const two =
    'GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n';
  assert.match(await exchange(port, two), /^HTTP\/1\.1 40[03] /);
});

test('another site cannot ask through the browser (CSRF)', async () => {
  const own = `http://127.0.0.1:${port}`;
  const origins: [string | undefined, boolean][] = [
    [undefined, true],
    [own, true],
    [`https://127.0.0.1:${port}`, true],
    [`http://localhost:${port}`, false],
    ['http://127.0.0.1', false],
    ['null', false],
    ['http://evil.example', false],
    [`${own}.evil.example`, false],
    ['', false],
  ];
  const sites: [string | undefined, boolean][] = [
    [undefined, true],
    ['same-origin', true],
    ['none', true],
    ['same-site', false],
    ['cross-site', false],
    ['weird', false],
  ];
  for (const [origin, originOk] of origins)
    for (const [site, siteOk] of sites) {
      const answer = await askJson(
        port,
        '/search',
        { text: 'x' },
        {
          ...(origin === undefined ? {} : { origin }),
          ...(site === undefined ? {} : { 'sec-fetch-site': site }),
        },
      );
      const expected = originOk && siteOk ? 200 : 403;
      assert.is(answer.status, expected, `origin ${origin}, site ${site}`);
      assert.is(answer.headers['access-control-allow-origin'], undefined);
    }
  const preflight = await ask(port, '/search', {
    method: 'OPTIONS',
    headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
  });
  assert.ok(preflight.status >= 400);
  assert.is(preflight.headers['access-control-allow-origin'], undefined);
});

test('a page of a named origin may ask, preflight and all; every other one may not', async () => {
  const friend = 'https://app.example';
  const token = 'a-token-of-some-length';
  const open = await serve(made.library, { corsOrigins: [friend], token });
  const asked = { 'access-control-request-method': 'POST', 'sec-fetch-site': 'cross-site' };
  const preflight = (origin: string): ReturnType<typeof ask> =>
    ask(open.port, '/search', { method: 'OPTIONS', headers: { origin, ...asked } });
  const allowed = await preflight(friend);
  assert.is(allowed.status, 204);
  assert.is(allowed.headers['access-control-allow-origin'], friend);
  assert.match(
    allowed.headers['access-control-allow-headers'] ?? '',
    /authorization, content-type/,
  );
  assert.is(allowed.headers.vary, 'origin');
  assert.is(allowed.headers['access-control-allow-credentials'], undefined);
  const headers = {
    origin: friend,
    'sec-fetch-site': 'cross-site',
    authorization: `Bearer ${token}`,
  };
  const found = await askJson(open.port, '/search', { text: 'x' }, headers);
  assert.is(found.status, 200);
  assert.is(found.headers['access-control-allow-origin'], friend);
  const frame = await ask(open.port, '/frame/0', { headers });
  assert.is(frame.headers['cross-origin-resource-policy'], 'cross-origin');
  for (const [status, address, more] of [
    [404, '/nothing', headers],
    [401, '/search?q=x', { origin: friend }],
  ] as const) {
    const answer = await ask(open.port, address, { headers: more });
    assert.is(answer.status, status);
    assert.is(answer.headers['access-control-allow-origin'], friend, 'errors can be read too');
  }
  for (const origin of [
    'https://app.example.evil',
    'http://app.example',
    'https://app.example:8443',
    'null',
    '*',
  ]) {
    assert.is((await preflight(origin)).status, 403, origin);
    const answer = await askJson(open.port, '/search', { text: 'x' }, { ...headers, origin });
    assert.is(answer.status, 403, origin);
    assert.is(answer.headers['access-control-allow-origin'], undefined, origin);
    assert.is(answer.headers.vary, 'origin', 'caches keep the two apart');
  }
  const rebound = { ...headers, host: 'evil.example' };
  assert.is((await ask(open.port, '/search?q=x', { headers: rebound })).status, 403);
  await open.close();
});

test('a strange name is told what would admit it', async () => {
  const answer = await ask(port, '/', { headers: { host: 'pictures.example:8000' } });
  assert.is(answer.status, 403);
  assert.match(answer.text, /\\"pictures\.example\\".*--allow-host pictures\.example/);
  assert.match((await ask(port, '/', { headers: { host: '<b>' } })).text, /no valid Host header/);
});

test('every answer carries the security headers: routes, errors, 404, broken HTTP', async () => {
  const broken = withMethods(made.library, {
    search: () => Promise.reject(new Error(`cannot read ${made.root}/secret`)),
    frame: () => {
      throw makeError('ERR_CATALOG', `SQLITE_CORRUPT in ${made.library.dir}`);
    },
  });
  const failing = await serve(broken);
  const requests: [number, string, string, number][] = [
    [port, 'GET', '/', 200],
    [port, 'GET', '/app.js', 200],
    [port, 'GET', '/base.css', 200],
    [port, 'GET', '/icon.svg', 200],
    [port, 'GET', '/search?q=x', 200],
    [port, 'GET', '/search', 400],
    [port, 'POST', '/search', 400],
    [port, 'GET', '/frame/0', 200],
    [port, 'HEAD', '/frame/0', 200],
    [port, 'GET', '/frame/99999', 404],
    [port, 'GET', '/frame/x', 400],
    [port, 'GET', '/video/x', 400],
    [port, 'GET', '/similar/0', 200],
    [port, 'GET', '/health', 200],
    [port, 'GET', '/livez', 200],
    [port, 'GET', '/readyz', 200],
    [port, 'GET', '/openapi.json', 200],
    [port, 'GET', '/nothing/here', 404],
    [port, 'GET', '/%', 400],
    [port, 'GET', `/frame/${'1'.repeat(500)}`, 400],
    [port, 'PUT', '/search', 405],
    [port, 'DELETE', '/frame/0', 405],
    [port, 'TRACE', '/', 405],
    [port, 'POST', '/session', 400],
    [failing.port, 'GET', '/search?q=x', 500],
    [failing.port, 'GET', '/frame/0', 500],
  ];
  for (const [to, method, address, status] of requests) {
    const answer = await ask(to, address, { method });
    assert.is(answer.status, status, `${method} ${address}: ${answer.text}`);
    for (const [name, value] of Object.entries(SECURITY_HEADERS))
      assert.is(answer.headers[name], value, `${name} on ${method} ${address}`);
    assert.is(answer.headers['server'], undefined);
    assert.is(answer.headers['x-powered-by'], undefined);
    if (status < 400) continue;
    const { error } = answer.json<{
      error: { code: string; message: string; request_id: string };
    }>();
    assert.match(error.code, /^ERR_[A-Z_]+$/);
    assert.ok(error.message.length > 0 && error.request_id === answer.headers['x-request-id']);
    assert.not.match(answer.text, /SQLITE|secret|node_modules|\bat \S+:\d+/);
    for (const place of [made.root, made.library.dir, process.cwd()])
      assert.not.ok(answer.text.includes(place), answer.text);
  }
  assert.ok(
    failing.log.some((line) => line.includes('secret')),
    'the cause is in the log',
  );
  await failing.close();
  const raw = await exchange(port, 'GARBAGE\r\n\r\n');
  assert.match(raw, /^HTTP\/1\.1 400 /);
  for (const name of Object.keys(SECURITY_HEADERS)) assert.ok(raw.includes(`${name}: `), name);
  const expecting = await exchange(
    port,
    'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\n\r\n',
  );
  assert.match(expecting, /^HTTP\/1\.1 417 [^]*content-security-policy: /);
});

test('a server that others can reach does not start without a token', async () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.2']) {
    const error = await startServer(made.library, { host, port: 0 }).catch((thrown) => thrown);
    assert.ok(isLibraryError(error) && error.code === 'ERR_ARG_RANGE', String(error));
    assert.match(error.message, /token/);
  }
  const short = await startServer(made.library, { port: 0, token: 'short' }).catch(
    (thrown) => thrown,
  );
  assert.ok(isLibraryError(short) && short.code === 'ERR_ARG_RANGE');
});

test('with a token: strangers see the page and nothing of the library', async () => {
  const token = 'a-token-of-some-length';
  const guarded = await serve(made.library, { host: '0.0.0.0', token });
  const to = guarded.port;
  for (const address of ['/search?q=x', '/frame/0', '/similar/0', '/openapi.json', '/nothing']) {
    const answer = await ask(to, address);
    assert.is(answer.status, 401, address);
    assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
    assert.is(answer.json<{ error: { code: string } }>().error.code, 'ERR_TOKEN');
  }
  for (const address of ['/', '/app.js', '/livez'])
    assert.is((await ask(to, address)).status, 200, address);
  assert.equal((await ask(to, '/health')).json(), { status: 'ok' });
  assert.is((await ask(to, `/frame/0?token=${token}`)).status, 401, 'never in an address');

  const bearer = { authorization: `Bearer ${token}` };
  assert.is((await ask(to, '/search?q=x', { headers: bearer })).status, 200);
  assert.is((await ask(to, '/frame/0', { headers: { 'x-sightline-token': token } })).status, 200);
  assert.is(
    (await ask(to, '/health', { headers: bearer })).json().frames,
    made.library.stats().frames,
  );

  const session = await askJson(to, '/session', { token });
  assert.is(session.status, 204);
  const cookie = session.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  assert.not.ok(cookie.includes(token));
  assert.is((await ask(to, '/frame/0', { headers: { cookie } })).status, 200);
  assert.is((await ask(to, '/frame/0', { headers: { cookie: `${cookie}0` } })).status, 401);

  for (let i = 0; i < 10; i++)
    assert.is((await askJson(to, '/session', { token: `guess number ${i}` })).status, 401);
  const locked = await askJson(to, '/session', { token });
  assert.is(locked.status, 429);
  assert.is(locked.headers['retry-after'], '60');
  assert.is((await ask(to, '/frame/0', { headers: { cookie } })).status, 200, 'who is in stays in');
  assert.not.ok(
    guarded.log.some((line) => line.includes(token)),
    'not in the log',
  );
  await guarded.close();
});

test.run();
