/**
 * A sync that is killed at random moments, again and again, ends in the same library as one that was
 * not: every file there, every frame once, every vector bit-equal. The oracle is a clean run in this
 * process; the kills happen to another.
 */
import { spawn } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openLibrary, type Library } from '../../lib/library';
import { ffmpegForTests, writePictures, writeVideo } from '../helpers/media';
import { makeTempDir } from '../helpers/temp';

const KILLS = Number(process.env.SIGHTLINE_TEST_KILLS ?? 12);
const SEED = Number(process.env.SIGHTLINE_TEST_SEED ?? 20261121);

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** Runs the child until it ends or until `killAfterMs` after it opened; true when it ended by itself. */
function runChild(root: string, killAfterMs: number | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [path.join(__dirname, '../helpers/sync-child.js'), root],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let errors = '';
    let isArmed = false;
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
    child.stdout.on('data', () => {
      if (isArmed || killAfterMs === undefined) return;
      isArmed = true;
      setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    });
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(false);
      else if (code === 0) resolve(true);
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
}

/** path@timestamp -> similarity to a fixed query, over all frames: equal vectors give equal numbers. */
async function fingerprint(library: Library): Promise<Map<string, number>> {
  const { results } = await library.search({ text: 'a white circle' }, { k: 1000, exact: true });
  return new Map(results.map((hit) => [`${hit.media_path}@${hit.timestamp}`, hit.cosine]));
}

test('kill -9 at random moments loses nothing and doubles nothing', async () => {
  console.log(`seed ${SEED}, ${KILLS} kills`);
  const ffmpeg = ffmpegForTests();
  const root = makeTempDir('crash');
  await writePictures(root, 60);
  if (ffmpeg !== undefined) {
    writeVideo(ffmpeg, path.join(root, 'clip.mp4'), 5);
    writeVideo(ffmpeg, path.join(root, 'clip.webm'), 3);
  }
  const clean = makeTempDir('clean');
  cpSync(root, clean, { recursive: true, preserveTimestamps: true });
  const reference = await openLibrary(clean);
  await reference.sync({ fps: 4 });
  const expected = await fingerprint(reference);
  await reference.close();
  assert.ok(expected.size >= 60);

  const random = randomFrom(SEED);
  let kills = 0;
  let rounds = 0;
  while (kills < KILLS) {
    const finished = await runChild(root, 1 + random() * 900);
    if (finished) {
      // Start over, so that kills also fall into the first seconds of a library's life.
      await using library = await openLibrary(root);
      assert.equal(await fingerprint(library), expected, `round ${rounds}`);
      rounds++;
      await library.close();
      rmSync(path.join(root, '.sightline'), { recursive: true });
    } else {
      kills++;
    }
  }
  assert.ok(await runChild(root, undefined));
  await using library = await openLibrary(root);
  const check = await library.verify();
  assert.equal(check.problems, []);
  assert.equal(await fingerprint(library), expected);
  const { media } = library.stats();
  assert.is(media.indexed, readdirSync(root).filter((name) => !name.startsWith('.')).length);
  assert.is(media.pending + media.failed + media.skipped, 0);
});

test.run();
