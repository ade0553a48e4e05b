/** Caches of embeddings in memory and in a folder: what they keep, what they refuse, what they drop. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matcherOf } from '../../lib/stores/cache/key';
import {
  cacheKey,
  DiskCache,
  LayeredCache,
  MemoryCache,
  type EmbeddingCache,
} from '../../lib/stores/cache';
import { scaled } from '../helpers/deadline';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';

const MODEL = { id: 'm', revision: 'r', sha256: 'a'.repeat(64), preprocessVersion: 1 };
const DIM = 8;
const vector = (seed: number): Float32Array =>
  Float32Array.from({ length: DIM }, (_, i) => Math.sin(seed * 7 + i));
const keyOf = (text: string): string => cacheKey('instruction', MODEL, text);

const stores: Readonly<Record<string, () => EmbeddingCache>> = {
  memory: () => new MemoryCache(),
  disk: () => new DiskCache({ folder: makeTempDir('cache') }),
  layered: () =>
    new LayeredCache(new MemoryCache(), new DiskCache({ folder: makeTempDir('cache') })),
};

for (const [name, open] of Object.entries(stores)) {
  test(`${name}: gives back to the bit what was kept, in order, and nothing else`, async () => {
    const cache = open();
    const kept = vector(1);
    await cache.set(keyOf('a'), kept);
    kept[0] = 5;
    await cache.setMany(new Map([2, 3].map((i) => [keyOf(String(i)), vector(i)])));
    const found = await cache.getMany(['3', 'none', 'a', '2', '3'].map(keyOf), DIM);
    assert.equal(found, [vector(3), undefined, vector(1), vector(2), vector(3)]);
    const again = await cache.get(keyOf('a'), DIM);
    assert.ok(again);
    again[0] = 9;
    assert.equal(await cache.get(keyOf('a'), DIM), vector(1), 'callers have copies');
    assert.is(await cache.get(keyOf('a'), DIM + 1), undefined, 'another length is a miss');
    const { hits, misses } = cache.stats();
    assert.equal([hits, misses], [6, 2]);
    await cache.close();
  });

  test(`${name}: clears by pattern`, async () => {
    const cache = open();
    for (let i = 0; i < 20; i++) {
      await cache.set(cacheKey(i % 2 ? 'image' : 'instruction', MODEL, String(i)), vector(i));
    }
    assert.is(await cache.clearPattern('embedding:imag?:*'), 0, 'only * has a meaning');
    assert.is(await cache.clearPattern('embedding:image:*'), 10);
    assert.is(await cache.get(cacheKey('image', MODEL, '1'), DIM), undefined);
    assert.equal(await cache.get(cacheKey('instruction', MODEL, '2'), DIM), vector(2));
    // As spec 002 writes it: without the prefix.
    assert.is(await cache.clearPattern('instruction:*'), 10);
    for (const kind of ['image', 'instruction'] as const)
      await cache.set(cacheKey(kind, MODEL, 'x'), vector(1));
    assert.is(await cache.clearPattern('ruction:*'), 0);
    assert.is(await cache.clearPattern('**'), 2);
    await cache.close();
  });

  test(`${name}: says what is kept, counts it, and gives up what is over`, async () => {
    const cache = open();
    assert.is(await cache.set(keyOf('a'), vector(1)), true);
    const kept = await cache.setMany(new Map([[keyOf('b'), vector(2)]]), 3600);
    assert.equal([...kept], [[keyOf('b'), true]]);
    assert.is(await cache.set(keyOf('soon over'), vector(3), scaled(100) / 1000), true);
    const { totalKeys, memoryUsed } = await cache.getStats();
    assert.is(totalKeys, 3);
    assert.ok(memoryUsed >= 3 * DIM * 4, `${memoryUsed} bytes`);
    assert.equal(await cache.get(keyOf('soon over'), DIM), vector(3));
    const end = performance.now() + scaled(5000);
    // Until the time is over by the clock, whichever the store looks at.
    while ((await cache.get(keyOf('soon over'), DIM)) !== undefined && performance.now() < end)
      await new Promise((resolve) => setImmediate(resolve));
    assert.is(await cache.get(keyOf('soon over'), DIM), undefined);
    assert.equal(await cache.get(keyOf('b'), DIM), vector(2));
    assert.is(cache.stats().errors, 0, 'an end is no damage');
    for (const ttl of [0, -1, NaN, Infinity])
      assert.is(await codeOf(() => cache.set(keyOf('c'), vector(1), ttl)), 'ERR_ARG_RANGE');
    await cache.close();
  });
}

test('patterns: parts in order, ends fixed, and no pattern takes long', () => {
  const matches = (pattern: string, key: string): boolean => matcherOf(pattern)(key);
  assert.ok(matches('embedding:image:*', 'embedding:image:ab'));
  assert.ok(matches('*b*', 'embedding:image:abc'));
  assert.not(matches('*c*b', 'embedding:image:abc'));
  assert.not(matches('image:ab*ba', 'embedding:image:aba'), 'parts do not overlap');
  assert.ok(matches('image:ab*ba', 'embedding:image:abba'));
  assert.ok(matches('image:ab', 'embedding:image:ab'));
  assert.not(matches('image:a', 'embedding:image:ab'));
  const started = performance.now();
  assert.not(matches('*a'.repeat(200) + 'b', `embedding:${'a'.repeat(100_000)}`));
  assert.ok(performance.now() - started < scaled(1000), 'linear, not exponential');
});

test('keys tell models, preprocessing, kinds and inputs apart', () => {
  const keys = [
    keyOf('a'),
    keyOf('b'),
    cacheKey('image', MODEL, 'a'),
    cacheKey('instruction', { ...MODEL, sha256: 'b'.repeat(64) }, 'a'),
    cacheKey('instruction', { ...MODEL, preprocessVersion: 2 }, 'a'),
    cacheKey('instruction', { ...MODEL, id: 'n' }, 'a'),
  ];
  assert.is(new Set(keys).size, keys.length);
  assert.match(keys[0] as string, /^embedding:instruction:[0-9a-f]{64}$/);
  assert.is(keyOf('a'), cacheKey('instruction', MODEL, Buffer.from('a')));
});

test('memory: the least recently used go first, and time ends', async () => {
  const ttlMs = scaled(200);
  const cache = new MemoryCache({ maxBytes: 3 * (DIM * 4 + 256), ttlSeconds: ttlMs / 1000 });
  for (const name of ['a', 'b', 'c']) await cache.set(keyOf(name), vector(1));
  await cache.get(keyOf('a'), DIM);
  await cache.set(keyOf('d'), vector(1));
  assert.is(await cache.get(keyOf('b'), DIM), undefined);
  assert.ok(await cache.get(keyOf('a'), DIM));
  await new Promise((resolve) => setTimeout(resolve, ttlMs + 100));
  assert.is(await cache.get(keyOf('a'), DIM), undefined);
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());
}

test('disk: survives a restart, and two processes may share it', async () => {
  const folder = makeTempDir('cache');
  await new DiskCache({ folder }).set(keyOf('a'), vector(1));
  const [one, two] = [new DiskCache({ folder }), new DiskCache({ folder })];
  await Promise.all([one, two].map((cache, i) => cache.set(keyOf('b'), vector(i))));
  assert.equal(await one.get(keyOf('a'), DIM), vector(1));
  assert.ok(await two.get(keyOf('b'), DIM));
  assert.is(filesIn(folder).length, 2, 'nothing half written stays');
});

test('disk: a damaged, cut or foreign file is a miss and goes', async () => {
  const folder = makeTempDir('cache');
  const cache = new DiskCache({ folder });
  const damage: readonly ((bytes: Buffer) => Buffer)[] = [
    (bytes) => (bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3), bytes),
    (bytes) => bytes.subarray(0, bytes.length - 1),
    () => Buffer.alloc(0),
    () => Buffer.alloc(1 << 16, 7),
  ];
  for (const [i, change] of damage.entries()) {
    await cache.set(keyOf('a'), vector(1));
    const [file = ''] = filesIn(folder);
    writeFileSync(file, change(readFileSync(file)));
    assert.is(await cache.get(keyOf('a'), DIM), undefined, `damage ${i}`);
    assert.not.ok(existsSync(file));
    assert.is(cache.stats().errors, i + 1);
  }
});

test("disk: a file under another's name is a miss", async () => {
  const folder = makeTempDir('cache');
  const cache = new DiskCache({ folder });
  await cache.set(keyOf('a'), vector(1));
  const [from = ''] = filesIn(folder);
  await cache.set(keyOf('b'), vector(2));
  const to = filesIn(folder).find((file) => file !== from) ?? '';
  writeFileSync(to, readFileSync(from));
  assert.is(await cache.get(keyOf('b'), DIM), undefined);
  assert.equal(await cache.get(keyOf('a'), DIM), vector(1));
});

test('disk: keys never leave the folder', async () => {
  const folder = makeTempDir('cache');
  const cache = new DiskCache({ folder: path.join(folder, 'inner') });
  for (const key of ['../../escape', 'embedding:image:../../x', '/etc/x', '\0', '']) {
    await cache.set(key, vector(1));
    assert.equal(await cache.get(key, DIM), vector(1));
  }
  assert.equal(readdirSync(folder), ['inner']);
});

test('disk: what was used longest ago goes when it is full', async () => {
  const folder = makeTempDir('cache');
  const each = DIM * 4 + 4;
  const cache = new DiskCache({ folder, maxBytes: 10 * each });
  for (let i = 0; i < 10; i++) {
    const before = new Set(existsSync(folder) ? filesIn(folder) : []);
    await cache.set(keyOf(String(i)), vector(i));
    const fresh = filesIn(folder).find((file) => !before.has(file)) ?? '';
    utimesSync(fresh, 1000 + i, 1000 + i);
  }
  await cache.get(keyOf('0'), DIM);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await cache.set(keyOf('new'), vector(99));
  // It tidies up beside its callers.
  const until = Date.now() + scaled(10_000);
  while (filesIn(folder).length > 9 && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(filesIn(folder).length <= 9);
  assert.equal(await cache.get(keyOf('0'), DIM), vector(0), 'used just now');
  assert.is(await cache.get(keyOf('1'), DIM), undefined);
  assert.equal(await cache.get(keyOf('new'), DIM), vector(99));
});

test('disk: a folder that cannot be written to costs nothing but the entry', async () => {
  const folder = makeTempDir('cache');
  writeFileSync(path.join(folder, 'file'), '');
  const cache = new DiskCache({ folder: path.join(folder, 'file') });
  await cache.set(keyOf('a'), vector(1));
  assert.is(await cache.get(keyOf('a'), DIM), undefined);
  assert.ok(cache.stats().errors > 0);
  // A loop of links is an error, no crash.
  await mkdir(path.join(folder, 'loop'));
  await symlink('instruction', path.join(folder, 'loop', 'instruction'));
  const looped = new DiskCache({ folder: path.join(folder, 'loop') });
  await looped.set(keyOf('a'), vector(1));
  assert.is(await looped.get(keyOf('a'), DIM), undefined);
});

test.run();
