/** Writes small OpenEXR files of every kind, after the published layout and independent of the reader in lib/exr. */

export interface ExrAttributeSpec {
  readonly name: string;
  readonly type: string;
  readonly value: Buffer;
}

export interface ExrChannelSpec {
  readonly name: string;
  readonly type?: 'uint' | 'half' | 'float';
  readonly sampling?: readonly [number, number];
  readonly linear?: boolean;
}

export interface ExrPartSpec {
  readonly channels: readonly ExrChannelSpec[];
  readonly compression?: number;
  readonly dataWindow?: readonly [number, number, number, number];
  readonly displayWindow?: readonly [number, number, number, number];
  readonly name?: string;
  readonly type?: string;
  readonly view?: string;
  readonly tiles?: { readonly width: number; readonly height: number; readonly mode: number };
  readonly lineOrder?: number;
  readonly chunkCount?: number;
  readonly extra?: readonly ExrAttributeSpec[];
  /** Names of required attributes to leave out. */
  readonly without?: readonly string[];
}

export interface ExrSpec {
  readonly parts: readonly ExrPartSpec[];
  readonly flags?: number;
  readonly version?: number;
}

export const EXR_FLAGS = { tiled: 0x200, longNames: 0x400, deep: 0x800, multipart: 0x1000 };

export function i32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeInt32LE(value | 0, 4 * i));
  return bytes;
}

export function f32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  return bytes;
}

const z = (text: string): Buffer => Buffer.from(`${text}\0`);

export const attribute = (
  name: string,
  type: string,
  value: Buffer | string,
): ExrAttributeSpec => ({
  name,
  type,
  value: typeof value === 'string' ? Buffer.from(value) : value,
});

export function writeAttribute({ name, type, value }: ExrAttributeSpec): Buffer {
  return Buffer.concat([z(name), z(type), i32(value.length), value]);
}

export function writeChannels(channels: readonly ExrChannelSpec[]): Buffer {
  const entries = channels.map(({ name, type = 'half', sampling: [x, y] = [1, 1], linear }) =>
    Buffer.concat([
      z(name),
      i32(['uint', 'half', 'float'].indexOf(type)),
      Buffer.from([linear === true ? 1 : 0, 0, 0, 0]),
      i32(x, y),
    ]),
  );
  return Buffer.concat([...entries, Buffer.from([0])]);
}

function writePart(part: ExrPartSpec): Buffer {
  const { tiles, dataWindow = [0, 0, 3, 3], displayWindow = dataWindow } = part;
  const all = [
    attribute('channels', 'chlist', writeChannels(part.channels)),
    attribute('compression', 'compression', Buffer.from([part.compression ?? 0])),
    attribute('dataWindow', 'box2i', i32(...dataWindow)),
    attribute('displayWindow', 'box2i', i32(...displayWindow)),
    attribute('lineOrder', 'lineOrder', Buffer.from([part.lineOrder ?? 0])),
    attribute('pixelAspectRatio', 'float', f32(1)),
    attribute('screenWindowCenter', 'v2f', f32(0, 0)),
    attribute('screenWindowWidth', 'float', f32(1)),
    ...(part.name === undefined ? [] : [attribute('name', 'string', part.name)]),
    ...(part.type === undefined ? [] : [attribute('type', 'string', part.type)]),
    ...(part.view === undefined ? [] : [attribute('view', 'string', part.view)]),
    ...(part.chunkCount === undefined
      ? []
      : [attribute('chunkCount', 'int', i32(part.chunkCount))]),
    ...(tiles === undefined
      ? []
      : [
          attribute(
            'tiles',
            'tiledesc',
            Buffer.concat([i32(tiles.width, tiles.height), Buffer.from([tiles.mode])]),
          ),
        ]),
    ...(part.extra ?? []),
  ];
  const kept = all.filter(({ name }) => part.without?.includes(name) !== true);
  return Buffer.concat([...kept.map(writeAttribute), Buffer.from([0])]);
}

/** The headers alone. */
export function exrHeader({ parts, flags = 0, version = 2 }: ExrSpec): Buffer {
  const end = (flags & EXR_FLAGS.multipart) === 0 ? [] : [Buffer.from([0])];
  return Buffer.concat([i32(0x01312f76, version | flags), ...parts.map(writePart), ...end]);
}

const HALF = { zero: 0x0000, one: 0x3c00 };

/** A whole file of one part, uncompressed scan lines of half floats; `valueAt` gives the bits of each. */
export function exrPicture(
  width: number,
  height: number,
  channels: readonly string[],
  valueAt: (channel: string, x: number, y: number) => number = () => HALF.one,
): Buffer {
  const sorted = [...channels].sort();
  const header = exrHeader({
    parts: [
      { channels: sorted.map((name) => ({ name })), dataWindow: [0, 0, width - 1, height - 1] },
    ],
  });
  const lineBytes = width * sorted.length * 2;
  const table = Buffer.alloc(8 * height);
  const lines: Buffer[] = [];
  for (let y = 0; y < height; y++) {
    table.writeBigUInt64LE(BigInt(header.length + table.length + y * (8 + lineBytes)), 8 * y);
    const line = Buffer.alloc(8 + lineBytes);
    line.writeInt32LE(y, 0);
    line.writeInt32LE(lineBytes, 4);
    sorted.forEach((channel, c) => {
      for (let x = 0; x < width; x++)
        line.writeUInt16LE(valueAt(channel, x, y), 8 + (c * width + x) * 2);
    });
    lines.push(line);
  }
  return Buffer.concat([header, table, ...lines]);
}

/** A whole multipart file: each part uncompressed scan lines of half floats, all of one size. */
export function exrMultipart(
  width: number,
  height: number,
  parts: readonly { readonly name: string; readonly channels: readonly string[] }[],
  valueAt: (channel: string, x: number, y: number) => number,
): Buffer {
  const sorted = parts.map(({ name, channels }) => ({ name, channels: [...channels].sort() }));
  const header = exrHeader({
    flags: EXR_FLAGS.multipart,
    parts: sorted.map(({ name, channels }) => ({
      ...{ name, type: 'scanlineimage', chunkCount: height },
      channels: channels.map((channel) => ({ name: channel })),
      dataWindow: [0, 0, width - 1, height - 1],
    })),
  });
  const table = Buffer.alloc(8 * height * parts.length);
  const lines: Buffer[] = [];
  let at = header.length + table.length;
  sorted.forEach(({ channels }, part) => {
    for (let y = 0; y < height; y++) {
      const values = channels.flatMap((channel) =>
        Array.from({ length: width }, (_, x) => valueAt(channel, x, y)),
      );
      const line = Buffer.alloc(12 + 2 * values.length);
      [part, y, 2 * values.length].forEach((value, i) => line.writeInt32LE(value, 4 * i));
      values.forEach((value, i) => line.writeUInt16LE(value, 12 + 2 * i));
      table.writeBigUInt64LE(BigInt(at), 8 * (part * height + y));
      at += line.length;
      lines.push(line);
    }
  });
  return Buffer.concat([header, table, ...lines]);
}

/** A finite number as a half float, rounded toward zero; enough for pictures of tests. */
export function half(value: number): number {
  if (value === 0) return 0;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 0x7e00 : value > 0 ? 0x7c00 : 0xfc00;
  const exponent = Math.max(-14, Math.min(15, Math.floor(Math.log2(Math.abs(value)))));
  const mantissa = Math.floor((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | Math.max(0, Math.min(1023, mantissa));
}

const RGBA = ['A', 'B', 'G', 'R'].map((name) => ({ name }));
const LONG = 'a-name-of-an-attribute-that-is-longer-than-thirty-one-bytes';

/** One header of each kind of file, by name. */
export function everyKind(): Record<string, Buffer> {
  const tiled = (mode: number): Buffer =>
    exrHeader({
      flags: EXR_FLAGS.tiled,
      parts: [{ channels: RGBA, type: 'tiledimage', tiles: { width: 64, height: 32, mode } }],
    });
  return {
    'single-part': exrHeader({ parts: [{ channels: RGBA, compression: 3 }] }),
    tiled: tiled(0x00),
    'mip-map': tiled(0x01),
    'rip-map': tiled(0x12),
    multipart: exrHeader({
      flags: EXR_FLAGS.multipart,
      parts: [
        { channels: RGBA, name: 'beauty', type: 'scanlineimage', view: 'left', chunkCount: 4 },
        {
          channels: [{ name: 'Z', type: 'float' }],
          name: 'depth',
          type: 'scanlineimage',
          view: 'right',
          chunkCount: 4,
        },
        {
          channels: RGBA,
          name: 'tiles',
          type: 'tiledimage',
          chunkCount: 1,
          tiles: { width: 8, height: 8, mode: 0 },
        },
      ],
    }),
    deep: exrHeader({
      flags: EXR_FLAGS.deep,
      parts: [
        {
          channels: [...RGBA, { name: 'Z', type: 'float' }],
          type: 'deepscanline',
          compression: 2,
          chunkCount: 4,
          extra: [
            attribute('version', 'int', i32(1)),
            attribute('maxSamplesPerPixel', 'int', i32(9)),
          ],
        },
      ],
    }),
    'multi-view': exrHeader({
      parts: [
        {
          channels: ['B', 'G', 'R', 'diffuse.left.R', 'diffuse.right.R', 'mask.a', 'right.R'].map(
            (name) => ({ name }),
          ),
          extra: [
            attribute(
              'multiView',
              'stringvector',
              Buffer.concat([i32(4), Buffer.from('left'), i32(5), Buffer.from('right')]),
            ),
          ],
        },
      ],
    }),
    'luminance-chroma': exrHeader({
      parts: [
        {
          channels: [
            { name: 'BY', sampling: [2, 2], linear: true },
            { name: 'RY', sampling: [2, 2], linear: true },
            { name: 'Y' },
          ],
        },
      ],
    }),
    cryptomatte: exrHeader({
      parts: [
        {
          channels: ['uCryptoAsset00.blue', 'uCryptoAsset00.red'].map((name) => ({
            name,
            type: 'float' as const,
          })),
          extra: [attribute('cryptomatte/d593dd7/manifest', 'string', '{"bunny":"13851a76"}')],
        },
      ],
    }),
    'long names': exrHeader({
      flags: EXR_FLAGS.longNames,
      parts: [
        { channels: [{ name: 'c'.repeat(255) }], extra: [attribute(LONG, 'string', 'long')] },
      ],
    }),
    attributes: exrHeader({
      parts: [
        {
          channels: RGBA,
          extra: [
            attribute('timeCode', 'timecode', i32(0x01020304 | 0x40, 7)),
            attribute(
              'chromaticities',
              'chromaticities',
              f32(0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
            ),
            attribute('preview', 'preview', Buffer.concat([i32(2, 1), Buffer.alloc(8, 255)])),
            attribute('keyCode', 'keycode', i32(1, 2, 3, 4, 5, 4, 64)),
            attribute('framesPerSecond', 'rational', i32(24000, 1001)),
            attribute('worldToCamera', 'm44f', f32(...Array.from({ length: 16 }, (_, i) => i / 8))),
            attribute('adoptedNeutral', 'v2f', f32(0.5, Number.NaN)),
            attribute('envmap', 'envmap', Buffer.from([1])),
            attribute('studio', 'com.example.blob', Buffer.from([1, 2, 3])),
            attribute('__proto__', 'string', 'harmless'),
            attribute('latin', 'string', Buffer.from([0xe9, 0x74, 0xe9])),
          ],
        },
      ],
    }),
  };
}
