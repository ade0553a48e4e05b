/** `POST /model`: the page's way to a model for photographs, over HTTP, by the hub of this machine. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SearchResponse } from '../../lib/base/types';
import { openLibrary } from '../../lib/library';
import { startCli } from '../helpers/cli';
import { scaled } from '../helpers/deadline';
import { ask, type Answer } from '../helpers/http';
import { LoopbackHub } from '../helpers/loopback-hub';
import { drawPictures } from '../helpers/media-folder';
import { writeNoisy } from '../helpers/photographs';
import { fillFromShared } from '../helpers/shared-folder';
import { serve } from '../helpers/served-library';
import { tinyFiles, VISION } from '../helpers/served-model';
import { makeTempDir } from '../helpers/temp';

interface Health {
  readonly model: string;
  readonly offered_model?: string;
  readonly sync: {
    readonly state: string;
    readonly phase?: string;
    readonly done: number;
    readonly total: number;
    readonly error?: { readonly code: string; readonly message: string };
  };
}

const PICTURES = 6;
let hub: LoopbackHub;
const { HF_ENDPOINT, HF_HUB_CACHE } = process.env;
test.before.each(async () => {
  hub = await LoopbackHub.start();
  hub.publish('Xenova/clip-vit-base-patch32', { files: tinyFiles() });
  Object.assign(process.env, {
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_CACHE: makeTempDir('hub-cache'),
  });
});
test.after.each(async () => {
  for (const [name, value] of Object.entries({ HF_ENDPOINT, HF_HUB_CACHE }))
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  await hub.close();
});

async function photographs(): Promise<string> {
  const root = makeTempDir('photographs');
  await fillFromShared(root, `photographs-${PICTURES}`, async (dir) => {
    for (let i = 0; i < PICTURES; i++) await writeNoisy(path.join(dir, `${i}.jpg`), i);
    await using made = await openLibrary(dir);
    await made.sync();
  });
  return root;
}

const post = (port: number, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(port, '/model', { method: 'POST', headers });
const codeOf = (answer: Answer): string => answer.json<{ error: { code: string } }>().error.code;
const hintAt = async (port: number): Promise<string | undefined> =>
  (await ask(port, '/search?q=a%20cat')).json<SearchResponse>().hint;

async function healthWhen(port: number, isWanted: (health: Health) => boolean): Promise<Health> {
  const deadline = Date.now() + scaled(40_000);
  for (;;) {
    const health = (await ask(port, '/health')).json<Health>();
    if (isWanted(health)) return health;
    if (Date.now() > deadline) throw new Error(`never so: ${JSON.stringify(health)}`);
    await delay(20);
  }
}

test('the model is fetched, every frame embedded, and searches use it; one change at a time', async () => {
  await using library = await openLibrary(await photographs());
  await library.sync();
  const server = await serve(library);
  const { port } = server;
  const offered = (await ask(port, '/model')).json<{ model: string; bytes: number }>();
  assert.is(offered.model, 'clip-vit-base-patch32');
  assert.ok(offered.bytes > 1000);
  assert.is((await healthWhen(port, () => true)).offered_model, 'clip-vit-base-patch32');
  assert.is((await ask(port, '/model?x=1')).status, 400);

  const evil = await post(port, { origin: 'http://evil.example' });
  assert.equal([evil.status, codeOf(evil)], [403, 'ERR_UNAUTHORIZED']);
  // The download stands still in its middle, so that what is said meanwhile can be seen.
  const half = { path: /\/store\//, times: 1, stallsAfter: 500 };
  hub.faults.push(half);
  assert.is((await post(port)).status, 200);
  await hub.stalled;
  const { sync, offered_model } = await healthWhen(port, (health) => health.sync.done > 0);
  assert.equal([sync.state, sync.phase, sync.total], ['running', 'download', offered.bytes]);
  assert.is(offered_model, undefined);
  const second = await post(port);
  assert.equal([second.status, codeOf(second)], [503, 'ERR_BUSY']);
  assert.ok((await hintAt(port)) !== undefined, 'the old model answers meanwhile');
  const events: number[] = [];
  library.events.on('progress', ({ phase, done }) => phase === 'reembed' && events.push(done));
  hub.cutOff();

  const done = await healthWhen(port, (health) => health.sync.phase === undefined);
  assert.match(done.model, /clip-vit-base-patch32/);
  assert.is(done.offered_model, undefined);
  assert.is(events.at(-1), PICTURES);
  assert.is(await hintAt(port), undefined);
  assert.equal([(await post(port)).status, codeOf(await post(port))], [404, 'ERR_NOT_FOUND']);
  await server.close();
});

test('the token is asked for, and a library that is only read is not changed', async () => {
  const root = await photographs();
  await using library = await openLibrary(root);
  await library.sync();
  const token = 'a token of 16 letters';
  const guarded = await serve(library, { token });
  for (const method of ['GET', 'POST'])
    assert.is((await ask(guarded.port, '/model', { method })).status, 401, method);
  await guarded.close();
  await using reader = await openLibrary(root, { readOnly: true });
  const reading = await serve(reader);
  const refused = await post(reading.port);
  assert.equal([refused.status, codeOf(refused)], [403, 'ERR_READ_ONLY']);
  assert.is((await healthWhen(reading.port, () => true)).offered_model, undefined);
  await reading.close();
  assert.is(hub.asked.length, 0);
});

test('drawn pictures are offered nothing', async () => {
  const root = makeTempDir('drawn');
  await drawPictures(root, 4);
  await using library = await openLibrary(root);
  await library.sync();
  const server = await serve(library);
  assert.is((await healthWhen(server.port, () => true)).offered_model, undefined);
  assert.is(codeOf(await post(server.port)), 'ERR_NOT_FOUND');
  await server.close();
});

test('a failure has its code, keeps the old model, and may be tried again', async () => {
  await using library = await openLibrary(await photographs());
  await library.sync();
  const server = await serve(library);
  const { port } = server;
  hub.faults.push({ path: /clip-vit-base-patch32/, times: 99, status: 404 });
  assert.equal((await ask(port, '/model')).json(), { model: 'clip-vit-base-patch32' });
  assert.is((await post(port)).status, 200);
  const failed = await healthWhen(port, ({ sync }) => sync.state === 'failed');
  assert.is(failed.sync.error?.code, 'ERR_MODEL_MISSING');
  assert.match(failed.sync.error?.message ?? '', /sightline models pull clip-vit-base-patch32/);
  assert.ok(server.log.some((line) => line.includes('the model could not be changed')));
  assert.ok((await hintAt(port)) !== undefined);
  hub.faults.length = 0;
  assert.is((await post(port)).status, 200);
  await healthWhen(port, ({ sync }) => sync.phase === undefined);
  assert.is(await hintAt(port), undefined);
  await server.close();
});

test('closing the server ends a download', async () => {
  await using library = await openLibrary(await photographs());
  await library.sync();
  const server = await serve(library);
  hub.faults.push({ path: new RegExp(`/store/|${VISION}`), times: 9, stallsAfter: 500 });
  await post(server.port);
  await hub.stalled;
  await server.close();
  assert.match(library.model.id, /builtin/);
});

test('serve changes the model of the library behind it, beside its watch', async () => {
  const root = await photographs();
  const cache = process.env['HF_HUB_CACHE'] ?? '';
  const args = ['serve', root, '--port', '0', '--watch', '0.2', '--model', 'builtin'];
  const running = startCli(args, {
    env: { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache },
  });
  const [, at = ''] = await running.until(/frames? at http:\/\/\S+:(\d+)/);
  const port = Number(at);
  await healthWhen(port, ({ sync, offered_model }) => sync.state === 'idle' && !!offered_model);
  // A look may be running.
  let answer = await post(port);
  while (answer.status === 503) answer = await post(port);
  assert.is(answer.status, 200, answer.text);
  const { model } = await healthWhen(port, ({ sync }) => sync.phase === undefined);
  assert.match(model, /clip-vit-base-patch32/);
  assert.is(await hintAt(port), undefined);
  await writeNoisy(path.join(root, 'new.jpg'), 99);
  await healthWhen(port, (health) => (health as unknown as { frames: number }).frames === 7);
  running.child.kill('SIGTERM');
  const { code, stderr } = await running.ended;
  assert.is(code, 0, stderr);
});

test.run();
