/**
 * Child process of the test that cuts files under an index in use. Each line on stdin is an order:
 * `{ folder, readOnly }` opens it and uses it in a loop, answering `ready`; `cut` says that a file has
 * been cut: 20 more rounds, unless one is refused before. Then it closes and answers `refused CODE` or
 * `sound`. Every answer that is given must be right: anything else ends the process with code 3.
 */
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { isLibraryError, VectorIndex } from '../../lib/engine';
import { noise } from './vectors';

export const CUT_DIM = 48;
export const CUT_ROWS = 4_000;
const all = noise(CUT_ROWS, CUT_DIM, 1);
const rowOf = (row: number) => all.subarray(row * CUT_DIM, (row + 1) * CUT_DIM);

let next = 0;
let wasCut = false;
const pick = () => (next = (next * 1103 + 12345) % CUT_ROWS);

function wrong(what: string): never {
  console.error(what);
  process.exit(3);
}

/** One of each kind of read, and in a writer now and then an append. */
async function useOnce(index: VectorIndex, round: number): Promise<void> {
  const row = pick();
  const options = { efSearch: 100 };
  const own = (name: string, key: number | undefined) =>
    key === row || wrong(`${name} of row ${row} found ${key}`);
  own('search', index.search(rowOf(row), 3, options).keys[0]);
  own('searchExact', index.searchExact(rowOf(row), 1).keys[0]);
  own('searchAsync', (await index.searchAsync(rowOf(row), 3, options)).keys[0]);
  own('searchBatch', (await index.searchBatch(rowOf(row), 3, options)).keys[0]);
  const copy = index.vectors([row]);
  if (copy.some((value, i) => value !== rowOf(row)[i])) wrong(`row ${row} has other bytes`);
  if (index.isReadOnly || round % 3 !== 0) return;
  await index.add(
    noise(20, CUT_DIM, 2)
      .subarray(0, CUT_DIM)
      .map((v) => v + 5),
    {
      keys: [1_000_000 + index.count],
    },
  );
  // Not before: it would put another file in the place of the one that is mapped.
  if (wasCut) await index.save();
}

async function inUse(folder: string, readOnly: boolean): Promise<string> {
  const index = await VectorIndex.open(folder, { readOnly, threads: 1 });
  const codeOf = (error: unknown) =>
    isLibraryError(error) ? error.code : wrong(`not ours: ${String(error)}`);
  let answer = 'sound';
  wasCut = false;
  try {
    for (let left = 20, round = 0; left > 0; round++) {
      await useOnce(index, round);
      if (round === 0) console.log('ready');
      if (wasCut) left--;
      await turn();
    }
  } catch (error) {
    answer = `refused ${codeOf(error)}`;
  }
  await index.close().catch((error: unknown) => {
    // Lost pages are noticed, and so is a snapshot that is not the one that was read.
    if (!/^ERR_FILE_(CORRUPT|REPLACED)$/.test(codeOf(error))) wrong(`close: ${String(error)}`);
  });
  return answer;
}

if (require.main === module) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line === 'cut') return (wasCut = true);
    const { folder, readOnly } = JSON.parse(line) as { folder: string; readOnly: boolean };
    return void inUse(folder, readOnly).then((answer) => console.log(answer));
  });
}
