/** Libraries that may be read and not written: every question is answered, and only writing refused. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openCatalog } from '../../lib/catalog';
import { openLibrary } from '../../lib/library';
import { scaled } from '../helpers/deadline';
import { codeOf } from '../helpers/errors';
import { CLI, cleanEnv } from '../helpers/cli';
import { add, filled } from '../helpers/catalog';
import { writePictures } from '../helpers/media';
import { asNobody, NOBODY, noNobody } from '../helpers/nobody';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

/** Work of another user on a folder that may not be written. */
async function reading<T>(dir: string, work: () => Promise<T>): Promise<T> {
  chmodSync(dir, 0o555);
  try {
    return await asNobody(work);
  } finally {
    chmodSync(dir, 0o755);
  }
}

/** A test that needs another user than root. */
function testAsNobody(name: string, work: () => Promise<void>): void {
  test(name, async () => {
    const why = await noNobody();
    if (why !== undefined) return skip(why);
    await work();
  });
}

/** Copies of catalogs that another user made to read them. */
const copies = (): string[] =>
  readdirSync(tmpdir()).filter(
    (name) =>
      name.startsWith('sightline-catalog-') &&
      statSync(path.join(tmpdir(), name)).uid ===
        (process.getuid?.() === 0 ? NOBODY : process.getuid?.()),
  );

const pathsOf = (catalog: Awaited<ReturnType<typeof openCatalog>>): string[] =>
  [...catalog.media()].map((row) => row.path);

testAsNobody(
  'a catalog is read where nothing may be written, and notices what its owner does',
  async () => {
    const dir = makeTempDir('shared');
    (await filled(dir, ['a.jpg'])).close();
    await reading(dir, async () => {
      const reader = await openCatalog(dir, { readOnly: true });
      assert.equal(pathsOf(reader), ['a.jpg']);
      assert.is(await codeOf(openCatalog(dir)), 'ERR_READ_ONLY');
      assert.throws(() => reader.setMeta('a', 'b'));
      reader.close();
      reader.close();
    });
    assert.equal(readdirSync(dir), ['catalog.sqlite'], 'nothing was left behind');
  },
);

testAsNobody('the log that a writer left behind is read as well', async () => {
  const dir = makeTempDir('shared');
  const left = makeTempDir('shared-left');
  const before = copies();
  const writer = await filled(dir, ['a.jpg']);
  add(writer, ['b.jpg']);
  for (const name of ['catalog.sqlite', 'catalog.sqlite-wal'])
    cpSync(path.join(dir, name), path.join(left, name));
  writer.close();
  await reading(left, async () => {
    const reader = await openCatalog(left, { readOnly: true });
    assert.equal(pathsOf(reader), ['a.jpg', 'b.jpg']);
    assert.throws(() => reader.setMeta('a', 'b'));
    assert.is(copies().length, before.length + 1);
    reader.close();
  });
  assert.equal(readdirSync(left).sort(), ['catalog.sqlite', 'catalog.sqlite-wal']);
  assert.equal(copies(), before, 'the copy is gone');
});

testAsNobody('a reader follows a writer who comes later', async () => {
  const dir = makeTempDir('shared');
  (await filled(dir, ['a.jpg'])).close();
  chmodSync(dir, 0o555);
  const reader = await asNobody(() => openCatalog(dir, { readOnly: true }));
  assert.equal(pathsOf(reader), ['a.jpg']);
  chmodSync(dir, 0o755);
  const writer = await openCatalog(dir);
  add(writer, ['b.jpg']);
  await asNobody(async () => {
    // Files are looked at every half second.
    for (const end = Date.now() + scaled(10_000); Date.now() < end && pathsOf(reader).length < 2;)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(pathsOf(reader), ['a.jpg', 'b.jpg']);
  });
  reader.close();
  writer.close();
});

testAsNobody('a catalog of an older version is read without being changed', async () => {
  const dir = makeTempDir('shared');
  cpSync(path.resolve(__dirname, '../../../test/golden/catalog-1'), dir, { recursive: true });
  chmodSync(path.join(dir, 'catalog.sqlite'), 0o644);
  await reading(dir, async () => {
    const reader = await openCatalog(dir, { readOnly: true });
    assert.equal([...reader.filterRows('clip', { kind: 'video' })], [2]);
    reader.close();
  });
});

testAsNobody('one that may not even be read says so', async () => {
  const dir = makeTempDir('shared');
  (await filled(dir, ['a.jpg'])).close();
  chmodSync(path.join(dir, 'catalog.sqlite'), 0o600);
  await reading(dir, async () => {
    assert.is(await codeOf(openCatalog(dir, { readOnly: true })), 'ERR_IO');
  });
});

testAsNobody(
  'the commands answer on the library of another user and refuse to write it',
  async () => {
    const root = makeTempDir('read-only');
    await writePictures(root, 2);
    {
      await using library = await openLibrary(root);
      await library.sync();
    }
    chmodSync(root, 0o755);
    const home = makeTempDir('nobody-home');
    chmodSync(home, 0o777);
    const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [CLI, ...args], {
        encoding: 'utf8',
        env: cleanEnv({ HOME: home }),
        ...(process.geteuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
      });
    chmodSync(path.join(root, '.sightline'), 0o555);
    try {
      const plain = run('search', 'circle', root, '--paths');
      assert.is(plain.stdout.trim().split('\n').length, 2, plain.stderr);
      assert.is(plain.stderr.match(/may not be written/g)?.length, 1, 'said once');
      const quiet = run('search', 'circle', root, '--no-sync', '--paths');
      assert.is(quiet.stdout, plain.stdout);
      assert.not.match(quiet.stderr, /may not be written/);
      assert.is(run('stats', root).status, 0);
      for (const verb of ['sync', 'index', 'ingest']) {
        const refused = run(verb, root);
        assert.is(refused.status, 2);
        assert.match(refused.stderr, /--library.*ERR_READ_ONLY/);
        assert.not.match(refused.stderr, /\n\s+at /, 'no stack');
      }
      const elsewhere = path.join(home, 'library');
      assert.is(run('sync', root, '--library', elsewhere).status, 0);
      assert.ok(existsSync(path.join(elsewhere, 'catalog.sqlite')));
      rmSync(elsewhere, { recursive: true });
    } finally {
      chmodSync(path.join(root, '.sightline'), 0o755);
    }
  },
);

test.run();
