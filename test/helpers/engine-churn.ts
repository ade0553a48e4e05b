/**
 * Child process of the kill loop. Arguments: folder, seed, number of the first operation. Where the index has
 * string keys, its rows have metadata.
 *
 * Opens what the last one left, twice, as a reader and as a writer, and says what is in it; then does
 * one operation after the other, with a line on stdout before (`> number`) and after (`< number`).
 */
import assert from 'node:assert/strict';
import { readdirSync, writeSync } from 'node:fs';
import { VectorIndex, type Metadata } from '../../lib/engine';
import {
  afterOperation,
  CRASH_DIM,
  planOperation,
  vectorOf,
  type OracleRow,
} from './engine-oracle';
import { noise } from './vectors';

export const QUERIES = 20;
export const queriesOf = (seed: number): Float32Array => noise(QUERIES, CRASH_DIM, seed + 77);

/** Everything that can be seen of an index. */
export interface Report {
  readonly keys: number[];
  readonly live: boolean[];
  /** The bytes of all rows. */
  readonly vectors: string;
  /** Of the operation that wrote each row's metadata; null without string keys. */
  readonly noted: (number | null)[];
  readonly exact: number[][];
  readonly walked: number[][];
  readonly problems: readonly string[];
}

/** What a life begins with. */
export interface Opened {
  readonly reader: Report;
  readonly writer: Report;
  /** In the folder, once a writer has opened it. */
  readonly names: string[];
}

/** Of an integer of the oracle. */
export const textOf = (key: number): string => `key ${key} ${'é'.repeat(key % 40)}`;
const integerOf = (text: string): number => Number(text.split(' ')[1]);

/** Long and short ones, so that records have any number of pages. */
const metadataOf = (key: number, number: number): Metadata => ({
  key,
  number,
  text: 'x'.repeat((key * 31 + number) % 300),
});

async function describe(index: VectorIndex<string>, seed: number): Promise<Report> {
  const rows = Array.from({ length: index.count }, (_, i) => i);
  const given: ArrayLike<number | string> = index.keysOf(rows);
  const keys = Array.from(given, (key) => (typeof key === 'string' ? integerOf(key) : key));
  const metadata = index.metadataOf(rows);
  const isText = index.keyType === 'string';
  metadata.forEach((one, row) => {
    const key = keys[row] as number;
    const wanted = isText ? metadataOf(key, one?.['number'] as number) : undefined;
    assert.deepEqual(one, wanted, `the metadata of row ${row}`);
    if (isText) assert.equal(given[row], textOf(key));
  });
  const queries = queriesOf(seed);
  const each = <T>(ask: (query: Float32Array) => T) =>
    Array.from({ length: QUERIES }, (_, q) =>
      ask(queries.subarray(q * CRASH_DIM, (q + 1) * CRASH_DIM)),
    );
  const vectors = index.vectors(rows);
  return {
    keys,
    live: Array.from(given, (key, row) => index.rowOf(key as string) === row),
    noted: metadata.map((one) => (one?.['number'] as number | undefined) ?? null),
    vectors: Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength).toString('base64'),
    exact: each((query) => Array.from(index.searchExact(query, 10).nodes)),
    // A short list, so that the graph is walked and not scanned.
    walked: each((query) => Array.from(index.search(query, 10, { efSearch: 20 }).nodes)),
    problems: (await index.verify()).problems,
  };
}

async function main(folder: string, seed: number, first: number): Promise<void> {
  const reading = await VectorIndex.open(folder, { readOnly: true });
  const reader = await describe(reading as unknown as VectorIndex<string>, seed);
  await reading.close();
  const index = (await VectorIndex.open(folder)) as unknown as VectorIndex<string>;
  const writer = await describe(index, seed);
  writeSync(
    1,
    `${JSON.stringify({ reader, writer, names: readdirSync(folder) } satisfies Opened)}\n`,
  );
  let rows: OracleRow[] = writer.keys.map((key, row) => ({
    key,
    live: writer.live[row] === true,
    version: -1,
    noted: -1,
  }));
  const isText = index.keyType === 'string';

  for (let number = first; ; number++) {
    const operation = planOperation(seed, number, rows);
    const keys = [...operation.keys];
    const named = (isText ? keys.map(textOf) : keys) as string[];
    const metadata = isText ? keys.map((key) => metadataOf(key, number)) : undefined;
    const more = metadata === undefined ? {} : { metadata };
    writeSync(1, `> ${number}\n`);
    const vectors = new Float32Array(keys.length * CRASH_DIM);
    keys.forEach((key, i) => vectors.set(vectorOf(key, number), i * CRASH_DIM));
    if (operation.kind === 'add') await index.add(vectors, { keys: named, ...more });
    if (operation.kind === 'update') await index.update(named, vectors, more);
    if (operation.kind === 'remove') await index.remove(named);
    if (operation.kind === 'set' && metadata) await index.setMetadata(named, metadata);
    if (operation.kind === 'rollback') await index.rollbackTo(operation.rows);
    if (operation.kind === 'save') await index.save();
    if (operation.kind === 'compact') await index.compact();
    if (operation.kind === 'tune') await index.tune({ recall: 0.8, k: 5, sampleQueries: 10 });
    writeSync(1, `< ${number}\n`);
    rows = afterOperation(rows, operation, number);
  }
}

if (require.main === module) {
  const [folder, seed, first] = process.argv.slice(2);
  main(folder as string, Number(seed), Number(first)).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}
