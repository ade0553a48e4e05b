/** Every real file beside the checkout ends in a stated outcome, in time, and leaves nothing behind. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError } from '../../lib/base/errors';
import {
  closeImageDecoder,
  decodeImage,
  kindOfName,
  LIMITS,
  probeVideo,
  sampleVideo,
  type DecodedFrame,
  type DecodedImage,
} from '../../lib/media';
import { scaled } from '../helpers/deadline';
import { noFfmpeg } from '../helpers/media';
import { sharedData } from '../helpers/shared-data';
import { skip, skipAll } from '../helpers/skip';
import { childrenOfSelf, openFilesBelow } from '../helpers/video';

const base = sharedData('media');

/** Outcome of every file that does not simply decode. */
const EXPECTED: Record<string, string> = {
  // Healthy, and not for us.
  'images-odd/check.svg': 'ERR_MEDIA_UNSUPPORTED',
  // Damaged or hostile. Those not named decode: what is wrong with them is outside the first picture.
  'images-corrupt/26-byte.webp': 'ERR_MEDIA_DECODE',
  'images-corrupt/corrupt-header.jpg': 'ERR_MEDIA_DECODE',
  'images-corrupt/heapbof.png': 'ERR_MEDIA_UNSUPPORTED',
  'images-corrupt/sigsegv.png': 'ERR_MEDIA_DECODE',
  'images-corrupt/broken.png': 'ERR_MEDIA_DECODE',
  'images-corrupt/decompression_bomb.gif': 'ERR_MEDIA_DECODE',
  'images-corrupt/reallybig.bmp': 'ERR_MEDIA_LIMIT',
  'images-corrupt/crash-0e16d3bf.tif': 'ERR_MEDIA_DECODE',
  'images-corrupt/libtiff_segfault.tif': 'ERR_MEDIA_DECODE',
  'images-corrupt/oom-225817ca.tif': 'ERR_MEDIA_DECODE',
  'images-corrupt/bomb-65500x65500.jpg': 'ERR_MEDIA_LIMIT',
  'images-corrupt/crash-20ca2625.heic': 'ERR_MEDIA_UNSUPPORTED',
  // Videos.
  'videos-broken/invalid_userdata.mp4': 'ERR_MEDIA_DECODE',
  'videos-broken/chunk_out_of_range.mp4': 'ERR_MEDIA_DECODE',
  'videos-broken/Mpeg4.mp4': 'ERR_MEDIA_DECODE',
  'videos-broken/audio_only.mp4': 'ERR_MEDIA_UNSUPPORTED',
};

/** What decodes only in part: found all the same, with a remark. */
const DAMAGED = new Set([
  'images-corrupt/truncated.jpg',
  'images-corrupt/truncated.png',
  'images-corrupt/broken_data_stream.png',
  'images-corrupt/shortfile.bmp',
]);

/** Size on display and number of frames at one a second, from the list beside the files. */
const VIDEOS: Record<string, { size: [number, number]; frames: number; last: number }> = {
  'videos/car-detection.mp4': { size: [768, 432], frames: 31, last: 30 },
  'videos/book.mkv': { size: [640, 480], frames: 4, last: 3 },
  'videos/cockatoo.mp4': { size: [1280, 720], frames: 14, last: 13 },
  // Two tracks, both marked as default: the larger one.
  'videos/nasa_13013.mp4': { size: [480, 270], frames: 13, last: 12 },
  'videos/blue-go-video.mp4': { size: [270, 480], frames: 3, last: 2.01 },
  'videos/video_90.mov': { size: [320, 568], frames: 1, last: 0 },
  'videos/video_270.mov': { size: [320, 568], frames: 1, last: 0 },
  'videos/earth.avi': { size: [480, 270], frames: 31, last: 30 },
  'videos/testsrc2_vp9.webm': { size: [1280, 720], frames: 1, last: 0 },
  'videos/av1_video.mkv': { size: [640, 360], frames: 5, last: 4 },
  'videos/h265_10bits.mp4': { size: [200, 200], frames: 1, last: 0 },
  'videos/test_non_zero_start.mp4': { size: [199, 112], frames: 1, last: 0 },
  'videos/christmas.mp4': { size: [640, 416], frames: 1, last: 0 },
  'videos/big-buck-bunny-480p-30sec.mp4': { size: [854, 480], frames: 30, last: 29 },
  'videos-broken/corrupted.mp4': { size: [1280, 720], frames: 5, last: 4 },
  'videos-broken/metadata.mp4': { size: [320, 240], frames: 1, last: 0 },
};

const codeOf = (error: unknown): string => {
  assert.ok(isLibraryError(error), String(error));
  assert.ok(error.message.length > 10, 'a reason for a person');
  return error.code;
};

const pixels = (jpeg: Buffer, width = 64, height = 64): Promise<Buffer> =>
  sharp(jpeg).resize(width, height, { fit: 'fill' }).removeAlpha().raw().toBuffer();

function meanDifference(a: Buffer, b: Buffer): number {
  let sum = 0;
  for (const [i, value] of a.entries()) sum += Math.abs(value - (b[i] ?? 0));
  return sum / a.length;
}

async function checkFrame(frame: DecodedFrame, name: string): Promise<void> {
  const header = await sharp(frame.jpeg).metadata();
  assert.is(header.format, 'jpeg', name);
  assert.equal([header.width, header.height], [frame.width, frame.height], name);
  assert.is(header.space, 'srgb', `${name} is colour in sRGB, also when the source is not`);
  assert.is(header.orientation, undefined, name);
  assert.is(header.exif, undefined, `${name} carries nothing of the source's metadata`);
  assert.ok(Math.max(frame.width, frame.height) <= 512, name);
  assert.ok(frame.width <= frame.sourceWidth && frame.height <= frame.sourceHeight, name);
}

if (base === undefined) {
  skipAll('no shared media');
} else {
  const decoded = (relPath: string): Promise<DecodedImage> =>
    decodeImage({ absPath: path.join(base, relPath) });

  for (const dir of ['photos', 'images-odd', 'images-corrupt']) {
    test(`every file of ${dir} ends as the table says`, async () => {
      for (const name of readdirSync(path.join(base, dir)).sort()) {
        const relPath = `${dir}/${name}`;
        const started = performance.now();
        const outcome = await decoded(relPath).then(
          async (frame) => {
            await checkFrame(frame, relPath);
            assert.is(frame.damaged !== undefined, DAMAGED.has(relPath), relPath);
            const bytes = readFileSync(path.join(base, relPath));
            assert.is(frame.contentHash, createHash('sha256').update(bytes).digest('hex'));
            return 'ok';
          },
          (error: unknown) => codeOf(error),
        );
        assert.is(outcome, EXPECTED[relPath] ?? 'ok', relPath);
        assert.ok(performance.now() - started < scaled(LIMITS.imageMs), relPath);
      }
    });
  }

  test('all eight orientations give the same upright picture', async () => {
    const first = await decoded('images-odd/Landscape_1.jpg');
    const reference = await pixels(first.jpeg);
    for (let orientation = 2; orientation <= 8; orientation++) {
      const frame = await decoded(`images-odd/Landscape_${orientation}.jpg`);
      assert.equal([frame.width, frame.height], [512, 341]);
      assert.equal([frame.sourceWidth, frame.sourceHeight], [1800, 1200]);
      const difference = meanDifference(reference, await pixels(frame.jpeg));
      // Each was compressed on its own; an upside-down one differs by about 60.
      assert.ok(difference < 3, `orientation ${orientation} differs by ${difference}`);
    }
  });

  test('a grid of HEIC tiles, a turned HEIC and raw tags of a TIFF come out as the picture looks', async () => {
    const phone = await decoded('images-odd/iphone_7.heic');
    assert.equal([phone.sourceWidth, phone.sourceHeight], [4032, 3024]);
    assert.ok(phone.capturedAt !== null, 'dates of HEIC are read');
    const turned = await decoded('images-odd/gradient_rotated.heic');
    assert.equal([turned.sourceWidth, turned.sourceHeight], [720, 1280]);
    const fax = await decoded('images-odd/g4_orientation_7.tif');
    assert.ok(fax.sourceWidth > fax.sourceHeight, 'turned as the tag asks');
  });

  test('a WebP with an orientation and an AVIF with its own rotation are upright', async () => {
    const webp = await decoded('images-odd/hopper_orientation_6.webp');
    const plain = await sharp(path.join(base, 'images-odd/hopper_orientation_6.webp'))
      .jpeg()
      .toBuffer();
    const turned = await sharp(plain).rotate(90).toBuffer();
    assert.ok(meanDifference(await pixels(webp.jpeg), await pixels(turned)) < 4);
    assert.ok(
      meanDifference(await pixels(webp.jpeg), await pixels(plain)) > 15,
      'not left as it lies',
    );
    const avif = await decoded('images-odd/kimono.mirror-vertical.rotate270.avif');
    assert.equal([avif.sourceWidth, avif.sourceHeight], [722, 1024]);
  });

  test('transparent parts are white, and a picture without any stays as it is', async () => {
    for (const name of ['full-transparent.png', '1x1-transparent.png', '1x1.gif']) {
      const { jpeg } = await decoded(`images-odd/${name}`);
      const all = await pixels(jpeg, 4, 4);
      assert.ok(
        all.every((value) => value >= 253),
        name,
      );
    }
  });

  test('CMYK, 16 bits and grey come out as the picture looks', async () => {
    const cmyk = await pixels(
      (await decoded('images-odd/Channel_digital_image_CMYK_color.jpg')).jpeg,
    );
    const wanted = await sharp(path.join(base, 'images-odd/Channel_digital_image_CMYK_color.jpg'))
      .toColourspace('srgb')
      .resize(64, 64, { fit: 'fill' })
      .raw()
      .toBuffer();
    assert.ok(meanDifference(cmyk, wanted) < 4, 'CMYK by its profile');
    const deep = await pixels((await decoded('images-odd/gradient_16bit.png')).jpeg);
    assert.ok(Math.max(...deep) - Math.min(...deep) > 150, 'a gradient, not its lowest byte');
    const grey = await pixels((await decoded('images-odd/grayscale.jpg')).jpeg, 16, 16);
    for (let i = 0; i < grey.length; i += 3)
      assert.ok(Math.abs((grey[i] ?? 0) - (grey[i + 2] ?? 0)) <= 2, 'no colour cast');
  });

  test('the first picture of an animation, a stereo pair and a gain-map file is taken', async () => {
    const gif = await pixels((await decoded('images-odd/rotating-squares.gif')).jpeg);
    const webp = await pixels((await decoded('images-odd/rotating-squares.webp')).jpeg);
    assert.ok(meanDifference(gif, webp) < 12, 'the same content in two formats');
    const pair = await decoded('images-odd/frozenpond.mpo');
    assert.equal([pair.sourceWidth, pair.sourceHeight], [640, 480]);
    const gainMap = await decoded('images-odd/gain-map.jpg');
    assert.equal([gainMap.sourceWidth, gainMap.sourceHeight], [3840, 2160]);
  });

  test('the bytes decide, not the name; equal bytes have equal hashes', async () => {
    const named = await decoded('images-odd/this-is-a-jpeg.png');
    const honest = await decoded('photos/beach_wood.jpg');
    assert.ok(named.jpeg.equals(honest.jpeg));
    assert.is(named.contentHash, honest.contentHash);
    const one = await decoded('images-odd/IMG_4120.JPG');
    assert.is(one.contentHash, (await decoded('images-odd/IMG_4120 (1).JPG')).contentHash);
  });

  test('dates come from EXIF', async () => {
    assert.is((await decoded('photos/DSCN0010.jpg')).capturedAt, '2008-10-22T16:28:39');
    assert.is((await decoded('photos/astronaut.png')).capturedAt, null);
    assert.is((await decoded('images-odd/hopper_bad_exif.jpg')).capturedAt, null);
  });

  test('memory of a child stays below its limit over all of it', () => {
    const pids = childrenOfSelf();
    if (pids === undefined) return skip('no /proc here');
    assert.ok(pids.length > 0, 'the children are still there');
    for (const pid of pids) {
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      assert.ok(Number(peak) * 1024 < LIMITS.childRssBytes, `child ${pid} had ${peak} kB`);
    }
  });

  test('each video ends as the table says, and no child or descriptor is left', async () => {
    closeImageDecoder();
    if (noFfmpeg !== undefined) return skip(noFfmpeg);
    const names = ['videos', 'videos-broken'].flatMap((dir) =>
      readdirSync(path.join(base, dir)).map((name) => `${dir}/${name}`),
    );
    for (const relPath of names.sort()) {
      const file = { absPath: path.join(base, relPath) };
      const started = performance.now();
      const frames: DecodedFrame[] = [];
      let outcome = 'ok';
      try {
        for await (const frame of sampleVideo(file)) frames.push(frame);
      } catch (error) {
        outcome = codeOf(error);
      }
      assert.is(outcome, EXPECTED[relPath] ?? 'ok', relPath);
      assert.ok(performance.now() - started < scaled(120_000), relPath);
      const expected = VIDEOS[relPath];
      assert.is(frames.length, expected?.frames ?? 0, relPath);
      for (const frame of [frames[0], frames.at(-1)]) {
        if (frame === undefined || expected === undefined) continue;
        await checkFrame(frame, relPath);
        assert.equal([frame.sourceWidth, frame.sourceHeight], expected.size, relPath);
      }
      if (expected === undefined) continue;
      assert.ok(Math.abs((frames.at(-1)?.timestamp ?? -1) - expected.last) < 0.02, relPath);
      const info = await probeVideo(file);
      assert.equal([info.width, info.height], expected.size, relPath);
    }
    assert.equal(openFilesBelow(base), [], 'no descriptor left');
    for (const pid of childrenOfSelf() ?? [])
      assert.not.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /ffmpeg/);
  });

  test('files that are no media by name are not walked', () => {
    const outside = readdirSync(path.join(base, 'audio'));
    assert.ok(outside.length > 5);
    assert.equal(
      outside.filter((name) => kindOfName(name) !== undefined),
      [],
    );
  });
}

test.run();
