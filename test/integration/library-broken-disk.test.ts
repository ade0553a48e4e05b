/**
 * Media on a disk or a share that answers with errors (EIO, ESTALE) while a sync runs: real error numbers of
 * real calls, by a library that is preloaded into the command. Nothing is forgotten, the report says what
 * could not be read, and the next sync without the fault is clean.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { renameSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SyncReport, VerifyReport } from '../../lib/base/types';
import { openLibrary } from '../../lib/library';
import { documentOf, runCli, type CliResult } from '../helpers/cli';
import { writePictures } from '../helpers/media';
import { testUnless } from '../helpers/skip';
import { idsOf } from '../helpers/sync-crash';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';

const noCompiler =
  process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0
    ? undefined
    : 'no C compiler';

let shim = '';
test.before(() => {
  if (noCompiler !== undefined) return;
  shim = path.join(makeTempDir('shim'), 'media_shim.so');
  const source = path.resolve(__dirname, '../../../test/harness/media_shim.c');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', shim, source, '-ldl']);
});

const { EIO, ESTALE } = constants.errno;
/** libuv has no name for ESTALE. */
const STALE = new RegExp(`ESTALE|stale|-${ESTALE}\\b`, 'i');
type Call = 'list' | 'open' | 'read';

const syncUnder = (root: string, under: string, call: Call, errno: number): Promise<CliResult> =>
  runCli(['sync', root, '--json'], {
    env: {
      LD_PRELOAD: shim,
      FAULT_UNDER: path.join(root, under),
      FAULT_CALL: call,
      FAULT_ERRNO: String(errno),
    },
  });

const idsIn = async (root: string): Promise<Record<string, number>> => {
  await using library = await openLibrary(root, { readOnly: true });
  return idsOf(library);
};

async function made(): Promise<{ root: string; ids: Record<string, number> }> {
  const root = makeTempDir('broken-disk');
  await writePictures(root, 3);
  await writePictures(path.join(root, 'share'), 6);
  // Two pictures are the same as above: let them be others.
  for (const name of ['p000.jpg', 'p001.jpg', 'p002.jpg'])
    renameSync(path.join(root, 'share', name), path.join(root, 'share', `x-${name}`));
  assert.is((await runCli(['sync', root, '--model', TINY_CLIP])).code, 0);
  return { root, ids: await idsIn(root) };
}

/** What the fault left is as it was, and the next sync finds nothing to do. */
async function assertClean(root: string, ids: Record<string, number>): Promise<void> {
  const report = documentOf<SyncReport>(await runCli(['sync', root, '--json']));
  const { added, changed, removed, heldBack, unreachable, failed, framesTotal } = report;
  assert.equal([added, changed, removed, heldBack, unreachable, failed], [0, 0, 0, 0, 0, 0]);
  assert.is(framesTotal, Object.keys(ids).length);
  assert.equal(report.problems, []);
  const verified = documentOf<VerifyReport>(await runCli(['verify', root, '--json']));
  assert.equal(verified.problems, []);
  assert.equal(await idsIn(root), ids);
}

testUnless(noCompiler)(
  'a folder that cannot be listed: its files are kept, and named',
  async () => {
    const { root, ids } = await made();
    for (const errno of [EIO, ESTALE]) {
      const run = await syncUnder(root, 'share', 'list', errno);
      const report = documentOf<SyncReport>(run);
      assert.equal([report.removed, report.unreachable], [0, 6]);
      assert.is(report.problems[0]?.path, 'share');
      assert.match(report.problems[0]?.reason ?? '', errno === EIO ? /EIO/ : STALE);
      assert.equal(await idsIn(root), ids);
    }
    // The root itself.
    const whole = await syncUnder(root, '', 'list', EIO);
    const report = documentOf<SyncReport>(whole);
    assert.equal([report.removed, report.unreachable], [0, 9]);
    assert.match(JSON.stringify(report.problems), /EIO/);
    await assertClean(root, ids);
  },
);

for (const call of ['open', 'read'] as const) {
  testUnless(noCompiler)(
    `files that cannot be ${call === 'open' ? 'opened' : 'read'}, known and new: what is known stays`,
    async () => {
      const { root, ids } = await made();
      // Its bytes have to be read again.
      utimesSync(path.join(root, 'share/p004.jpg'), 1e9, 1e9);
      for (const errno of [EIO, ESTALE]) {
        const report = documentOf<SyncReport>(await syncUnder(root, 'share', call, errno));
        assert.is(report.removed, 0);
        const said = report.problems
          .map(({ path: file, reason }) => `${file} ${reason}`)
          .join('\n');
        assert.match(said, errno === EIO ? /EIO|i\/o error/i : STALE);
        assert.match(said, /share\/p004\.jpg/);
        assert.equal(await idsIn(root), ids);
      }
      await assertClean(root, ids);
    },
  );
}

test.run();
