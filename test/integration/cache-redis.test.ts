/** The cache in a real Redis: what it keeps and for how long, and a Redis that dies, hangs and comes back. */
import { Redis } from 'ioredis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cacheKey, RedisCache } from '../../lib/stores/cache';
import { scaled } from '../helpers/deadline';
import { noRedis, RedisServer } from '../helpers/redis';
import { skipAll } from '../helpers/skip';
import { codeOf } from '../helpers/errors';

const MODEL = { id: 'm', revision: 'r', sha256: 'a'.repeat(64), preprocessVersion: 1 };
const DIM = 16;
const vector = (seed: number): Float32Array =>
  Float32Array.from({ length: DIM }, (_, i) => Math.sin(seed * 7 + i));
const keyOf = (text: string): string => cacheKey('instruction', MODEL, text);

let server: RedisServer;
let plain: Redis;

if (noRedis !== undefined) {
  skipAll(noRedis);
} else {
  test.before(async () => {
    server = await RedisServer.start();
    plain = new Redis(server.url);
    plain.on('error', () => undefined);
  });
  test.after(async () => {
    plain.disconnect();
    await server.down();
  });

  test('keeps vectors as plain float32 with a time to live, alone and many at once', async () => {
    const cache = new RedisCache({ url: server.url, ttlSeconds: 120 });
    await cache.set(keyOf('a'), vector(1));
    const raw = await plain.getBuffer(keyOf('a'));
    assert.equal(raw, Buffer.from(vector(1).buffer), 'little-endian float32 and nothing else');
    const ttl = await plain.ttl(keyOf('a'));
    assert.ok(ttl > 100 && ttl <= 120, `${ttl} s`);
    await cache.setMany(
      new Map(Array.from({ length: 2500 }, (_, i) => [keyOf(`${i}`), vector(i)])),
    );
    const keys = Array.from({ length: 2500 }, (_, i) => keyOf(`${2499 - i}`));
    const found = await cache.getMany([...keys, keyOf('none')], DIM);
    assert.equal(found[0], vector(2499));
    assert.equal(found[2499], vector(0));
    assert.is(found[2500], undefined);
    assert.equal([cache.stats().hits, cache.stats().misses], [2500, 1]);
    await cache.close();
  });

  test('the default time to live is five minutes', async () => {
    const cache = new RedisCache({ url: server.url });
    await cache.set(keyOf('ttl'), vector(1));
    const ttl = await plain.ttl(keyOf('ttl'));
    assert.ok(ttl > 280 && ttl <= 300, `${ttl} s`);
    await cache.close();
  });

  test('values that are no vector are misses', async () => {
    const cache = new RedisCache({ url: server.url });
    const nan = Float32Array.from({ length: DIM }, () => NaN);
    for (const bytes of [Buffer.alloc(0), Buffer.from('text'), Buffer.from(nan.buffer)]) {
      await plain.set(keyOf('bad'), bytes);
      assert.is(await cache.get(keyOf('bad'), DIM), undefined);
    }
    await plain.del(keyOf('bad'));
    await plain.lpush(keyOf('bad'), 'a list');
    assert.is(await cache.get(keyOf('bad'), DIM), undefined);
    assert.equal(await cache.get(keyOf('ttl'), DIM), vector(1), 'and the connection goes on');
    await cache.close();
  });

  test('clears by pattern and leaves what belongs to others', async () => {
    const cache = new RedisCache({ url: server.url });
    await plain.flushall();
    await plain.set('session:1', 'x');
    await cache.setMany(
      new Map(
        Array.from({ length: 1200 }, (_, i) => [
          cacheKey(i % 3 === 0 ? 'image' : 'instruction', MODEL, `${i}`),
          vector(i),
        ]),
      ),
    );
    assert.is(await cache.clearPattern('embedding:image:*'), 400);
    assert.is(await cache.clearPattern('embedding:[ai]*'), 0, 'only * has a meaning');
    assert.is(await plain.dbsize(), 801);
    const { totalKeys, memoryUsed } = await cache.getStats();
    assert.is(totalKeys, 800, 'what belongs to others does not count');
    assert.ok(memoryUsed > 100_000, `${memoryUsed} bytes`);
    assert.is(await cache.clearPattern('instruction:*'), 800, 'as spec 002 writes it');
    await cache.set(keyOf('a'), vector(1));
    assert.is(await cache.clearPattern('*'), 1);
    assert.is(await plain.get('session:1'), 'x', 'a star alone is not everything there is');
    assert.is(await cache.set(keyOf('short'), vector(1), 7), true);
    const ttl = await plain.ttl(keyOf('short'));
    assert.ok(ttl === 6 || ttl === 7, `${ttl} s`);
    const kept = await cache.setMany(new Map([[keyOf('long'), vector(1)]]), 1000);
    assert.equal([...kept.values()], [true]);
    assert.ok((await plain.ttl(keyOf('long'))) > 900);
    await cache.close();
  });

  test('a Redis that is killed is a miss, said once, and comes back by itself', async () => {
    const notices: string[] = [];
    const cache = new RedisCache({
      url: server.url,
      retryMs: 200,
      onNotice: (line) => notices.push(line),
    });
    await cache.set(keyOf('a'), vector(1));
    assert.equal(await cache.get(keyOf('a'), DIM), vector(1));
    await server.down();
    for (let i = 0; i < 20; i++) {
      assert.is(await cache.get(keyOf('a'), DIM), undefined);
      await cache.set(keyOf('a'), vector(1));
    }
    assert.not.ok(cache.stats().isReachable);
    assert.is(notices.length, 1);
    assert.match(notices[0] as string, /does not answer/);
    await server.up();
    const until = Date.now() + scaled(15_000);
    for (;;) {
      await cache.set(keyOf('b'), vector(2));
      if ((await cache.get(keyOf('b'), DIM)) !== undefined) break;
      assert.ok(Date.now() < until, 'it never came back');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(cache.stats().isReachable);
    assert.is(notices.length, 2);
    assert.match(notices[1] as string, /answers again/);
    await cache.close();
  });

  test('a Redis that hangs delays one call, not all of them', async () => {
    const cache = new RedisCache({ url: server.url, timeoutMs: 200, retryMs: 60_000 });
    await cache.set(keyOf('a'), vector(1));
    server.freeze();
    try {
      const started = performance.now();
      for (let i = 0; i < 50; i++) assert.is(await cache.get(keyOf('a'), DIM), undefined);
      const tookMs = performance.now() - started;
      assert.ok(tookMs >= 150, 'the first call asked');
      assert.ok(tookMs < scaled(5000), `${Math.round(tookMs)} ms for 50 calls`);
    } finally {
      server.thaw();
    }
    await cache.close();
  });

  test('first calls that come together wait for one connection', async () => {
    const notices: string[] = [];
    const cache = new RedisCache({ url: server.url, onNotice: (line) => notices.push(line) });
    await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((i) => cache.set(keyOf(`c${i}`), vector(i))));
    const found = await Promise.all([1, 2, 3].map((i) => cache.get(keyOf(`c${i}`), DIM)));
    assert.equal(found, [1, 2, 3].map(vector));
    assert.is(cache.stats().errors, 0);
    assert.equal(notices, []);
    await cache.close();
  });

  test('a Redis that was never there', async () => {
    const cache = new RedisCache({ url: 'redis://127.0.0.1:1' });
    assert.is(await cache.get(keyOf('a'), DIM), undefined);
    assert.is(await codeOf(cache.clearPattern('*')), 'ERR_STORE_UNAVAILABLE');
    assert.is(await codeOf(cache.getStats()), 'ERR_STORE_UNAVAILABLE');
    assert.is(await cache.set(keyOf('a'), vector(1)), false, 'not kept');
    assert.equal([...(await cache.setMany(new Map([[keyOf('a'), vector(1)]]))).values()], [false]);
    await cache.close();
    assert.is(await cache.get(keyOf('a'), DIM), undefined, 'closed is a miss too');
  });
}

test('addresses that are none are refused, and passwords are not repeated', async () => {
  for (const url of ['localhost:6379', 'http://x', 'redis', '']) {
    const making = Promise.resolve().then(() => new RedisCache({ url }));
    assert.is(await codeOf(making), 'ERR_ARG_RANGE', url);
  }
  const notices: string[] = [];
  const cache = new RedisCache({
    url: 'redis://:secret-word@127.0.0.1:1',
    onNotice: (line) => notices.push(line),
  });
  await cache.get(keyOf('a'), DIM);
  assert.is(notices.length, 1);
  assert.not.match(notices[0] as string, /secret-word/);
  await cache.close();
});

test.run();
