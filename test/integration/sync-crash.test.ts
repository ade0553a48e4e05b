/**
 * A sync that is killed at random moments, again and again, ends in the same library as one that was
 * not: every file there, every frame once, every vector bit-equal. The oracle is a clean run in this
 * process; the kills happen to another.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary } from '../../lib/library';
import { rounds } from '../helpers/campaign';
import { noFfmpeg, writePictures, writeVideo } from '../helpers/media';
import { assertSameFrames, fingerprint, syncInChild } from '../helpers/sync-crash';
import { makeTempDir } from '../helpers/temp';
import { randomOf } from '../helpers/vectors';

const KILLS = Number(process.env.SIGHTLINE_TEST_KILLS ?? rounds(6, 100));
const SEED = Number(process.env.SIGHTLINE_TEST_SEED ?? 20261121);

test('kill -9 at random moments loses and duplicates nothing', async () => {
  console.log(`seed ${SEED}, ${KILLS} kills`);
  const root = makeTempDir('crash');
  await writePictures(root, 40);
  if (noFfmpeg === undefined) {
    writeVideo(path.join(root, 'clip.mp4'), 4);
    writeVideo(path.join(root, 'clip.webm'), 2);
  }
  const clean = makeTempDir('clean');
  cpSync(root, clean, { recursive: true, preserveTimestamps: true });
  const reference = await openLibrary(clean);
  await reference.sync({ fps: 4 });
  const expected = await fingerprint(reference);
  await reference.close();
  assert.ok(expected.length >= 40);

  const random = randomOf(SEED);
  let kills = 0;
  let times = 0;
  while (kills < KILLS) {
    const finished = await syncInChild(root, { killAfterMs: 1 + random() * 900 });
    if (finished) {
      // Start over, so that kills also fall into the first seconds of a library's life.
      await using library = await openLibrary(root);
      assertSameFrames(await fingerprint(library), expected, `round ${times}`);
      times++;
      await library.close();
      rmSync(path.join(root, '.sightline'), { recursive: true });
    } else {
      kills++;
    }
  }
  assert.ok(await syncInChild(root));
  await using library = await openLibrary(root);
  const check = await library.verify();
  assert.equal(check.problems, []);
  assertSameFrames(await fingerprint(library), expected);
  const { media } = library.stats();
  assert.is(media.indexed, readdirSync(root).filter((name) => !name.startsWith('.')).length);
  assert.is(media.pending + media.failed + media.skipped, 0);
});

test.run();
