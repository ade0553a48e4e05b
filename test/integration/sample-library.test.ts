import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { drawSampleLibrary } from '../../sample';
import { codeOf } from '../helpers/errors';
import { ffmpeg as ffmpegPath, noFfmpeg } from '../helpers/media';
import { testUnless } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

test('the pictures are real files of their format, and progress reaches the end', async () => {
  const dir = makeTempDir('sample');
  const seen: number[] = [];
  const plan = await drawSampleLibrary(dir, {
    pictures: 12,
    videos: 0,
    seed: 5,
    onProgress: (done, total) => seen.push(done / total),
  });
  for (const picture of plan.pictures) {
    const info = await sharp(path.join(dir, picture.path)).metadata();
    assert.is(info.format, picture.format);
    assert.is(Math.min(info.width, info.height), picture.side);
  }
  assert.is(seen.length, 12);
  assert.is(seen.at(-1), 1);
});

testUnless(noFfmpeg)('the videos are an MP4 and a WebM of the planned length', async () => {
  const dir = makeTempDir('sample');
  await drawSampleLibrary(dir, { pictures: 1, videos: 2, seed: 5, ffmpegPath });
  const folder = path.join(dir, 'videos');
  const names = readdirSync(folder).sort();
  assert.equal(names, ['clip 01.mp4', 'clip 02.webm']);
  for (const name of names) assert.ok(statSync(path.join(folder, name)).size > 5000, name);
  assert.is(readFileSync(path.join(folder, 'clip 01.mp4')).toString('latin1', 4, 8), 'ftyp');
  assert.is(readFileSync(path.join(folder, 'clip 02.webm')).readUInt32BE(0), 0x1a45dfa3);
});

test('a missing ffmpeg is reported before anything is drawn', async () => {
  const dir = makeTempDir('sample');
  const nowhere = path.join(dir, 'no-such-program');
  const drawing = drawSampleLibrary(dir, { pictures: 5, videos: 1, ffmpegPath: nowhere });
  assert.is(await codeOf(drawing), 'ERR_FFMPEG_MISSING');
  assert.equal(readdirSync(dir), []);
});

test('an abort ends the drawing', async () => {
  const controller = new AbortController();
  const drawing = drawSampleLibrary(makeTempDir('sample'), {
    pictures: 50,
    videos: 0,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  assert.is(await codeOf(drawing), 'ERR_ABORTED');
});

test.run();
