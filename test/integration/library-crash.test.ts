/**
 * Work on a library that is killed (`SIGKILL`) at random moments, again and again: the migration of an old
 * catalog, a repair, a sync that samples again. Afterwards the library opens, every frame has the id that it
 * had, and verify finds nothing. The kills happen to another process; see sync-crash for plain syncs.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { noFfmpeg, writePictures, writeVideo } from '../helpers/media';
import { makeVersion1, versionOf } from '../helpers/old-catalog';
import { testUnless } from '../helpers/skip';
import {
  assertSameFrames,
  fingerprint,
  type FrameVector,
  idsOf,
  syncInChild,
} from '../helpers/sync-crash';
import { makeTempDir } from '../helpers/temp';
import { TINY_CLIP } from '../helpers/tiny-clip';
import { randomOf } from '../helpers/vectors';

const KILLS = Number(process.env.SIGHTLINE_TEST_KILLS ?? 4);
const SEED = Number(process.env.SIGHTLINE_TEST_SEED ?? 20261201);

const open = (root: string): Promise<Library> => openLibrary(root, { model: TINY_CLIP });
const libraryIn = (root: string): string => path.join(root, '.sightline');

/** Kills children until so many were; those that ended by themselves before are handed on. */
async function killing(
  runs: (killAfterMs: number) => Promise<boolean>,
  longestMs: number,
  after: (isFinished: boolean) => Promise<void>,
): Promise<void> {
  const random = randomOf(SEED);
  let longest = longestMs;
  for (let kills = 0; kills < KILLS;) {
    const isFinished = await runs(random() * longest);
    if (isFinished) longest *= 0.8;
    else kills++;
    await after(isFinished);
  }
}

test('the migration of an old catalog: whatever was done, the rest is done by the next open', async () => {
  console.log(`seed ${SEED}, ${KILLS} kills each`);
  const root = makeTempDir('crash-migration');
  await writePictures(root, 20);
  let expected: FrameVector[];
  let ids: Record<string, number>;
  {
    await using library = await open(root);
    await library.sync();
    [expected, ids] = [await fingerprint(library), idsOf(library)];
  }
  const newest = versionOf(libraryIn(root));
  makeVersion1(libraryIn(root), 6000);
  const old = path.join(makeTempDir('crash-old'), 'library');
  cpSync(libraryIn(root), old, { recursive: true });
  const reached: number[] = [];
  await killing(
    (killAfterMs) => syncInChild(root, { sync: false, killAfterMs, isKilledOpening: true }),
    500,
    async () => {
      reached.push(versionOf(libraryIn(root)));
      {
        await using library = await open(root);
        assert.equal((await library.verify()).problems, []);
        assertSameFrames(await fingerprint(library), expected);
        assert.equal(idsOf(library), ids);
      }
      assert.is(versionOf(libraryIn(root)), newest);
      rmSync(libraryIn(root), { recursive: true });
      cpSync(old, libraryIn(root), { recursive: true });
    },
  );
  console.log(`versions that the killed ones left: ${reached.join(' ')}`);
  await using library = await open(root);
  assert.is((await library.sync()).framesAdded, 0);
  assert.equal((await library.verify()).problems, []);
  assert.equal(idsOf(library), ids);
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(file, bytes);
}

test('verify --repair: the next one goes on, and no frame loses its id', async () => {
  const root = makeTempDir('crash-repair');
  await writePictures(root, 70);
  let expected: FrameVector[];
  let ids: Record<string, number>;
  {
    await using library = await open(root);
    await library.sync();
    [expected, ids] = [await fingerprint(library), idsOf(library)];
  }
  const dir = libraryIn(root);
  const damage = (): void => {
    for (const at of [100, 1500, 2100]) flip(path.join(dir, 'spaces/clip/embeddings.dat'), at);
    flip(path.join(dir, 'spaces/clip/hnsw_index.bin'), 5000);
    for (const id of Object.values(ids).slice(3, 9)) rmSync(path.join(dir, `frames/0/${id}.jpg`));
  };
  damage();
  const check = async (): Promise<void> => {
    await using library = await open(root);
    assert.equal((await library.verify()).problems, []);
    assertSameFrames(await fingerprint(library), expected);
    assert.equal(idsOf(library), ids);
  };
  await killing(
    (killAfterMs) => syncInChild(root, { repair: true, killAfterMs }),
    2500,
    async (isFinished) => {
      {
        await using reader = await openLibrary(root, { readOnly: true });
        for (const id of Object.values(ids)) assert.ok(reader.frame(id), `frame ${id} is gone`);
      }
      if (!isFinished) return;
      await check();
      damage();
    },
  );
  assert.ok(await syncInChild(root, { repair: true }));
  await check();
});

testUnless(noFfmpeg)(
  'sync --resample: a video has its old frames or its new ones, and those of both keep their ids',
  async () => {
    const root = makeTempDir('crash-resample');
    await writePictures(root, 6);
    writeVideo(path.join(root, 'a.mp4'), 8);
    writeVideo(path.join(root, 'b.mp4'), 3);
    const expected: Record<number, FrameVector[]> = {};
    const timesOf: Record<number, Set<string>> = {};
    for (const fps of [2, 5]) {
      const clean = makeTempDir('crash-clean');
      cpSync(root, clean, { recursive: true, preserveTimestamps: true });
      await using library = await open(clean);
      await library.sync({ fps });
      expected[fps] = await fingerprint(library);
      timesOf[fps] = new Set(Object.keys(idsOf(library)));
    }
    let ids: Record<string, number>;
    {
      await using library = await open(root);
      await library.sync({ fps: 2 });
      const both = timesOf[5] as Set<string>;
      ids = Object.fromEntries(Object.entries(idsOf(library)).filter(([name]) => both.has(name)));
    }
    assert.ok(Object.keys(ids).length > 12);
    let fps = 5;
    const check = async (): Promise<void> => {
      await using library = await open(root);
      assert.equal((await library.verify()).problems, []);
      assertSameFrames(await fingerprint(library), expected[fps] ?? []);
      const now = idsOf(library);
      for (const [name, id] of Object.entries(ids)) assert.is(now[name], id, name);
    };
    await killing(
      (killAfterMs) => syncInChild(root, { sync: { fps, resample: true }, killAfterMs }),
      2500,
      async (isFinished) => {
        {
          await using reader = await openLibrary(root, { readOnly: true });
          const known = Object.keys(idsOf(reader));
          for (const video of ['a.mp4', 'b.mp4']) {
            const has = known.filter((name) => name.startsWith(video)).sort();
            const wants = [2, 5].map((one) =>
              [...(timesOf[one] as Set<string>)].filter((name) => name.startsWith(video)).sort(),
            );
            assert.ok(
              wants.some((want) => want.join() === has.join()),
              `${video}: ${has.join()}`,
            );
          }
          for (const [name, id] of Object.entries(ids)) {
            const frame = reader.frame(id);
            assert.is(frame && `${frame.mediaPath}@${frame.timestamp}`, name);
          }
        }
        if (!isFinished) return;
        await check();
        fps = 7 - fps;
      },
    );
    assert.ok(await syncInChild(root, { sync: { fps, resample: true } }));
    await check();
  },
);

test.run();
