/** A folder with string keys and metadata, of the first version that has them, opens and says what was recorded. */
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex, type Metadata } from '../../lib/engine';
import { makeTempDir } from '../helpers/temp';

interface Expected {
  count: number;
  keys: string[];
  live: boolean[];
  metadata: (Metadata | null)[];
  vectors: number[];
  withA: string[];
}

test('engine-payloads-1.2 has its keys, metadata and vectors, and can be written to', async () => {
  const golden = path.resolve(__dirname, '../../../test/golden/engine-payloads-1.2');
  const folder = path.join(makeTempDir(), 'index');
  cpSync(golden, folder, { recursive: true });
  const expected = JSON.parse(
    readFileSync(path.join(folder, 'expected.json'), 'utf8'),
  ) as Expected;
  for (const readOnly of [true, false]) {
    await using index = await VectorIndex.open(folder, { readOnly, keyType: 'string' });
    assert.is(index.count, expected.count);
    const rows = Array.from({ length: index.count }, (_, row) => row);
    assert.equal(index.keysOf(rows), expected.keys);
    assert.equal(
      expected.keys.map((key, row) => index.rowOf(key) === row),
      expected.live,
    );
    assert.equal(
      index.metadataOf(rows).map((one) => one ?? null),
      expected.metadata,
    );
    assert.equal([...index.vectors(rows)], expected.vectors);
    const hits = index.search([0, 0, 0], 60, { filter: { tags: 'a', n: { lt: 20 } } });
    assert.equal([...hits.keys].sort(), expected.withA);
    assert.equal((await index.verify()).problems, []);
    if (readOnly) continue;
    await index.add([[1, 2, 3]], { keys: ['later'], metadata: [{ later: true }] });
    await index.compact();
    assert.equal(index.metadataOf([index.rowOf('later') as number]), [{ later: true }]);
  }
});

test.run();
