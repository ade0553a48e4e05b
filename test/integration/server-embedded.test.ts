/** The server inside another program: Node's own, a framework that mounts handlers, and a Fastify app. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createHandler,
  sightlinePlugin,
  type HandlerOptions,
  type SightlineHandler,
} from '../../lib/server';
import { noBrowser, openBrowser, openPage, until } from '../helpers/browser';
import { codeOf } from '../helpers/errors';
import { ask, askJson } from '../helpers/http';
import { makeTestLibrary, type TestLibrary } from '../helpers/served-library';
import { testUnless } from '../helpers/skip';

let made: TestLibrary;
test.before(async () => {
  made = await makeTestLibrary('server-embedded', 8);
});
test.after(() => made.library.close());

async function listening(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

/** A program on Node's own server that has the library below /photos. */
async function embedded(
  options: HandlerOptions,
  work: (port: number, handler: SightlineHandler) => Promise<void>,
): Promise<void> {
  const handler = createHandler(made.library, options);
  const { port, server } = await listening((request, response) =>
    handler(request, response, () => void response.end('the program')),
  );
  try {
    await work(port, handler);
  } finally {
    await handler.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

interface Found {
  readonly results: readonly { readonly frame_url: string; readonly media_url: string }[];
}

/** All that a client of a library below /photos relies on. */
async function usesAllOfIt(port: number): Promise<void> {
  for (const [path, location] of [
    ['/photos', './photos/'],
    ['/photos?q=red', './photos/?q=red'],
  ] as const) {
    const folder = await ask(port, path);
    assert.is(folder.status, 308);
    assert.is(folder.headers.location, location);
  }
  const page = await ask(port, '/photos/');
  assert.is(page.status, 200);
  assert.match(page.text, /href="\.\/base\.css"/);
  assert.is((await ask(port, '/photos/base.css')).status, 200);
  const found = await ask(port, '/photos/search?q=a%20red%20circle&k=3');
  const { results } = found.json<Found>();
  assert.is(results.length, 3);
  for (const address of [results[0]?.frame_url, results[0]?.media_url])
    assert.is((await ask(port, `/photos${address}`)).status, 200);
  const posted = await askJson(port, '/photos/search', { text: 'a red circle', k: 2 });
  assert.is(posted.json<Found>().results.length, 2);
  const picture = await ask(port, `/photos${results[0]?.frame_url}`);
  const byPicture = await ask(port, '/photos/search?k=1', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: picture.body,
  });
  assert.is(byPicture.json<Found>().results.length, 1, byPicture.text);
  const docs = await ask(port, '/photos/docs');
  assert.match(docs.text, new RegExp(`127\\.0\\.0\\.1:${port}/photos/search`));
  const unknown = await ask(port, '/photos/nothing');
  assert.is(unknown.json<{ error: { code: string } }>().error.code, 'ERR_NOT_FOUND');
  const method = await ask(port, '/photos/search', { method: 'DELETE' });
  assert.is(method.status, 405);
  assert.is(method.headers.allow, 'GET, HEAD, POST');
  // Where the library is, is nobody's business but the program's.
  assert.is((await ask(port, '/photos/health')).json<{ root?: string }>().root, undefined);
}

test("below a folder of Node's own server everything works, and the rest is the program's", () =>
  embedded({ prefix: '/photos' }, async (port) => {
    await usesAllOfIt(port);
    const description = (await ask(port, '/photos/openapi.json')).json<{ servers?: unknown }>();
    assert.equal(description.servers, [{ url: '/photos' }]);
    for (const path of ['/', '/photosx', '/fotos1', '/search?q=red'])
      assert.is((await ask(port, path)).text, 'the program', path);
  }));

test('a framework that removes the folder itself needs no prefix', async () => {
  const handler = createHandler(made.library);
  // As Express and Connect do for `app.use('/photos', handler)`.
  const { port, server } = await listening((request, response) => {
    const whole = request.url ?? '/';
    if (!/^\/photos(?=[/?]|$)/.test(whole)) return void response.writeHead(404).end();
    const rest = whole.slice('/photos'.length);
    request.url = rest.startsWith('/') ? rest : `/${rest}`;
    handler(Object.assign(request, { originalUrl: whole }), response);
  });
  await usesAllOfIt(port);
  await handler.close();
  server.closeAllConnections();
  server.close();
});

test('hosts, origins, the token, its count and the limits hold below a folder', () =>
  embedded(
    {
      prefix: '/photos/',
      token: 'a token of 16 letters',
      allowedHosts: ['app.example'],
      limits: { jsonBytes: 1000, wrongTokensPerMinute: 2 },
    },
    async (port) => {
      const path = '/photos/search?q=red';
      const bearer = { authorization: 'Bearer wrong' };
      assert.is((await ask(port, path, { headers: { host: 'evil.example' } })).status, 403);
      assert.is(
        (await ask(port, path, { headers: { origin: 'http://evil.example' } })).status,
        403,
      );
      assert.is((await ask(port, path, { headers: { host: 'app.example' } })).status, 401);
      const token = { 'x-sightline-token': 'a token of 16 letters' };
      assert.is((await ask(port, path, { headers: token })).status, 200);
      const large = await askJson(port, '/photos/search', { text: 'x'.repeat(2000) }, token);
      assert.is(large.status, 413);
      const session = await askJson(port, '/photos/session', { token: 'a token of 16 letters' });
      assert.is(session.status, 204);
      // No path: the browser keeps it for the folder that it asked.
      assert.not.match(String(session.headers['set-cookie']), /path/i);
      for (const status of [401, 401, 429])
        assert.is((await ask(port, path, { headers: bearer })).status, status);
    },
  ));

test('clients behind a trusted proxy are counted apart, others may not say who they are', async () => {
  const wrong = (port: number, from: string) =>
    ask(port, '/search?q=red', {
      headers: { authorization: 'Bearer wrong', 'x-forwarded-for': from },
    });
  const base = { token: 'a token of 16 letters', limits: { wrongTokensPerMinute: 1 } };
  await embedded({ ...base, trustedProxies: ['127.0.0.0/8'] }, async (port) => {
    assert.is((await wrong(port, '203.0.113.1')).status, 401);
    assert.is((await wrong(port, '203.0.113.1')).status, 429);
    assert.is((await wrong(port, '203.0.113.2')).status, 401);
    // A client that names another before itself: what the proxy added counts.
    assert.is((await wrong(port, '198.51.100.7, 203.0.113.2')).status, 429);
  });
  for (const trustedProxies of [[], ['10.0.0.1']])
    await embedded({ ...base, trustedProxies }, async (port) => {
      assert.is((await wrong(port, '203.0.113.1')).status, 401);
      assert.is((await wrong(port, '203.0.113.2')).status, 429);
    });
  for (const address of ['0.0.0.0/0', '10.0.0.0/33', 'proxy.example', '10.0.0.0/8/8', ''])
    assert.is(
      await codeOf(() => createHandler(made.library, { trustedProxies: [address] })),
      'ERR_ARG_RANGE',
      address,
    );
});

test('wrong options are refused, and a closed handler answers 503', async () => {
  const make = (options: object) => codeOf(() => createHandler(made.library, options));
  assert.is(await make({ prefx: '/a' }), 'ERR_ARG_TYPE');
  assert.is(await make({ prefix: 'photos' }), 'ERR_ARG_RANGE');
  assert.is(await make({ token: 'short' }), 'ERR_ARG_RANGE');
  assert.is(await make({ allowedHosts: 'app.example' }), 'ERR_ARG_TYPE');
  await embedded({ prefix: '/photos' }, async (port, handler) => {
    assert.is(handler.close(), handler.close());
    await handler.close();
    assert.is((await ask(port, '/photos/search?q=red')).status, 503);
  });
});

/** An app with manners of its own, none of which may change what the plug-in does. */
async function app(): Promise<{ port: number; host: FastifyInstance; seen: string[] }> {
  const seen: string[] = [];
  const host = fastify({ bodyLimit: 10 });
  host.setErrorHandler((_error, _request, reply) => reply.code(418).send('the app'));
  host.addHook('onRequest', async (request, reply) => {
    seen.push(request.url);
    if (request.headers['x-blocked'] !== undefined) await reply.code(451).send('blocked');
  });
  host.post('/own', (request) => ({ got: request.body }));
  await host.register(
    async (inner) => {
      await inner.register(sightlinePlugin, { library: made.library, prefix: '/photos' });
    },
    { prefix: '/' },
  );
  await host.listen({ port: 0, host: '127.0.0.1' });
  return { port: (host.server.address() as AddressInfo).port, host, seen };
}

test('a Fastify app has the library below a prefix, behind its own hooks', async () => {
  const { port, host, seen } = await app();
  await usesAllOfIt(port);
  assert.ok(seen.some((url) => url.startsWith('/photos/search')));
  const blocked = await ask(port, '/photos/search?q=red', { headers: { 'x-blocked': '1' } });
  assert.equal([blocked.status, blocked.text], [451, 'blocked']);
  // The limits of each are its own.
  assert.is((await askJson(port, '/own', { a: 1 })).status, 200);
  assert.is((await askJson(port, '/own', { a: 'more than ten bytes' })).status, 418);
  await host.close();
});

test('two libraries in one app, below prefixes of their own and of a plug-in around them', async () => {
  const host = fastify();
  await host.register(
    async (inner) => {
      await inner.register(sightlinePlugin, { library: made.library, prefix: '/one' });
      await inner.register(sightlinePlugin, { library: made.library, prefix: '/two' });
    },
    { prefix: '/media' },
  );
  for (const name of ['one', 'two']) {
    const found = await host.inject(`/media/${name}/search?q=a%20red%20circle&k=2`);
    assert.is(found.json<Found>().results.length, 2);
  }
  await host.close();
  const bad = fastify();
  const registered = bad.register(sightlinePlugin, { library: made.library, token: 'short' });
  assert.is(await codeOf(registered), 'ERR_ARG_RANGE');
});

testUnless(noBrowser)('the page works below a prefix: pictures, viewer, reload', async () => {
  const browser = await openBrowser();
  const { port, host } = await app();
  try {
    const { page, troubles, close } = await openPage(browser);
    await page.goto(`http://127.0.0.1:${port}/photos?q=a+red+circle`);
    await page.waitForSelector('#grid img');
    assert.is(new URL(page.url()).pathname, '/photos/');
    await until(page, "document.querySelector('#grid img').naturalWidth > 0");
    await page.click('.tile');
    await until(page, "document.querySelector('#viewer .stage img')?.naturalWidth > 0");
    assert.equal(troubles, []);
    await close();
  } finally {
    await browser.close();
    await host.close();
  }
});

test.run();
