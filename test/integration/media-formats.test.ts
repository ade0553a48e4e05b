/** Pictures by what their bytes are: formats beside those of the web, and what is left of cut files. */
import { spawnSync } from 'node:child_process';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError } from '../../lib/base/errors';
import { closeImageDecoder, decodeImage, type DecodedImage } from '../../lib/media';
import { ffmpeg, noFfmpeg } from '../helpers/media';
import { testUnless } from '../helpers/skip';

const [WIDTH, HEIGHT] = [120, 80];

/** White with a red disc left above the middle and a blue bar at the bottom: no two sides look alike. */
const drawing = (): sharp.Sharp =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
      <rect width="100%" height="100%" fill="white"/><circle cx="30" cy="20" r="16" fill="#dc1e1e"/>
      <rect y="70" width="100%" height="10" fill="#1e1edc"/></svg>`),
  ).removeAlpha();

async function pixelAt(
  { jpeg, width, height }: DecodedImage,
  x: number,
  y: number,
): Promise<string> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  const at =
    (Math.floor((y / HEIGHT) * height) * width + Math.floor((x / WIDTH) * width)) * info.channels;
  const [r = 0, g = 0, b = 0] = data.subarray(at, at + 3);
  if (r > 180 && g < 90 && b < 90) return 'red';
  if (b > 180 && r < 90 && g < 90) return 'blue';
  if (r > 200 && g > 200 && b > 200) return 'white';
  if (Math.abs(r - 128) + Math.abs(g - 128) + Math.abs(b - 128) < 12) return 'grey';
  return `${r},${g},${b}`;
}

/** Red disc, white field, blue bar: where they belong. */
async function assertDrawing(bytes: Uint8Array, name: string): Promise<DecodedImage> {
  const frame = await decodeImage({ bytes });
  assert.equal([frame.sourceWidth, frame.sourceHeight], [WIDTH, HEIGHT], name);
  const colors = [
    await pixelAt(frame, 30, 20),
    await pixelAt(frame, 90, 40),
    await pixelAt(frame, 60, 75),
  ];
  assert.equal(colors, ['red', 'white', 'blue'], name);
  assert.is(frame.damaged, undefined, name);
  return frame;
}

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    await decodeImage({ bytes });
    return 'ok';
  } catch (error) {
    assert.ok(isLibraryError(error), String(error));
    return error.code;
  }
}

test('what came of a cut JPEG, PNG, WebP or GIF is the picture, and it is marked', async () => {
  const forms: Record<string, Buffer> = {
    baseline: await drawing().jpeg({ quality: 95 }).toBuffer(),
    progressive: await drawing().jpeg({ quality: 95, progressive: true }).toBuffer(),
    png: await drawing().png({ compressionLevel: 0 }).toBuffer(),
    // Rows of the kind that deflate well: everything is in the last read of the decoder.
    'small png': await drawing().png({ compressionLevel: 9 }).toBuffer(),
    interlaced: await drawing().png({ progressive: true }).toBuffer(),
    webp: await drawing().webp({ quality: 95 }).toBuffer(),
    gif: await drawing().gif().toBuffer(),
  };
  for (const [name, bytes] of Object.entries(forms)) {
    await assertDrawing(bytes, name);
    const cut = await decodeImage({ bytes: bytes.subarray(0, Math.floor(bytes.length * 0.85)) });
    assert.is(await pixelAt(cut, 30, 20), 'red', name);
    assert.equal(
      [cut.width, cut.height].map((side) => side > 0),
      [true, true],
    );
    assert.type(cut.damaged, 'string', name);
    assert.equal([cut.sourceWidth, cut.sourceHeight], [WIDTH, HEIGHT], name);
  }
});

test('missing rows of a PNG are white, those of a JPEG are grey, as on a page', async () => {
  const png = await drawing().png({ compressionLevel: 0 }).toBuffer();
  const cutPng = await decodeImage({ bytes: png.subarray(0, png.length / 2) });
  assert.is(await pixelAt(cutPng, 60, 75), 'white');
  const noise = await sharp({
    create: {
      width: WIDTH,
      height: HEIGHT,
      channels: 3,
      background: 'white',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .jpeg({ quality: 95 })
    .toBuffer();
  const cutJpeg = await decodeImage({ bytes: noise.subarray(0, noise.length / 2) });
  assert.is(await pixelAt(cutJpeg, 60, 75), 'grey');
});

test('a stream that breaks off in the middle gives what came before', async () => {
  const png = await drawing().png({ compressionLevel: 0 }).toBuffer();
  const broken = Buffer.from(png);
  // A length of a stored block: zlib stops there.
  broken.fill(0xaa, Math.floor(png.length * 0.6), Math.floor(png.length * 0.6) + 40);
  const frame = await decodeImage({ bytes: broken }).catch((error: unknown) => error);
  assert.ok(!(frame instanceof Error), String(frame));
  assert.is(await pixelAt(frame as DecodedImage, 30, 20), 'red');
});

test('a file of which nothing can be decoded is a failure', async () => {
  const jpeg = await drawing().jpeg().toBuffer();
  const scan = jpeg.indexOf('ffda', 0, 'hex');
  assert.is(await codeOf(jpeg.subarray(0, scan + 14)), 'ERR_MEDIA_DECODE', 'headers only');
  const png = await drawing().png().toBuffer();
  assert.is(await codeOf(png.subarray(0, png.indexOf('IDAT') + 4)), 'ERR_MEDIA_DECODE');
  const interlaced = await drawing().png({ progressive: true }).toBuffer();
  assert.is(
    await codeOf(interlaced.subarray(0, interlaced.indexOf('IDAT') + 6)),
    'ERR_MEDIA_DECODE',
  );
  assert.is(await codeOf(Buffer.alloc(0)), 'ERR_MEDIA_DECODE');
});

test('bitmaps: 1 to 32 bits, bit fields, run lengths, either row order, icons with a mask', async () => {
  const { data } = await drawing().raw().toBuffer({ resolveWithObject: true });
  await assertDrawing(bmp(data, { bits: 24 }), '24 bits');
  await assertDrawing(bmp(data, { bits: 24, isTopDown: true }), 'top row first');
  await assertDrawing(bmp(data, { bits: 32 }), '32 bits');
  await assertDrawing(bmp(data, { bits: 32, masks: [0xff000000, 0xff0000, 0xff00] }), 'fields');
  await assertDrawing(bmp(data, { bits: 8 }), 'palette');
  await assertDrawing(bmp(data, { bits: 8, isRunLength: true }), 'run lengths');
  const cut = bmp(data, { bits: 24, isTopDown: true });
  const half = await decodeImage({ bytes: cut.subarray(0, cut.length / 2) });
  assert.equal([await pixelAt(half, 30, 20), await pixelAt(half, 60, 75)], ['red', 'white']);
  assert.type(half.damaged, 'string');
  const icon = iconOf(bmp(data, { bits: 24 }));
  const frame = await decodeImage({ bytes: icon });
  assert.is(await pixelAt(frame, 30, 20), 'red');
});

test('TIFF: orientation, 16 bits, compressions; the first page of several', async () => {
  for (const compression of ['none', 'lzw', 'deflate', 'jpeg'] as const)
    await assertDrawing(await drawing().tiff({ compression, quality: 95 }).toBuffer(), compression);
  const lying = await drawing().rotate(270).toBuffer();
  const turned = await sharp(lying, { raw: undefined })
    .withMetadata({ orientation: 6 })
    .tiff()
    .toBuffer()
    .catch(() => undefined);
  if (turned !== undefined) await assertDrawing(turned, 'orientation 6');
});

test('the preview of a raw file is its picture, turned as the raw file says', async () => {
  const sensor = Buffer.alloc(50_000, 0x5a);
  for (const orientation of [1, 3, 6, 8]) {
    const angle = { 1: 0, 3: 180, 6: 270, 8: 90 }[orientation] ?? 0;
    const lying = await drawing().jpeg({ quality: 95 }).toBuffer();
    const preview = await sharp(lying).rotate(angle).jpeg({ quality: 95 }).toBuffer();
    const thumbnail = await sharp(lying).resize(16, 16).jpeg().toBuffer();
    const raw = Buffer.concat([rawHead(orientation), thumbnail, sensor, preview, sensor]);
    await assertDrawing(raw, `orientation ${orientation}`);
  }
  assert.is(await codeOf(Buffer.concat([rawHead(1), sensor])), 'ERR_MEDIA_UNSUPPORTED');
});

testUnless(noFfmpeg)(
  'JPEG 2000, PNM and QOI come through ffmpeg where it has the decoder',
  async () => {
    const png = await drawing().png().toBuffer();
    let compared = 0;
    for (const [name, codec, muxer] of [
      ['jp2', 'jpeg2000', 'image2pipe'],
      ['ppm', 'ppm', 'image2pipe'],
      ['qoi', 'qoi', 'image2pipe'],
    ] as const) {
      const run = spawnSync(
        ffmpeg,
        [
          '-v',
          'error',
          '-f',
          'png_pipe',
          '-i',
          'pipe:0',
          '-c:v',
          codec,
          '-pix_fmt',
          'rgb24',
          '-f',
          muxer,
          'pipe:1',
        ],
        { input: png, maxBuffer: 1e8 },
      );
      if (run.status !== 0) continue;
      await assertDrawing(run.stdout, name);
      compared++;
    }
    assert.ok(compared >= 2, `${compared} formats; ppm and one more are in every ffmpeg`);
  },
);

test('the children end', () => closeImageDecoder());

interface BmpForm {
  readonly bits: 8 | 24 | 32;
  readonly isTopDown?: boolean;
  readonly isRunLength?: boolean;
  readonly masks?: readonly number[];
}

/** A bitmap of the drawing, in one of the many ways there are. */
function bmp(rgb: Buffer, form: BmpForm): Buffer {
  const { bits, masks, isRunLength } = form;
  const palette = [0xffffff, 0xdc1e1e, 0x1e1edc];
  const nearest = (color: number): number => {
    const distance = (a: number): number =>
      [16, 8, 0].reduce((sum, s) => sum + Math.abs(((a >> s) & 255) - ((color >> s) & 255)), 0);
    return palette.reduce(
      (best, _, i) =>
        distance(palette[i] as number) < distance(palette[best] as number) ? i : best,
      0,
    );
  };
  const rows = Array.from({ length: HEIGHT }, (_, row) => {
    const y = form.isTopDown === true ? row : HEIGHT - 1 - row;
    const out: number[] = [];
    for (let x = 0; x < WIDTH; x++) {
      const at = 3 * (y * WIDTH + x);
      const [r = 0, g = 0, b = 0] = rgb.subarray(at, at + 3);
      if (bits === 8) out.push(nearest((r << 16) | (g << 8) | b));
      else if (bits === 24) out.push(b, g, r);
      // Red in the highest byte where the masks say so.
      else if (masks !== undefined) out.push(0, b, g, r);
      else out.push(b, g, r, 0);
    }
    if (isRunLength === true) return Buffer.from([...out.flatMap((index) => [1, index]), 0, 0]);
    return Buffer.from([...out, ...Array<number>((4 - (out.length % 4)) % 4).fill(0)]);
  });
  const head = Buffer.alloc(54);
  const extra = Buffer.alloc(masks === undefined ? (bits === 8 ? 4 * palette.length : 0) : 12);
  head.write('BM');
  head.writeUInt32LE(54 + extra.length, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(WIDTH, 18);
  head.writeInt32LE(form.isTopDown === true ? -HEIGHT : HEIGHT, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(bits, 28);
  head.writeUInt32LE(masks !== undefined ? 3 : isRunLength === true ? 1 : 0, 30);
  if (bits === 8) head.writeUInt32LE(palette.length, 46);
  if (masks === undefined)
    for (let i = 0; 4 * i < extra.length; i++) extra.writeUInt32LE(palette[i] as number, 4 * i);
  else for (let i = 0; i < 3; i++) extra.writeUInt32LE(masks[i] as number, 4 * i);
  return Buffer.concat([
    head,
    extra,
    ...rows,
    ...(isRunLength === true ? [Buffer.from([0, 1])] : []),
  ]);
}

/** An icon with one bitmap: no file header, twice the height, an empty mask behind. */
function iconOf(file: Buffer): Buffer {
  const bitmap = Buffer.concat([file.subarray(14), Buffer.alloc(16 * HEIGHT)]);
  bitmap.writeInt32LE(2 * HEIGHT, 8);
  const head = Buffer.from([0, 0, 1, 0, 1, 0, WIDTH, HEIGHT, 0, 0, 1, 0, 24, 0]);
  const place = Buffer.alloc(8);
  place.writeUInt32LE(bitmap.length, 0);
  place.writeUInt32LE(22, 4);
  return Buffer.concat([head, place, bitmap]);
}

/** The beginning of a DNG: one folder with version, orientation and the kind of its main picture. */
function rawHead(orientation: number): Buffer {
  const head = Buffer.alloc(64);
  head.write('II*\0\x08\0\0\0', 'latin1');
  head.writeUInt16LE(3, 8);
  const entries = [
    [0x0106, 3, 32_803],
    [0x0112, 3, orientation],
    [0xc612, 4, 0x0401],
  ] as const;
  for (const [i, [tag, type, value]] of entries.entries()) {
    const at = 10 + 12 * i;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(1, at + 4);
    head.writeUInt32LE(value, at + 8);
  }
  return head;
}

test.run();
