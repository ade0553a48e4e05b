/** Results that do not fit the address space of a process (a real limit): an error, and the index goes on. */
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { test } from 'uvu';

const noLimits =
  process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0
    ? undefined
    : 'no prlimit';

testUnless(noLimits)(
  'arrays that cannot be made are ERR_NO_MEMORY, nothing is half done, and the index answers as before',
  async () => {
    const folder = makeTempDir('short-memory');
    const script = path.join(__dirname, '../helpers/short-memory.js');
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, folder]);
    const { outcomes, before, after, ok, left, count } = JSON.parse(stdout) as {
      outcomes: Record<string, string>;
      before: number[];
      after: number[];
      ok: boolean;
      left: string[];
      count: number;
    };
    const { export: exported, ...refused } = outcomes;
    for (const [name, code] of Object.entries(refused)) assert.is(code, 'ERR_NO_MEMORY', name);
    assert.is(Object.keys(refused).length, 6);
    assert.equal(after, before);
    assert.equal([count, ok, exported], [20_000, true, 'ok']);
    assert.equal(left, ['out.keys.npy', 'out.npy']);
  },
);

test.run();
