/** `sightline serve`: announces its address, answers, and stops cleanly. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SearchResponse } from '../../lib/base/types';
import { runCli, startCli } from '../helpers/cli';
import { scaled } from '../helpers/deadline';
import { ask } from '../helpers/http';
import { drawing, drawPictures } from '../helpers/media-folder';
import { makeTempDir } from '../helpers/temp';

interface Health {
  readonly status: string;
  readonly frames: number;
  readonly root?: string;
  readonly sync: {
    readonly state: string;
    readonly done: number;
    readonly total: number;
    readonly frames: number;
    readonly frames_total: number;
    readonly finished_at?: string;
    readonly error?: { readonly code: string };
  };
}

/** Asks `/health` until it says what is wanted. */
async function healthWhen(url: string, isWanted: (health: Health) => boolean): Promise<Health> {
  const deadline = Date.now() + 150_000;
  for (;;) {
    const health = (await (await fetch(`${url}/health`)).json()) as Health;
    if (isWanted(health)) return health;
    if (Date.now() > deadline) throw new Error(`never so: ${JSON.stringify(health)}`);
    await delay(50);
  }
}
const isSynced = ({ sync }: Health): boolean => sync.state === 'idle';

const root = makeTempDir('cli-serve');
test.before(() => drawPictures(root, 6).then(() => undefined));

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`serves what it has just indexed and ends with 0 on ${signal}`, async () => {
    const serve = startCli(['serve', root, '--port', '0']);
    const [, url = ''] = await serve.until(/frames? at (http:\/\/\S+)/);
    const health = await healthWhen(url, isSynced);
    assert.is(health.frames, 6);
    assert.is(health.root, root);
    const response = await fetch(`${url}/search?q=a%20red%20circle&k=3`);
    assert.is(response.status, 200);
    const document = (await response.json()) as SearchResponse;
    assert.is(document.results.length, 3);
    const frame = await fetch(url + (document.results[0]?.frame_url ?? ''));
    assert.is(frame.headers.get('content-type'), 'image/jpeg');
    await frame.arrayBuffer();
    serve.child.kill(signal);
    const { code, stderr } = await serve.ended;
    assert.is(code, 0, stderr);
  });
}

test('a sync beside a running server works, and the server notices it', async () => {
  const serve = startCli(['serve', root, '--port', '0', '--json']);
  const [, url = ''] = await serve.until(/"url":"(http[^"]+)"/);
  await healthWhen(url, isSynced);
  const ask = async (): Promise<string[]> => {
    const response = await fetch(`${url}/search?q=a%20star&k=100`);
    return ((await response.json()) as SearchResponse).results.map((hit) => hit.media_path);
  };
  assert.is((await ask()).length, 6);
  writeFileSync(path.join(root, 'late.jpg'), await drawing(900));
  const sync = await runCli(['sync', root]);
  assert.is(sync.code, 0, sync.stderr);
  const deadline = Date.now() + scaled(20_000);
  let found = await ask();
  while (!found.includes('late.jpg') && Date.now() < deadline) found = await ask();
  assert.ok(found.includes('late.jpg'), 'the server answers with the new picture');
  serve.child.kill('SIGTERM');
  const { code, stdout } = await serve.ended;
  assert.is(code, 0);
  assert.is((JSON.parse(stdout) as { frames: number }).frames, 6);
});

test('it listens before it has read anything, and tells how far it is', async () => {
  const many = makeTempDir('cli-serve-many');
  await drawPictures(many, 40);
  const serve = startCli(['serve', many, '--port', '0', '--progress', 'json']);
  const [said = '', url = ''] = await serve.until(/(?:\d+) frames? at (http:\/\/\S+)/);
  assert.match(said, /^0 frames/, 'nothing is indexed when it listens');
  const seen = await healthWhen(url, ({ sync }) => sync.total > 0);
  assert.is(seen.sync.total, 40);
  const part = await fetch(`${url}/search?q=a%20star`);
  assert.is(part.status, 200, 'whatever is there can be searched meanwhile');
  await part.arrayBuffer();
  const done = await healthWhen(url, isSynced);
  assert.equal([done.frames, done.sync.frames, done.sync.done], [40, 40, 40]);
  assert.ok(Date.parse(done.sync.finished_at ?? '') > 0);
  serve.child.kill('SIGTERM');
  assert.is((await serve.ended).code, 0);
});

test('stopped in the middle it ends with 0, and the next one goes on', async () => {
  const half = makeTempDir('cli-serve-half');
  await drawPictures(half, 30);
  const first = startCli(['serve', half, '--port', '0']);
  const [, url = ''] = await first.until(/frames? at (http:\/\/\S+)/);
  await healthWhen(url, ({ sync }) => sync.total > 0);
  first.child.kill('SIGTERM');
  const { code, stderr } = await first.ended;
  assert.is(code, 0, stderr);
  const next = startCli(['serve', half, '--port', '0']);
  const [, again = ''] = await next.until(/frames? at (http:\/\/\S+)/);
  assert.is((await healthWhen(again, isSynced)).frames, 30);
  next.child.kill('SIGTERM');
  assert.is((await next.ended).code, 0);
});

test('--watch finds what is new and what is gone, beside other syncs', async () => {
  const watched = makeTempDir('cli-serve-watch');
  await drawPictures(watched, 2);
  const serve = startCli(['serve', watched, '--port', '0', '--watch', '0.2']);
  const [, url = ''] = await serve.until(/frames? at (http:\/\/\S+)/);
  await healthWhen(url, ({ frames }) => frames === 2);
  writeFileSync(path.join(watched, 'new.jpg'), await drawing(77));
  await healthWhen(url, ({ frames }) => frames === 3);
  rmSync(path.join(watched, 'new.jpg'));
  await healthWhen(url, ({ frames }) => frames === 2);
  // A rule of another process holds here too.
  let ignored = await runCli(['sync', watched, '--ignore', 'late-*']);
  for (let i = 0; i < 50 && /ERR_FILE_LOCKED/.test(ignored.stderr); i++)
    ignored = await runCli(['sync', watched, '--ignore', 'late-*']);
  assert.is(ignored.code, 0, ignored.stderr);
  writeFileSync(path.join(watched, 'late-1.jpg'), await drawing(78));
  writeFileSync(path.join(watched, 'other.jpg'), await drawing(79));
  assert.is((await healthWhen(url, ({ frames }) => frames > 2)).frames, 3);
  // The folder goes and comes back: said, and no reason to stop.
  renameSync(watched, `${watched}-away`);
  mkdirSync(watched);
  assert.match(
    (await healthWhen(url, ({ sync }) => sync.state === 'failed')).sync.error?.code ?? '',
    /^ERR_/,
  );
  rmSync(watched, { recursive: true });
  renameSync(`${watched}-away`, watched);
  await healthWhen(url, isSynced);
  serve.child.kill('SIGTERM');
  const { code, stderr } = await serve.ended;
  assert.is(code, 0, stderr);
  assert.is(stderr.match(/could not be looked for/g)?.length, 1, stderr);
});

test('a folder behind --watch is the folder, not the seconds', async () => {
  const serve = startCli(['serve', '--port', '0', '--watch', root]);
  const [, url = ''] = await serve.until(/frames? at (http:\/\/\S+)/);
  const health = await healthWhen(url, isSynced);
  assert.is(health.root, root);
  assert.is((health.sync as { watch?: number }).watch, 10);
  serve.child.kill('SIGTERM');
  assert.is((await serve.ended).code, 0);
});

test('the line at the start has an address that other machines can open', async () => {
  const flags = ['--host', '0.0.0.0', '--token', 'a-token-of-some-length', '--no-sync'];
  const serve = startCli(['serve', root, '--port', '0', '--json', ...flags]);
  const [line = ''] = await serve.until(/\{.*"url".*\}/);
  const said = JSON.parse(line) as { url: string; addresses: string[] };
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => `http://${address}:${new URL(said.url).port}`);
  assert.equal(said.addresses, own);
  for (const address of own) assert.is((await fetch(`${address}/livez`)).status, 200, address);
  const health = (await (await fetch(`${said.url}/health`)).json()) as object;
  assert.equal(health, { status: 'ok' });
  serve.child.kill('SIGTERM');
  assert.is((await serve.ended).code, 0);
});

test('names of a proxy are flags, and a wrong one says how it is written', async () => {
  const wrong = await runCli([
    'serve',
    root,
    '--no-sync',
    '--allow-host',
    'https://photos.example',
  ]);
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /--allow-host takes host names such as photos\.example/);
  const origin = await runCli(['serve', root, '--no-sync', '--cors-origin', 'app.example']);
  assert.match(origin.stderr, /--cors-origin takes origins such as https:\/\/app\.example/);
  const proxy = await runCli(['serve', root, '--no-sync', '--trust-proxy', '0.0.0.0/0']);
  assert.match(proxy.stderr, /--trust-proxy takes addresses or networks such as 127\.0\.0\.1/);
  const names = ['--allow-host', 'photos.example', '--cors-origin', 'https://app.example'];
  names.push('--trust-proxy', '127.0.0.1');
  const serve = startCli(['serve', root, '--port', '0', '--no-sync', ...names]);
  const [, url = ''] = await serve.until(/frames at (http:\/\/\S+)/);
  const { port } = new URL(url);
  const headers = { host: 'photos.example', origin: 'https://app.example' };
  const answer = await ask(Number(port), '/search?q=x&k=1', { headers });
  assert.is(answer.status, 200);
  assert.is(answer.headers['access-control-allow-origin'], 'https://app.example');
  const health = await ask(Number(port), '/health', { headers });
  assert.is(health.json().root, undefined, 'a proxy may stand before it');
  serve.child.kill('SIGTERM');
  const { stderr } = await serve.ended;
  assert.match(stderr, /no token is set, so whoever reaches photos\.example sees the library/);
});

test('a port in use exits with 2 and a remedy', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  const result = await runCli(['serve', root, '--port', String(port), '--no-sync']);
  blocker.close();
  assert.is(result.code, 2, result.stderr);
  assert.match(
    result.stderr,
    new RegExp(`port ${port} on 127.0.0.1 is in use.*--port ${port + 1}`),
  );
  assert.not.match(result.stderr, /\n +at /);
});

test('listening beyond this machine requires a token', async () => {
  const result = await runCli(['serve', root, '--host', '0.0.0.0', '--port', '0', '--no-sync']);
  assert.is(result.code, 2, result.stderr);
  assert.match(result.stderr, /token/);
});

test.run();
