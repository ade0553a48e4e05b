/** The reader of OpenEXR headers: every kind of file, every limit, every rule. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ftruncateSync, mkdirSync, openSync, closeSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isLibraryError, type ErrorCode } from '../../lib/base/errors';
import { inspectExr, parseExrHeader, type ExrPayload } from '../../lib/exr';
import {
  attribute,
  everyKind,
  EXR_FLAGS,
  exrHeader,
  exrPicture,
  f32,
  i32,
  writeAttribute,
  type ExrPartSpec,
} from '../helpers/exr-files';
import { codeOf } from '../helpers/errors';
import { makeTempDir } from '../helpers/temp';

const kinds = everyKind();
const parse = (name: string): ExrPayload => parseExrHeader(kinds[name] ?? Buffer.alloc(0));
const RGB = [{ name: 'B' }, { name: 'G' }, { name: 'R' }];
const withPart = (part: Partial<ExrPartSpec>): Buffer =>
  exrHeader({ parts: [{ channels: RGB, ...part }] });

function throws(work: () => unknown, code: ErrorCode, message = /./, what = ''): void {
  try {
    work();
  } catch (error) {
    if (!isLibraryError(error)) throw error;
    assert.is(error.code, code, what);
    assert.match(error.message, message, what);
    return;
  }
  assert.unreachable(`no error: ${what}`);
}

const rejects = async (work: () => unknown, code: ErrorCode): Promise<void> =>
  assert.is(await codeOf(work), code);

test('every kind of file is told by its header', () => {
  const facts = Object.keys(kinds).map((name) => {
    const { file, parts } = parse(name);
    return `${name}: ${parts.map((part) => part.type).join(' ')}${file.is_multiview ? ' views' : ''}`;
  });
  assert.equal(facts, [
    'single-part: scanlineimage',
    'tiled: tiledimage',
    'mip-map: tiledimage',
    'rip-map: tiledimage',
    'multipart: scanlineimage scanlineimage tiledimage views',
    'deep: deepscanline',
    'multi-view: scanlineimage views',
    'luminance-chroma: scanlineimage',
    'cryptomatte: scanlineimage',
    'long names: scanlineimage',
    'attributes: scanlineimage',
  ]);
  for (const [name, bytes] of Object.entries(kinds))
    assert.is(parse(name).file.header_bytes, bytes.length, name);
});

test('tiles have size, levels and rounding', () => {
  assert.equal(parse('tiled').parts[0]?.tiles, {
    width: 64,
    height: 32,
    level_mode: 'one_level',
    rounding_mode: 'down',
  });
  assert.is(parse('mip-map').parts[0]?.tiles?.level_mode, 'mipmap');
  const ripmap = parse('rip-map').parts[0]?.tiles;
  assert.equal([ripmap?.level_mode, ripmap?.rounding_mode], ['ripmap', 'up']);
});

test('channels have part, layer, view, type, sampling', () => {
  const { channels, file } = parse('multi-view');
  assert.equal(file.views, ['left', 'right']);
  const seen = channels.map(({ name, layer, view }) => [name, layer, view]);
  assert.equal(seen, [
    ['B', '', 'left'],
    ['G', '', 'left'],
    ['R', '', 'left'],
    ['diffuse.left.R', 'diffuse.left', 'left'],
    ['diffuse.right.R', 'diffuse.right', 'right'],
    ['mask.a', 'mask', null],
    ['right.R', 'right', 'right'],
  ]);
  const multipart = parse('multipart');
  assert.equal(
    multipart.channels.map((one) => one.part_index),
    [0, 0, 0, 0, 1, 2, 2, 2, 2],
  );
  assert.equal(
    multipart.parts.map((part) => [part.name, part.view, part.chunk_count, part.channel_count]),
    [
      ['beauty', 'left', 4, 4],
      ['depth', 'right', 4, 1],
      ['tiles', null, 1, 4],
    ],
  );
  assert.equal(parse('luminance-chroma').channels[0], {
    part_index: 0,
    name: 'BY',
    layer: '',
    view: null,
    type: 'half',
    x_sampling: 2,
    y_sampling: 2,
    p_linear: true,
  });
  assert.is(parse('long names').channels[0]?.name.length, 255);
});

test('attributes are read by type; pixels of previews and unknown types are left out', () => {
  const { attributes = {} } = parse('attributes').parts[0] ?? {};
  const value = (name: string): unknown => attributes[name]?.value;
  assert.equal(value('timeCode'), {
    text: '01:02:03;04',
    drop_frame: true,
    time_and_flags: 0x01020344,
    user_data: 7,
  });
  assert.equal(value('chromaticities'), {
    red: [0.64, 0.33],
    green: [0.3, 0.6],
    blue: [0.15, 0.06],
    white: [0.3127, 0.329],
  });
  assert.equal(value('preview'), { width: 2, height: 1 });
  assert.is((value('keyCode') as { perfs_per_count: number }).perfs_per_count, 64);
  assert.equal(value('framesPerSecond'), { numerator: 24000, denominator: 1001 });
  assert.is((value('worldToCamera') as number[])[15], 1.875);
  assert.equal(value('adoptedNeutral'), [0.5, 'NaN']);
  assert.is(value('envmap'), 'cube');
  assert.equal(attributes.studio, { type: 'com.example.blob', size: 3 });
  assert.is(Object.getOwnPropertyDescriptor(attributes, '__proto__')?.value.value, 'harmless');
  assert.is(value('latin'), 'été');
  const again = JSON.parse(JSON.stringify(parse('attributes'))) as ExrPayload;
  assert.is(again.parts[0]?.attributes.envmap?.value, 'cube');
});

test('damage is a typed error that names what is wrong', () => {
  const cases: [string, Buffer, RegExp][] = [
    [
      'another channel type',
      withPart({ channels: [{ name: 'R', type: 'none' as 'half' }] }),
      /type -1/,
    ],
    ['no channels', withPart({ channels: [] }), /without channels/],
    [
      'two channels of a name',
      withPart({ channels: [{ name: 'R' }, { name: 'R' }] }),
      /two channels/,
    ],
    ['sampling 0', withPart({ channels: [{ name: 'R', sampling: [0, 1] }] }), /sampling/],
    [
      'sampling that does not fit',
      withPart({ channels: [{ name: 'R', sampling: [3, 1] }] }),
      /sampling/,
    ],
    ['a window inside out', withPart({ dataWindow: [3, 0, 0, 3] }), /dataWindow/],
    [
      'a window that overflows',
      withPart({ dataWindow: [-(2 ** 31), 0, 2 ** 31 - 1, 3] }),
      /dataWindow/,
    ],
    ['an unknown compression', withPart({ compression: 200 }), /compression 200/],
    ['an unknown line order', withPart({ lineOrder: 3 }), /lineOrder 3/],
    ['an unknown type', withPart({ type: 'voxels' }), /"voxels"/],
    ['no compression', withPart({ without: ['compression'] }), /no attribute "compression"/],
    [
      'tiles of no size',
      exrHeader({
        flags: EXR_FLAGS.tiled,
        parts: [{ channels: RGB, tiles: { width: 0, height: 1, mode: 0 } }],
      }),
      /tiles of 0 x 1/,
    ],
    [
      'a tiled file without tiles',
      exrHeader({ flags: EXR_FLAGS.tiled, parts: [{ channels: RGB }] }),
      /"tiles"/,
    ],
    [
      'a name of 256 bytes',
      withPart({ extra: [attribute('n'.repeat(256), 'int', i32(1))] }),
      /255/,
    ],
    [
      'an int of three bytes',
      withPart({ extra: [attribute('n', 'int', Buffer.alloc(3))] }),
      /expected 4/,
    ],
    [
      'a string vector that lies',
      withPart({ extra: [attribute('n', 'stringvector', i32(9))] }),
      /9 bytes/,
    ],
    [
      'a preview that lies',
      withPart({ extra: [attribute('n', 'preview', i32(9, 9, 0))] }),
      /9 x 9/,
    ],
    ['a negative size', cut(withPart({}), -1), /-1 bytes/],
    ['a size beyond the file', cut(withPart({}), 100_000), /beyond/],
    [
      'parts without names',
      exrHeader({
        flags: EXR_FLAGS.multipart,
        parts: [{ channels: RGB, type: 'scanlineimage', chunkCount: 1 }],
      }),
      /no name/,
    ],
    [
      'parts that disagree',
      exrHeader({
        flags: EXR_FLAGS.multipart,
        parts: [1, 2].map((n) => ({
          channels: RGB,
          name: `p${n}`,
          type: 'scanlineimage',
          chunkCount: 1,
          displayWindow: [0, 0, n, 3] as const,
        })),
      }),
      /displayWindow/,
    ],
  ];
  for (const [name, bytes, message] of cases)
    throws(() => parseExrHeader(bytes), 'ERR_MEDIA_DECODE', message, name);
});

/** A header with one more attribute, whose size says `size`. */
function cut(bytes: Buffer, size: number): Buffer {
  const last = writeAttribute(attribute('last', 'string', ''));
  last.writeInt32LE(size, last.length - 4);
  return Buffer.concat([bytes.subarray(0, -1), last]);
}

test('what is no OpenEXR file of version 2 is not damaged but unsupported', () => {
  const other = [
    Buffer.alloc(0),
    Buffer.from('P6'),
    Buffer.from('GIF89a..........'),
    exrHeader({ parts: [{ channels: RGB }], version: 3 }),
    exrHeader({ parts: [{ channels: RGB }], flags: 0x4000 }),
  ];
  for (const bytes of other) throws(() => parseExrHeader(bytes), 'ERR_MEDIA_UNSUPPORTED');
});

test('a header that ends anywhere is a typed error', () => {
  for (const bytes of Object.values(kinds)) {
    for (let size = 4; size < bytes.length; size++)
      throws(() => parseExrHeader(bytes.subarray(0, size)), 'ERR_MEDIA_DECODE');
  }
});

test('limits hold: bytes, attributes, channels, parts, values', () => {
  const many = withPart({
    channels: Array.from({ length: 40 }, (_, i) => ({ name: `c${i}` })),
    extra: Array.from({ length: 40 }, (_, i) => attribute(`n${i}`, 'string', 'x'.repeat(100))),
  });
  const limits = [
    { maxHeaderBytes: 2000 },
    { maxAttributeBytes: 99 },
    { maxAttributes: 47 },
    { maxChannels: 39 },
  ];
  for (const limit of limits)
    throws(
      () => parseExrHeader(many, { limits: limit }),
      'ERR_MEDIA_LIMIT',
      /./,
      JSON.stringify(limit),
    );
  throws(
    () => parseExrHeader(kinds.multipart ?? many, { limits: { maxParts: 2 } }),
    'ERR_MEDIA_LIMIT',
  );
  const { attributes = {} } =
    parseExrHeader(many, { limits: { maxValueBytes: 99 } }).parts[0] ?? {};
  assert.equal(attributes.n7, { type: 'string', size: 100 });
  throws(() => parseExrHeader(many, { limits: { maxByte: 1 } } as object), 'ERR_ARG_TYPE');
  throws(() => parseExrHeader('text' as unknown as Buffer), 'ERR_ARG_TYPE');
});

test('a header of many chunks is read whole, and a large file costs no more than a small one', async () => {
  const dir = makeTempDir('exr');
  const long = withPart({ extra: [attribute('manifest', 'string', 'm'.repeat(300_000))] });
  const file = path.join(dir, 'long.exr');
  writeFileSync(file, Buffer.concat([long, Buffer.alloc(64)]));
  const payload = await inspectExr(file);
  assert.equal(payload.parts[0]?.attributes.manifest, { type: 'string', size: 300_000 });
  assert.is(payload.file.header_bytes, long.length);
  assert.is(payload.file.path, file);

  // 3 GB without a byte behind the header: sparse, and never read.
  const large = path.join(dir, 'large.exr');
  writeFileSync(large, withPart({}));
  const descriptor = openSync(large, 'r+');
  ftruncateSync(descriptor, 3 * 2 ** 30);
  closeSync(descriptor);
  const before = process.memoryUsage().rss;
  const facts = await inspectExr(large, { as: 'shot/large.exr' });
  assert.is(facts.file.size_bytes, 3 * 2 ** 30);
  assert.is(facts.file.path, 'shot/large.exr');
  assert.ok(process.memoryUsage().rss - before < 64 * 2 ** 20);
});

test('an endless file of attributes is refused at the limit, not at its end', async () => {
  const file = path.join(makeTempDir('exr'), 'endless.exr');
  const one = writeAttribute(attribute('n', 'string', 'x'.repeat(1000)));
  const start = withPart({}).subarray(0, -1);
  writeFileSync(file, Buffer.concat([start, ...Array.from({ length: 4000 }, () => one)]));
  await rejects(() => inspectExr(file, { limits: { maxHeaderBytes: 100_000 } }), 'ERR_MEDIA_LIMIT');
  await rejects(() => inspectExr(file, { limits: { maxAttributes: 1000 } }), 'ERR_MEDIA_LIMIT');
  await rejects(() => inspectExr(file), 'ERR_MEDIA_DECODE');
});

test('folders, FIFOs, missing files and given signals end at once', async () => {
  const dir = makeTempDir('exr');
  mkdirSync(path.join(dir, 'folder.exr'));
  await rejects(() => inspectExr(path.join(dir, 'folder.exr')), 'ERR_MEDIA_UNSUPPORTED');
  await rejects(() => inspectExr(path.join(dir, 'none.exr')), 'ERR_MEDIA_MISSING');
  await rejects(() => inspectExr(dir, { signal: AbortSignal.abort() }), 'ERR_ABORTED');
  await rejects(() => inspectExr(dir, { path: 'x' } as object), 'ERR_ARG_TYPE');
  const fifo = path.join(dir, 'fifo.exr');
  const made = spawn('mkfifo', [fifo]);
  await once(made, 'exit');
  await rejects(() => inspectExr(fifo), 'ERR_MEDIA_UNSUPPORTED');
});

test('a picture with pixels is read as its header alone', async () => {
  const file = path.join(makeTempDir('exr'), '日本語 \u001b[31m.exr');
  writeFileSync(file, exrPicture(8, 4, ['R', 'G', 'B']));
  const { parts, file: facts } = await inspectExr(file);
  assert.equal(parts[0]?.data_window, { x_min: 0, y_min: 0, x_max: 7, y_max: 3 });
  assert.ok(facts.size_bytes > facts.header_bytes + 8 * 4 * 6);
  assert.is(
    parseExrHeader(withPart({ extra: [attribute('f', 'float', f32(0.1))] })).parts[0]?.attributes.f
      ?.value,
    0.1,
  );
});

test.run();
