/**
 * String keys and metadata when bytes are damaged, files are cut, the folder is copied file by file during
 * writes, and the disk is full: what an index gives is what was stored, or an error.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Metadata } from '../../lib/engine';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';
import { noise, randomOf } from '../helpers/vectors';

const SEED = 81;
const DIM = 4;
console.log(`seed ${SEED}`);

type Content = Record<string, [Metadata | undefined, number[]]>;

function contentOf(index: VectorIndex<string>): Content {
  const rows = Array.from({ length: index.count }, (_, row) => row);
  const keys = index.keysOf(rows);
  const live = rows.filter((row) => index.rowOf(keys[row] as string) === row);
  return Object.fromEntries(
    live.map((row) => [
      keys[row] as string,
      [index.metadataOf([row])[0], Array.from(index.vectors([row]))],
    ]),
  );
}

const open = (folder: string, readOnly = true): Promise<VectorIndex<string>> =>
  VectorIndex.open(folder, { readOnly, keyType: 'string' });

/** Every type of record with payloads; the state after each. */
async function sample(folder: string): Promise<Content[]> {
  const states: Content[] = [];
  await using index = await VectorIndex.create({
    dim: DIM,
    metric: 'euclidean',
    path: folder,
    keyType: 'string',
  });
  const step = async (work: Promise<unknown>): Promise<void> => {
    await work;
    states.push(contentOf(index));
  };
  states.push({});
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  const metadata = keys.map((key, i) => (i % 3 === 0 ? null : { key, text: 'x'.repeat(200 + i) }));
  await step(index.add(noise(20, DIM, SEED), { keys, metadata }));
  await step(index.update(['key 1', 'key 2'], noise(2, DIM, SEED + 1)));
  await step(index.setMetadata(['key 3', 'key 4'], [{ set: 3 }, null]));
  await step(index.remove(['key 5']));
  await step(index.rollbackTo(21));
  return states;
}

test('a flipped bit anywhere in the log is an error, and no flip changes what an index gives', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await sample(folder);
  const log = path.join(folder, 'embeddings.idx');
  const sound = readFileSync(log);
  const random = randomOf(SEED);
  let opened = 0;
  for (let at = 0; at < sound.length; at += at % 4096 < 64 ? 1 : 1 + Math.floor(random() * 12)) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
    writeFileSync(log, bytes);
    const code = await codeOf(async () => (await open(folder)).close());
    if (code === 'ok') opened++;
    else assert.match(code, /^ERR_FILE_(CORRUPT|VERSION)$/, `byte ${at}`);
  }
  assert.is(opened, 0);
  writeFileSync(log, sound);
  await (await open(folder)).close();
});

test('a log cut anywhere opens at the commit before, or is an error', async () => {
  const base = makeTempDir();
  const folder = path.join(base, 'index');
  const states = (await sample(folder)).map((state) => JSON.stringify(state));
  const size = readFileSync(path.join(folder, 'embeddings.idx')).length;
  const seen = new Set<number>();
  for (let cut = size; cut > 0; cut -= 509) {
    const at = path.join(base, `cut-${cut}`);
    cpSync(folder, at, { recursive: true });
    // A copy, whose end may be missing; in place a snapshot beyond the log's end is an error.
    truncateSync(path.join(at, 'embeddings.idx'), cut);
    try {
      await using index = await open(at);
      const state = states.indexOf(JSON.stringify(contentOf(index)));
      assert.ok(state >= 0, `cut at ${cut}: a state that never was`);
      seen.add(state);
    } catch (error) {
      assert.match((error as { code: string }).code, /^ERR_FILE_/, `cut at ${cut}`);
    }
  }
  assert.ok(seen.size >= 4, `states seen: ${[...seen].join(' ')}`);
});

test('bytes that are sound by their checksums and are no payload are an error, not a key', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const index = await VectorIndex.create({ dim: DIM, path: folder, keyType: 'string' });
  type Native = {
    setPayloads(handle: unknown, keys: unknown, bytes: unknown, lengths: unknown): Promise<void>;
  };
  const { core } = index as unknown as { core: { binding: Native; handle: unknown } };
  await index.add(noise(1, DIM, SEED), { keys: ['a'], metadata: [{ a: 1 }] });
  const payloads: [string, string[]][] = [
    ['\x01', ['keysOf', 'metadataOf', 'filter']],
    ['\xff\xffa', ['keysOf', 'metadataOf', 'filter']],
    ['\x00\x00{}', ['keysOf']],
    ['', ['keysOf']],
    ['\x01\x00a{', ['metadataOf', 'filter']],
    ['\x01\x00a[1]', ['metadataOf', 'filter']],
    ['\x01\x00anull', ['metadataOf', 'filter']],
  ];
  for (const [text, broken] of payloads) {
    const bytes = Uint8Array.from(Buffer.from(text, 'latin1'));
    await core.binding.setPayloads(
      core.handle,
      Float64Array.of(0),
      bytes,
      Uint32Array.of(bytes.length),
    );
    const asked: Record<string, () => unknown> = {
      keysOf: () => index.keysOf([0]),
      metadataOf: () => index.metadataOf([0]),
      filter: () => index.search([1, 2, 3, 4], 1, { filter: { [`f${text}`]: 1 } }),
    };
    for (const [name, ask] of Object.entries(asked)) {
      if (name === 'filter' && !broken.includes('filter') && broken.includes('keysOf')) continue;
      const expected = broken.includes(name) ? 'ERR_FILE_CORRUPT' : 'ok';
      assert.is(await codeOf(ask), expected, `${name} of ${JSON.stringify(text)}`);
    }
  }
  await index.close();
});

test('a copy taken file by file during writes has the keys and the metadata of its rows', async () => {
  const base = makeTempDir();
  const folder = path.join(base, 'index');
  await using index = await VectorIndex.create({
    dim: DIM,
    metric: 'euclidean',
    path: folder,
    keyType: 'string',
  });
  const add = (round: number): Promise<unknown> => {
    const keys = Array.from({ length: 40 }, (_, i) => `${round} ${i}`);
    const vectors = keys.flatMap((_, i) => [round, i, 1, 1]);
    return index.add(Float32Array.from(vectors), {
      keys,
      metadata: keys.map((key) => ({ key, pad: 'x'.repeat(round * 3) })),
    });
  };
  const random = randomOf(SEED);
  const copies: string[] = [];
  for (let round = 0; round < 40; round++) {
    const adding = add(round);
    if (round % 4 === 0) {
      const copy = path.join(base, `copy-${round}`);
      mkdirSync(copy);
      const names = readdirSync(folder).sort(() => random() - 0.5);
      for (const [i, name] of names.entries()) {
        cpSync(path.join(folder, name), path.join(copy, name));
        // Files of different commits.
        if (i === 0) await adding;
        if (i === 1) await add(1000 + round);
      }
      copies.push(copy);
    }
    await adding;
    if (round % 10 === 9) await index.save();
  }
  let rows = 0;
  for (const copy of copies) {
    await using reader = await open(copy);
    for (let row = 0; row < reader.count; row++) {
      const [round, i] = reader.vectors([row]);
      assert.equal(reader.keysOf([row]), [`${round} ${i}`]);
      assert.is(reader.metadataOf([row])[0]?.['key'], `${round} ${i}`);
    }
    rows += reader.count;
    // The first write puts a log of what is left in the place of the copied one.
    await using writer = await open(copy, false);
    await writer.setMetadata(writer.keysOf([0]), [{ changed: true }]);
    await writer.add(noise(1, DIM, SEED), { keys: ['new'] });
    assert.equal(writer.metadataOf([writer.rowOf('0 0') as number]), [{ changed: true }]);
    assert.equal((await writer.verify()).problems, []);
  }
  assert.ok(rows > 1000);
});

test('many small commits with metadata are folded, and nothing is lost by it', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const wanted: Content = {};
  {
    await using index = await VectorIndex.create({
      dim: DIM,
      metric: 'euclidean',
      path: folder,
      keyType: 'string',
    });
    for (let i = 0; i < 300; i++) {
      const vector = [i, 1, 2, 3];
      const metadata = i % 5 === 0 ? undefined : { i, pad: 'y'.repeat(i) };
      await index.update([`key ${i % 200}`], [vector], {
        insertMissing: true,
        metadata: [metadata],
      });
      wanted[`key ${i % 200}`] = [metadata, vector];
    }
  }
  const { length } = readFileSync(path.join(folder, 'embeddings.idx'));
  assert.ok(length < 300 * 4096, `${length} bytes of log`);
  await using again = await open(folder, false);
  assert.equal(contentOf(again), wanted);
  await again.compact();
  assert.equal(contentOf(again), wanted);
});

test('a folder that was replaced gets no metadata, and an open reader goes on with its own', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await sample(folder);
  const index = await open(folder, false);
  const reader = await open(folder);
  const before = contentOf(reader);
  const log = readFileSync(path.join(folder, 'embeddings.idx'));
  const other = path.join(makeTempDir(), 'index');
  await sample(other);
  cpSync(path.join(other, 'embeddings.idx'), path.join(folder, 'embeddings.idx.new'));
  const { renameSync } = await import('node:fs');
  renameSync(path.join(folder, 'embeddings.idx.new'), path.join(folder, 'embeddings.idx'));
  const replaced = readFileSync(path.join(folder, 'embeddings.idx'));
  const set = () => index.setMetadata(['key 7'], [{ lost: true }]);
  assert.is(await codeOf(set), 'ERR_FILE_REPLACED');
  assert.ok(replaced.equals(readFileSync(path.join(folder, 'embeddings.idx'))));
  assert.equal(contentOf(reader), before);
  assert.equal(contentOf(index), before);
  writeFileSync(path.join(folder, 'embeddings.idx'), log);
  await index.close().catch(() => undefined);
  await reader.close();
});

test.run();
