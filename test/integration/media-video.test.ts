/** Sampling of videos made on the spot: times, sizes, rotation, abort, hostile content and names. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  findFfmpeg,
  probeVideo,
  sampleVideo,
  type DecodedFrame,
  type SampleOptions,
} from '../../lib/media';
import { codeOf } from '../helpers/errors';
import { noFfmpeg, runFfmpeg } from '../helpers/media';
import { skip, skipAll } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { childrenOfSelf, openFilesBelow, probeTimes } from '../helpers/video';

const dir = makeTempDir('video');
const file = (name: string): string => path.join(dir, name);

async function sample(absPath: string, options: SampleOptions = {}): Promise<DecodedFrame[]> {
  const frames: DecodedFrame[] = [];
  for await (const frame of sampleVideo({ absPath }, options)) frames.push(frame);
  return frames;
}

/** All times are the frames' own, to the millisecond. */
function assertTimes(
  frames: readonly DecodedFrame[],
  expected: readonly number[],
  what: string,
): void {
  assert.is(frames.length, expected.length, `${what}: number of frames`);
  for (const [i, frame] of frames.entries()) {
    const difference = Math.abs((frame.timestamp ?? NaN) - (expected[i] ?? NaN));
    assert.ok(difference < 0.001, `${what}: frame ${i} at ${frame.timestamp}, not ${expected[i]}`);
  }
}

/** First time of each slot of 1/fps seconds. */
function firstOfSlots(times: readonly number[], fps: number): number[] {
  const seen = new Set<number>();
  return times.filter((time) => {
    // ffprobe prints microseconds.
    const slot = Math.floor(time * fps + 1e-4);
    return !seen.has(slot) && seen.add(slot);
  });
}

function assertNothingLeft(): void {
  assert.equal(openFilesBelow(dir), [], 'no descriptor left');
  for (const pid of childrenOfSelf() ?? [])
    assert.not.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /ffmpeg/);
}

async function main(): Promise<void> {
  if (noFfmpeg !== undefined) return skipAll(noFfmpeg);
  const make = (name: string, source: string, ...args: string[]): string => {
    runFfmpeg(['-f', 'lavfi', '-i', source, ...args, file(name)]);
    return file(name);
  };
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const plain = make(
    'plain.mp4',
    'testsrc2=size=640x360:rate=30:duration=5.2',
    ...h264,
    '-g',
    '45',
  );
  const { ffprobe } = await findFfmpeg();

  test('times are those of ffprobe for every way of sampling and several containers', async () => {
    if (ffprobe === undefined) return skip('no ffprobe to compare with');
    const ntsc = 'testsrc2=size=320x180:rate=30000/1001:duration=4';
    const gaps = `${ntsc},select='not(between(n,40,80))*(not(mod(n,3))+lt(n,20))',settb=1/90000`;
    const delayed = [
      '-f',
      'lavfi',
      '-i',
      'sine=duration=4',
      '-filter_complex',
      '[0:v]setpts=PTS+0.4/TB[v]',
    ];
    const files = [
      plain,
      make('ntsc.mkv', ntsc, ...h264, '-g', '20'),
      make(
        'vp9.webm',
        ntsc,
        '-c:v',
        'libvpx-vp9',
        '-cpu-used',
        '8',
        '-deadline',
        'realtime',
        '-g',
        '25',
      ),
      make('gaps.mp4', gaps, ...h264, '-vsync', 'vfr'),
      make(
        'bframes.mov',
        ntsc,
        '-c:v',
        'libx264',
        '-preset',
        'fast',
        '-bf',
        '3',
        '-pix_fmt',
        'yuv420p',
      ),
      make('late.ts', ntsc, ...h264, '-output_ts_offset', '100'),
      make('delayed.mp4', ntsc, ...delayed, '-map', '[v]', '-map', '1:a', ...h264),
      make('ten.avi', 'testsrc2=size=320x180:rate=10:duration=3', '-c:v', 'mpeg4'),
    ];
    for (const one of files) {
      const times = probeTimes(ffprobe, one);
      const name = path.basename(one);
      for (const fps of one === plain ? [1, 0.5, 3, 7.5] : [1, 7.5])
        assertTimes(await sample(one, { fps }), firstOfSlots(times, fps), `${name} ${fps} fps`);
      assertTimes(
        await sample(one, { everyNFrames: 7 }),
        times.filter((_, i) => i % 7 === 0),
        `${name} every 7`,
      );
      assertTimes(
        await sample(one, { keyframes: true }),
        probeTimes(ffprobe, one, true),
        `${name} key frames`,
      );
    }
    assertNothingLeft();
  });

  test('each frame is the picture of its time', async () => {
    // The grey level counts the frames: 4 per second, 40 levels each.
    const source =
      "color=black:size=64x64:rate=4:duration=5,geq=lum='min(235,16+10*N)':cb=128:cr=128";
    const grey = make('grey.mp4', source, '-c:v', 'libx264', '-qp', '0', '-pix_fmt', 'yuv420p');
    const frames = await sample(grey);
    assert.is(frames.length, 5);
    for (const [second, { jpeg }] of frames.entries()) {
      const { channels } = await sharp(jpeg).stats();
      // Limited range to full: (16 + 10 * frame) -> 10 * frame * 255 / 219.
      const expected = (10 * 4 * second * 255) / 219;
      const mean = channels[0]?.mean ?? -1;
      assert.ok(Math.abs(mean - expected) < 3, `second ${second}: ${mean}, not ${expected}`);
    }
  });

  test('colours of high-definition video survive the way into a JPEG', async () => {
    const tags = ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709'];
    const filter = 'scale=out_color_matrix=bt709:out_range=tv';
    const red = make(
      'red.mp4',
      'color=#c81e1e:size=256x144:rate=5:duration=1',
      '-vf',
      filter,
      ...h264,
      ...tags,
    );
    const { channels } = await sharp((await sample(red))[0]?.jpeg).stats();
    const mean = channels.map((channel) => Math.round(channel.mean));
    for (const [i, wanted] of [200, 30, 30].entries())
      assert.ok(Math.abs((mean[i] ?? 0) - wanted) <= 5, `${mean.join(' ')}`);
  });

  test('rotation and pixel shape are applied, and small videos are not enlarged', async () => {
    const stereo = make('sar.mp4', 'testsrc2=size=360x288:rate=5:duration=1,setsar=16/9', ...h264);
    const [wide] = await sample(stereo);
    assert.equal(
      [wide?.sourceWidth, wide?.sourceHeight, wide?.width, wide?.height],
      [640, 288, 512, 230],
    );
    const turned = file('turned.mp4');
    const rotate = ffprobe === undefined ? [] : ['-metadata:s:v:0', 'rotate=90'];
    runFfmpeg(['-i', plain, '-c', 'copy', ...rotate, '-t', '1', turned]);
    const info = await probeVideo({ absPath: turned });
    // Newer versions of ffmpeg write rotation by another option; then there is none to apply.
    if (info.rotation !== 0) {
      const [tall] = await sample(turned);
      assert.equal([info.width, info.height, tall?.width, tall?.height], [360, 640, 288, 512]);
    }
    const small = make('small.mp4', 'testsrc2=size=100x62:rate=5:duration=1', ...h264);
    const [frame] = await sample(small);
    assert.equal([frame?.width, frame?.height], [100, 62]);
    assert.equal((await sample(plain, { maxSize: 33 }))[0]?.width, 33);
  });

  test('probe tells what the container says', async () => {
    const info = await probeVideo({ absPath: plain });
    assert.equal(
      { ...info, durationSeconds: Math.round((info.durationSeconds ?? 0) * 10) / 10 },
      {
        width: 640,
        height: 360,
        durationSeconds: 5.2,
        rotation: 0,
        codec: 'h264',
        fps: 30,
        capturedAt: null,
      },
    );
  });

  test('wrong options are told before anything runs', async () => {
    for (const options of [
      { fps: 0 },
      { fps: -1 },
      { fps: NaN },
      { fps: 1e9 },
      { everyNFrames: 0 },
      { everyNFrames: 1.5 },
      { maxSize: 0 },
    ])
      assert.is(await codeOf(sample(plain, options)), 'ERR_ARG_RANGE', JSON.stringify(options));
  });

  test('a taker that stops early or an abort leaves no child and no descriptor', async () => {
    const long = make('long.mp4', 'testsrc2=size=160x90:rate=30:duration=120', ...h264);
    for await (const frame of sampleVideo({ absPath: long })) {
      assert.is(frame.timestamp, 0);
      break;
    }
    assertNothingLeft();
    const controller = new AbortController();
    let frames = 0;
    const aborted = (async () => {
      for await (const frame of sampleVideo({ absPath: long }, { signal: controller.signal })) {
        assert.type(frame.timestamp, 'number');
        if (++frames === 2) controller.abort();
      }
    })();
    assert.is(await codeOf(aborted), 'ERR_ABORTED');
    assert.is(await codeOf(sample(long, { signal: AbortSignal.abort() })), 'ERR_ABORTED');
    assert.is(
      await codeOf(probeVideo({ absPath: long }, { signal: AbortSignal.abort() })),
      'ERR_ABORTED',
    );
    assertNothingLeft();
  });

  test('ffmpeg waits for a slow taker instead of filling the memory', async () => {
    const frames = sampleVideo({ absPath: file('long.mp4') }, { everyNFrames: 1 });
    await frames.next();
    const [pid] = childrenOfSelf() ?? [];
    if (pid === undefined) return skip('no /proc here');
    // It is asleep writing to a full pipe, long before its 3600 frames are out.
    for (let i = 0; i < 2000; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /ffmpeg/);
    await frames.return(undefined);
    assertNothingLeft();
  });
}

void main().then(() => test.run());
