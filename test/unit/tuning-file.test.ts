/** `tuning.json` is a hint: whatever stands there, an index opens and answers. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VectorIndex } from '../../lib/engine';
import { parseTuning, readTuning } from '../../lib/vectors/tuning-file';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { noise } from '../helpers/vectors';

test('any flipped bit and any cut of it gives no hint, or one within the limits', () => {
  const good = Buffer.from(
    `${JSON.stringify({ version: 1, efSearch: 120, recall: 0.97, k: 10, queries: 200 })}\n`,
  );
  assert.ok(parseTuning(good.toString()).measured);
  const all = Array.from({ length: good.length }, (_, length) => good.subarray(0, length));
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
    all.push(bytes);
  }
  let refused = 0;
  for (const bytes of all) {
    const hint = parseTuning(bytes.toString()).measured;
    if (hint === undefined) refused++;
    else assert.ok(hint.efSearch >= 1 && hint.efSearch <= 10_000 && hint.k <= 10_000);
  }
  // What is left are digits that became other digits, and names that are not looked at.
  assert.ok(refused > 0.9 * all.length, `${refused} of ${all.length}`);
});

test('a pipe, a folder or nothing of that name is no hint and nothing waits for it', async () => {
  const folder = path.join(makeTempDir(), 'index');
  const file = path.join(folder, 'tuning.json');
  const base = noise(50, 4, 1);
  {
    await using index = await VectorIndex.create({ dim: 4, path: folder });
    await index.add(base);
  }
  const opens = async (what: string) => {
    for (const readOnly of [true, false]) {
      await using index = await VectorIndex.open(folder, { readOnly });
      assert.is(index.search(base.subarray(0, 4), 1).nodes[0], 0, what);
      assert.is(index.stats().measured, undefined, what);
    }
  };
  await opens('nothing');
  mkdirSync(file);
  await opens('a folder');
  rmSync(file, { recursive: true });
  if (spawnSync('mkfifo', [file]).status !== 0) return skip('no pipes here');
  let hasHung = false;
  const opening = opens('a pipe');
  // Were it waiting for a writer, this would let it go on, so that the test can fail and end.
  const timer = setInterval(() => {
    hasHung = true;
    writeFileSync(file, '');
  }, 5_000);
  await opening;
  clearInterval(timer);
  assert.not.ok(hasHung);
});

test('a writer sweeps up what a killed tune left', async () => {
  const folder = path.join(makeTempDir(), 'index');
  await (await VectorIndex.create({ dim: 4, path: folder })).close();
  writeFileSync(path.join(folder, 'tuning.json.tmp'), '{"ver');
  await (await VectorIndex.open(folder, { readOnly: true })).close();
  assert.ok(existsSync(path.join(folder, 'tuning.json.tmp')), 'a reader changes nothing');
  await (await VectorIndex.open(folder)).close();
  assert.not.ok(existsSync(path.join(folder, 'tuning.json.tmp')));
  assert.equal(await readTuning(folder), {});
  assert.ok(readFileSync(path.join(folder, 'embeddings.idx')).length > 0);
});

test.run();
