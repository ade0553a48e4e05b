/**
 * Child process of the crash test: adds batches to an index and says so after each one, until it is
 * killed. Argument: the folder. Each line on stdout is an acknowledgement: `firstKey rows`.
 */
import { writeSync } from 'node:fs';
import { VectorIndex } from '../../lib/engine';
import { rowOfKey, CRASH_DIM } from './engine-oracle';

async function main(folder: string): Promise<void> {
  const index = await VectorIndex.open(folder);
  for (let batch = 0; ; batch++) {
    const first = index.count;
    const rows = 1 + ((first * 7 + batch) % 40);
    const keys = Array.from({ length: rows }, (_, i) => first + i);
    const vectors = new Float32Array(rows * CRASH_DIM);
    keys.forEach((key, i) => vectors.set(rowOfKey(key), i * CRASH_DIM));
    await index.add(vectors, { keys });
    writeSync(1, `${first} ${rows}\n`);
    if (batch % 5 === 4) await index.save();
  }
}

main(process.argv[2] as string).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
