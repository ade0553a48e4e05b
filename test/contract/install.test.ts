/**
 * The packed package, installed by the npm of this machine into an empty project with no compiler on the PATH:
 * engine, search and server work. The long form, `node tools/try-install.mjs`, takes every package manager.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = path.resolve(__dirname, '../../..');

test('a stranger installs the package and uses all of it', () => {
  const tool = path.join(root, 'tools', 'try-install.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, '--short'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.is(status, 0, stdout + stderr);
  assert.match(stdout, /^1 passed, 0 failed$/m);
});

test.run();
