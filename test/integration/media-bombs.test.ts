/** Small files that ask for much: refused by their header, or stopped by the child's own limits. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError } from '../../lib/base/errors';
import { closeImageDecoder, decodeImage, LIMITS } from '../../lib/media';
import type { MediaLimits } from '../../lib/base/types';
import { scaled } from '../helpers/deadline';
import { sharedData } from '../helpers/shared-data';
import { skip } from '../helpers/skip';
import { makeTempDir } from '../helpers/temp';
import { childrenOfSelf } from '../helpers/video';

const dir = makeTempDir('bombs');

async function outcome(bytes: Uint8Array, limits?: MediaLimits): Promise<string> {
  const started = performance.now();
  try {
    await decodeImage({ bytes }, limits === undefined ? {} : { limits });
    return 'ok';
  } catch (error) {
    assert.ok(isLibraryError(error), String(error));
    return error.code;
  } finally {
    assert.ok(performance.now() - started < scaled(LIMITS.imageMs));
  }
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A grey PNG whose header says what it likes; `data` are its inflated rows. */
function png(width: number, height: number, data: Uint8Array, extra: Buffer[] = []): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const idat = chunk('IDAT', deflateSync(data, { level: 9 }));
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...extra,
    idat,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A GIF of `frames` pictures; size of the screen and of each picture are the header's claims. */
function gif(width: number, height: number, frames: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt16LE(width, 0);
  size.writeUInt16LE(height, 2);
  const head = [Buffer.from('GIF89a'), size, Buffer.from('\x80\0\0\0\0\0\xff\xff\xff', 'latin1')];
  const frame = [
    Buffer.from('\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0', 'latin1'),
    size,
    Buffer.from('\0\x02\x02\x44\x01\0', 'latin1'),
  ];
  const all = Array.from({ length: frames }, () => frame).flat();
  return Buffer.concat([...head, ...all, Buffer.from(';')]);
}

test('a size in the header alone is enough to be refused', async () => {
  const nothing = Buffer.alloc(1);
  const sizes: [number, number][] = [
    [100_000, 100_000],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31 - 1, 1],
    [20_000, 20_001],
    [400_000_001, 1],
  ];
  for (const [width, height] of sizes) {
    const code = await outcome(png(width, height, nothing));
    // libpng itself takes nothing beyond a million pixels a side and calls that damage.
    assert.ok(
      ['ERR_MEDIA_LIMIT', 'ERR_MEDIA_DECODE'].includes(code),
      `${width} x ${height}: ${code}`,
    );
  }
  assert.is(await outcome(png(20_000, 20_001, nothing)), 'ERR_MEDIA_LIMIT');
  assert.is(await outcome(gif(65_535, 65_535, 1)), 'ERR_MEDIA_LIMIT');
});

test('formats decoded by rows may be large, formats decoded as a whole may not', async () => {
  const rows = (side: number): Buffer => Buffer.alloc((side + 1) * side, 1);
  const large = png(8000, 8000, rows(8000));
  assert.ok(large.length < 100_000);
  assert.is(await outcome(large), 'ok', '64 megapixels of 64 MB, never held');
  assert.is(
    await outcome(large, { memoryMb: 256, megapixels: 63 }),
    'ERR_MEDIA_LIMIT',
    'a setting is obeyed',
  );
  // Its compressed form is small, its planes and pixels are not.
  const webp = await sharp({
    create: { width: 16_000, height: 9000, channels: 3, background: 'red' },
    limitInputPixels: false,
  })
    .webp({ effort: 0 })
    .toBuffer();
  assert.ok(webp.length < 500_000);
  assert.is(await outcome(webp), 'ERR_MEDIA_LIMIT');
});

test('a JPEG of 200 megapixels, as phones make them, is decoded; a progressive one by its cost', async () => {
  const photo = sharp({
    create: { width: 16_320, height: 12_240, channels: 3, background: '#406080' },
    limitInputPixels: false,
  });
  const frame = await decodeImage({ bytes: await photo.clone().jpeg().toBuffer() });
  assert.equal([frame.width, frame.height, frame.sourceWidth], [512, 384, 16_320]);
  // The header alone: two bytes for each of 3 x 200 million coefficients are not had for it.
  const progressive = await sharp({
    create: { width: 64, height: 64, channels: 3, background: '#406080' },
  })
    .jpeg({ progressive: true, chromaSubsampling: '4:4:4' })
    .toBuffer();
  const frameHeader = progressive.indexOf('ffc2', 0, 'hex');
  progressive.writeUInt16BE(12_240, frameHeader + 5);
  progressive.writeUInt16BE(16_320, frameHeader + 7);
  assert.is(await outcome(progressive), 'ERR_MEDIA_LIMIT');
});

test('a JPEG of 50 megapixels, as phones make them, is decoded', async () => {
  const photo = sharp({
    create: { width: 8160, height: 6144, channels: 3, background: '#406080' },
  });
  const frame = await decodeImage({ bytes: await photo.jpeg().toBuffer() });
  assert.equal([frame.width, frame.height, frame.sourceWidth], [512, 386, 8160]);
});

test('a file may have a thousand pictures, not more', async () => {
  assert.is(await outcome(gif(1, 1, 1000)), 'ok');
  assert.is(await outcome(gif(1, 1, 1001)), 'ERR_MEDIA_LIMIT');
});

test('aspect ratios above 200 are refused', async () => {
  const needle = (width: number, height: number): Promise<Buffer> =>
    sharp({ create: { width, height, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
  assert.is(await outcome(await needle(200, 1)), 'ok');
  assert.is(await outcome(await needle(201, 1)), 'ERR_MEDIA_LIMIT');
  assert.is(await outcome(await needle(3, 603)), 'ERR_MEDIA_LIMIT');
});

test('text, profile and EXIF blocks that inflate or nest end in an outcome', async () => {
  const pixel = Buffer.from([0, 7]);
  const zeros = deflateSync(Buffer.alloc(100_000_000));
  const text = chunk('zTXt', Buffer.concat([Buffer.from('a\0\0', 'latin1'), zeros]));
  const profile = chunk('iCCP', Buffer.concat([Buffer.from('p\0\0', 'latin1'), zeros]));
  const many = Array.from({ length: 5000 }, () => chunk('tEXt', Buffer.from('a\0b', 'latin1')));
  for (const extra of [[text], [profile], many]) {
    const code = await outcome(png(1, 1, pixel, extra));
    assert.ok(['ok', 'ERR_MEDIA_LIMIT', 'ERR_MEDIA_DECODE'].includes(code), code);
  }
});

test('a file larger than a picture may be is not read', async () => {
  const sparse = path.join(dir, 'sparse.jpg');
  writeFileSync(sparse, '');
  const { truncate } = await import('node:fs/promises');
  await truncate(sparse, LIMITS.imageBytes + 1);
  const error = await decodeImage({ absPath: sparse }).catch((caught: unknown) => caught);
  assert.ok(isLibraryError(error) && error.code === 'ERR_MEDIA_LIMIT', String(error));
});

test('the children stayed below their memory limit', () => {
  const pids = childrenOfSelf();
  if (pids === undefined) return skip('no /proc here');
  assert.ok(pids.length > 0, 'the children are still there');
  for (const pid of pids) {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    assert.ok(Number(peak) * 1024 < LIMITS.childRssBytes, `child ${pid} had ${peak} kB`);
  }
});

test('real pictures, cut and with flipped bytes, always end in a frame or a typed error', async () => {
  const base = sharedData('media', 'images-odd');
  if (base === undefined) return skip('no shared media');
  const seed = 20261121;
  console.log(`seed ${seed}`);
  let state = seed;
  const next = (below: number): number =>
    ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % below;
  const names = readdirSync(base).filter((name) => /\.(jpe?g|png|webp|gif|avif)$/i.test(name));
  const work: Promise<string>[] = [];
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(readFileSync(path.join(base, names[next(names.length)] ?? '')));
    if (bytes.length > 400_000) continue;
    const kept = round % 3 === 0 ? bytes.subarray(0, next(bytes.length)) : bytes;
    // The first kilobyte holds what decoders trust most.
    for (let flips = next(8); flips > 0 && kept.length > 0; flips--) {
      const at = next(Math.min(kept.length, flips % 2 === 0 ? kept.length : 1024));
      kept[at] = (kept[at] ?? 0) ^ (1 << next(8));
    }
    work.push(outcome(kept));
  }
  const counts: Record<string, number> = {};
  for (const code of await Promise.all(work)) counts[code] = (counts[code] ?? 0) + 1;
  console.log(JSON.stringify(counts));
  assert.ok((counts.ok ?? 0) > 10 && (counts.ERR_MEDIA_DECODE ?? 0) > 10, 'both kinds happened');
  closeImageDecoder();
});

test.run();
