/** Films that need more than one look: thumbnails before them, HDR, a size that changes in the middle. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { probeVideo, sampleVideo, type DecodedFrame } from '../../lib/media';
import { noFfmpeg, runFfmpeg } from '../helpers/media';
import { skip, skipAll } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';

const dir = makeTempDir('films');
const file = (name: string): string => path.join(dir, name);

async function sample(name: string): Promise<DecodedFrame[]> {
  const frames: DecodedFrame[] = [];
  for await (const frame of sampleVideo({ absPath: file(name) })) frames.push(frame);
  return frames;
}

async function meanOf(frame: DecodedFrame | undefined): Promise<number[]> {
  const { channels } = await sharp(frame?.jpeg).stats();
  return channels.map(({ mean }) => mean);
}

async function main(): Promise<void> {
  if (noFfmpeg !== undefined) return skipAll(noFfmpeg);
  const make = (name: string, ...args: string[]): void => {
    runFfmpeg([...args, file(name)]);
  };
  const color = (name: string, size: string, seconds = 2): string[] => [
    ...['-f', 'lavfi', '-i', `color=c=${name}:size=${size}:rate=5:duration=${seconds}`],
  ];
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];

  test('a thumbnail track, a cover or a track that is switched off is not the film', async () => {
    make('thumb.png', ...color('blue', '64x48', 0.2), '-frames:v', '1');
    for (const name of ['tracks.mkv', 'tracks.mov']) {
      const order = ['-map', '0:v', '-map', '1:v', '-c:v:0', 'mjpeg', '-c:v:1', 'libx264'];
      make(
        name,
        ...['-i', file('thumb.png')],
        ...color('red', '320x240'),
        ...[
          ...order,
          '-pix_fmt',
          'yuv420p',
          '-disposition:v:0',
          'default',
          '-disposition:v:1',
          '0',
        ],
      );
      const [first] = await sample(name);
      assert.equal([first?.width, first?.height], [320, 240], name);
      const [r = 0, , b = 0] = await meanOf(first);
      assert.ok(r > 200 && b < 60, name);
      assert.is((await probeVideo({ absPath: file(name) })).width, 320, name);
    }
  });

  test('each frame has the size that the film has there', async () => {
    for (const [name, size] of [
      ['a', '320x240'],
      ['b', '180x320'],
      ['c', '64x64'],
    ] as const)
      make(`${name}.ts`, ...color('red', size), ...h264, '-f', 'mpegts');
    writeFileSync(
      file('turn.ts'),
      Buffer.concat(['a', 'b', 'c', 'a'].map((name) => readFileSync(file(`${name}.ts`)))),
    );
    const frames = await sample('turn.ts');
    const sizes = [...new Set(frames.map(({ width, height }) => `${width}x${height}`))];
    assert.equal(sizes.sort(), ['180x320', '320x240', '64x64']);
    const times = frames.map(({ timestamp }) => timestamp ?? 0);
    assert.equal(
      times,
      [...times].sort((a, b) => a - b),
      'none twice, none out of order',
    );
    for (const frame of frames) {
      const header = await sharp(frame.jpeg).metadata();
      assert.equal([header.width, header.height], [frame.width, frame.height]);
      assert.equal([frame.sourceWidth, frame.sourceHeight], [frame.width, frame.height]);
    }
  });

  test('a film with long pixels is as wide as it is shown', async () => {
    make('wide.mp4', ...color('red', '320x240'), '-vf', 'setsar=2', ...h264);
    const [first] = await sample('wide.mp4');
    assert.equal([first?.width, first?.height, first?.sourceWidth], [512, 192, 640]);
  });

  test('PQ in BT.2020 looks as the same picture in SDR, in either range, tagged or not', async () => {
    const pq = pqGrey(); // Grey, so that only the curve counts.
    writeFileSync(file('pq.yuv'), Buffer.concat(Array.from({ length: 10 }, () => pq)));
    const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p10le', '-s', '64x64', '-r', '5'];
    const tags = 'log-level=none:colorprim=bt2020:colormatrix=bt2020nc';
    const input = [...raw, '-i', file('pq.yuv'), '-c:v', 'libx265', '-x265-params'];
    try {
      make('pq.mp4', ...input, `${tags}:transfer=smpte2084`);
      make('untagged.mkv', ...input, tags);
    } catch {
      return skip('this ffmpeg has no libx265 for ten bits');
    }
    for (const name of ['pq.mp4', 'untagged.mkv']) {
      for (const mean of await meanOf((await sample(name))[0]))
        // Half of the reference white is 188 in sRGB; untreated PQ would be about 125.
        assert.ok(Math.abs(mean - 188) < 5, `${name}: ${mean}`);
    }
  });

  test('a second run for another view leaves the file and its clock alone', async () => {
    copyFileSync(file('tracks.mkv'), file('again.mkv'));
    const frames = await sample('again.mkv');
    assert.equal(
      frames.map(({ timestamp }) => timestamp),
      [0, 1],
    );
  });
}

/** One 64x64 frame of 10 bits: PQ for half of 203 cd/m2, no colour. */
function pqGrey(): Buffer {
  const power = (203 / 2 / 10_000) ** 0.1593017578125;
  const signal = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375;
  const luma = new Uint16Array(64 * 64).fill(Math.round(64 + 876 * signal));
  const chroma = new Uint16Array((64 * 64) / 2).fill(512);
  return Buffer.concat([Buffer.from(luma.buffer), Buffer.from(chroma.buffer)]);
}

void main().then(() => test.run());
