/** One file lock for all: who holds it, who is refused, and that a killed holder frees it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLocked, lockFile } from '../../lib/native/lock';
import { codeOf, errorOf } from '../helpers/errors';

const folder = mkdtempSync(path.join(tmpdir(), 'sightline-lock-'));
const file = path.join(folder, 'LOCK');
test.after(() => rmSync(folder, { recursive: true }));

test('one holder at a time, whose note is what the file says', async () => {
  assert.not.ok(await isLocked(file), 'there is no file');
  const held = await lockFile(file);
  assert.ok(await isLocked(file));
  assert.is(readFileSync(file, 'utf8'), `${process.pid}\n`);
  const refused = await errorOf(lockFile(file, 'mine'));
  assert.is(refused.code, 'ERR_FILE_LOCKED');
  assert.match(refused.message, new RegExp(`LOCK is held by .*process ${process.pid}$`));
  assert.is(readFileSync(file, 'utf8'), `${process.pid}\n`, 'a refused one writes nothing');
  await held.close();
  assert.not.ok(await isLocked(file));
  const next = await lockFile(file, 'x');
  assert.is(readFileSync(file, 'utf8'), 'x');
  await next.close();
});

test('a folder that is not there, and a folder in its place, are told apart', async () => {
  assert.is(await codeOf(lockFile(path.join(folder, 'no', 'LOCK'))), 'ERR_FILE_MISSING');
  assert.is(await codeOf(lockFile(folder)), 'ERR_IO');
});

test('a holder that is killed frees the lock', async () => {
  const script = `require(${JSON.stringify(path.resolve(__dirname, '../../lib/native/lock.js'))})
    .lockFile(${JSON.stringify(file)}).then(() => console.log('held')); setInterval(() => {}, 1e6);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  assert.match((await errorOf(lockFile(file))).message, new RegExp(`process ${child.pid}$`));
  child.kill('SIGKILL');
  await once(child, 'exit');
  await (await lockFile(file)).close();
});

test.run();
