/** OpenEXR files as pictures: what is shown of them, and why where nothing is. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseExrHeader, singlePart } from '../../lib/exr';
import { closeImageDecoder, decodeImage } from '../../lib/media';
import { codeOf, errorOf } from '../helpers/errors';
import {
  everyKind,
  EXR_FLAGS,
  exrHeader,
  exrMultipart,
  exrPicture,
  half,
} from '../helpers/exr-files';
import { noFfmpeg } from '../helpers/media';
import { sharedData } from '../helpers/shared-data';
import { testUnless } from '../helpers/skip';

const [WIDTH, HEIGHT] = [64, 48];
const real = sharedData('media', 'exr');

test.after(() => closeImageDecoder());

async function colorAt(bytes: Uint8Array, x: number, y: number): Promise<number[]> {
  const { jpeg } = await decodeImage({ bytes });
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  assert.equal([info.width, info.height], [WIDTH, HEIGHT]);
  const at = (y * WIDTH + x) * info.channels;
  return [...data.subarray(at, at + 3)];
}

function isNear(color: readonly number[], expected: readonly number[], what: string): void {
  const off = Math.max(...color.map((value, i) => Math.abs(value - (expected[i] ?? 0))));
  assert.ok(off < 12, `${what}: ${color.join(' ')}, expected ${expected.join(' ')}`);
}

/** Left: linear 0.2 of red; right: over the range, in one channel not a number. */
const value = (channel: string, x: number): number => {
  const color = channel.slice(channel.lastIndexOf('.') + 1);
  if (color === 'A') return half(0.5);
  if (x < WIDTH / 2) return half(color === 'R' ? 0.2 : 0);
  if (color === 'R') return half(Infinity);
  return half(color === 'G' ? 40 : 1);
};

testUnless(noFfmpeg)(
  'linear light becomes sRGB, what is brighter than 1 is white, alpha is left out',
  async () => {
    const bytes = exrPicture(WIDTH, HEIGHT, ['R', 'G', 'B', 'A'], value);
    // 0.2 of linear light is 124 on the curve of sRGB.
    isNear(await colorAt(bytes, 16, 24), [124, 0, 0], 'left');
    isNear(await colorAt(bytes, 48, 24), [255, 255, 255], 'right');
  },
);

testUnless(noFfmpeg)('a file that has colours in layers only shows the first of them', async () => {
  const bytes = exrPicture(WIDTH, HEIGHT, ['beauty.R', 'beauty.G', 'beauty.B', 'N.X'], value);
  isNear(await colorAt(bytes, 16, 24), [124, 0, 0], 'left');
});

testUnless(noFfmpeg)('luminance alone is grey', async () => {
  const bytes = exrPicture(WIDTH, HEIGHT, ['Y'], () => half(0.2));
  isNear(await colorAt(bytes, 16, 24), [124, 124, 124], 'grey');
});

testUnless(noFfmpeg)('a part with colours that is not the first is the one shown', async () => {
  const beauty = { name: 'beauty', channels: ['R', 'G', 'B'] };
  const depth = { name: 'depth', channels: ['Z'] };
  const normals = { name: 'normals', channels: ['N.X', 'N.Y', 'N.Z'] };
  for (const parts of [
    [depth, beauty],
    [depth, beauty, normals],
    [depth, normals, beauty],
  ]) {
    const bytes = exrMultipart(WIDTH, HEIGHT, parts, value);
    isNear(await colorAt(bytes, 16, 24), [124, 0, 0], 'left');
    isNear(await colorAt(bytes, 48, 24), [255, 255, 255], 'right');
    assert.is((await decodeImage({ bytes })).damaged, undefined);
  }
  // The blocks of the middle part lie between those of the others.
  const bytes = exrMultipart(WIDTH, HEIGHT, [depth, beauty, normals], value);
  const cut = await decodeImage({ bytes: bytes.subarray(0, bytes.length / 2) });
  assert.match(cut.damaged ?? '', /^\d+ of 48 blocks of pixels are missing$/);
  const none = await errorOf(decodeImage({ bytes: bytes.subarray(0, 900) }));
  assert.ok(['ERR_MEDIA_DECODE', 'ERR_MEDIA_TRUNCATED'].includes(none.code), none.code);
});

test('a table that names one block again and again makes no huge file of a small one', () => {
  const parts = ['depth', 'beauty'].map((name) => ({ name, channels: ['R', 'G', 'B'] }));
  const bytes = exrMultipart(WIDTH, HEIGHT, parts, value);
  const facts = parseExrHeader(bytes);
  assert.ok((singlePart(bytes, facts, 1)?.length ?? 0) > 0);
  // One block that reaches to the end of the file, named by every entry.
  const table = facts.file.header_bytes + 8 * HEIGHT;
  const at = Number(bytes.readBigUInt64LE(table));
  bytes.writeUInt32LE(bytes.length - at - 12, at + 8);
  for (let i = 0; i < HEIGHT; i++) bytes.writeBigUInt64LE(BigInt(at), table + 8 * i);
  assert.is(singlePart(bytes, facts, 1), undefined);
});

testUnless(noFfmpeg)('pixels that are no finite numbers leave the others as they are', async () => {
  for (const odd of [NaN, Infinity, -Infinity]) {
    const bytes = exrPicture(WIDTH, HEIGHT, ['R', 'G', 'B'], (channel, x, y) =>
      y < HEIGHT / 2 ? half(odd) : value(channel, x),
    );
    isNear(await colorAt(bytes, 16, 36), [124, 0, 0], `${odd}, below left`);
    isNear(await colorAt(bytes, 48, 36), [255, 255, 255], `${odd}, below right`);
    const color = await colorAt(bytes, 16, 8);
    if (Number.isNaN(odd))
      assert.ok(
        color.every((one) => one < 12 || one > 243),
        color.join(),
      );
    else isNear(color, odd > 0 ? [255, 255, 255] : [0, 0, 0], `${odd}`);
  }
});

test('what has no flat picture is unsupported, with the reason', async () => {
  const deep = await errorOf(decodeImage({ bytes: everyKind().deep ?? Buffer.alloc(0) }));
  assert.is(deep.code, 'ERR_MEDIA_UNSUPPORTED');
  assert.match(deep.message, /deep data only/);
  const mask = exrPicture(4, 4, ['mask']);
  assert.match(
    (await errorOf(decodeImage({ bytes: mask }))).message,
    /no part with the channels R, G and B/,
  );
});

test('damaged headers and pictures over the limit are refused before ffmpeg sees them', async () => {
  const rgb = ['B', 'G', 'R'].map((name) => ({ name }));
  const large = exrHeader({ parts: [{ channels: rgb, dataWindow: [0, 0, 99_999, 99_999] }] });
  assert.is(await codeOf(decodeImage({ bytes: large })), 'ERR_MEDIA_LIMIT');
  const cut = exrHeader({ flags: EXR_FLAGS.tiled, parts: [{ channels: rgb }] });
  assert.is(await codeOf(decodeImage({ bytes: cut })), 'ERR_MEDIA_DECODE');
});

/** Kinds that ffmpeg 5 does not know, and files without colours. */
const WITHOUT_PICTURE = [
  '11.deep.exr',
  'Rec709_YC.exr',
  'WideFloatRange.exr',
  'compression/u16_mixed_zips.exr',
  'cryptoasset.exr',
  'tinydeep.exr',
  'v1.7.test.tiled.exr',
];

testUnless(noFfmpeg ?? (real === undefined ? 'no shared media' : undefined))(
  'real files are pictures, and those that are not say that they are unsupported, not damaged',
  async () => {
    const outcomes = new Map<string, string>();
    for (const file of readdirSync(real ?? '', { recursive: true, encoding: 'utf8' }))
      if (file.endsWith('.exr'))
        outcomes.set(file, await codeOf(decodeImage({ absPath: path.join(real ?? '', file) })));
    const refused = [...outcomes].filter(([, code]) => code !== 'ok');
    assert.equal(
      refused.sort(([a], [b]) => (a < b ? -1 : 1)),
      WITHOUT_PICTURE.map((file) => [file, 'ERR_MEDIA_UNSUPPORTED']),
    );
    assert.ok(outcomes.size >= 30);
  },
);

test.run();
