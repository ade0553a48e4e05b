/**
 * Values of attributes by type, as the page "OpenEXR File Layout" describes them. A type that is not listed there, or whose bytes
 * are not what the type promises, has no value: the inspector gives its type and size.
 */
import type { ExrBox, ExrTiles, ExrValue } from '../payload';
import { damaged, type Cursor } from './cursor';

type Reader = (cursor: Cursor, size: number) => ExrValue | undefined;

interface Layout {
  /** Bytes; undefined: any. A value of another size is damage. */
  readonly size?: number;
  readonly read: Reader;
}

const several =
  (count: number, one: (cursor: Cursor) => ExrValue): Reader =>
  (cursor) =>
    Array.from({ length: count }, () => one(cursor));
const floats = (count: number): Layout => ({
  size: 4 * count,
  read: several(count, (c) => c.f32()),
});
const doubles = (count: number): Layout => ({
  size: 8 * count,
  read: several(count, (c) => c.f64()),
});
const ints = (count: number): Layout => ({ size: 4 * count, read: several(count, (c) => c.i32()) });
const enumeration = (...names: string[]): Layout => ({
  size: 1,
  read: (cursor) => {
    const value = cursor.u8();
    return names[value] ?? value;
  },
});

export function readBox(cursor: Cursor): ExrBox {
  return { x_min: cursor.i32(), y_min: cursor.i32(), x_max: cursor.i32(), y_max: cursor.i32() };
}

const LEVEL_MODES = ['one_level', 'mipmap', 'ripmap'] as const;

export function readTiles(cursor: Cursor): ExrTiles {
  const width = cursor.u32();
  const height = cursor.u32();
  const mode = cursor.u8();
  const level_mode = LEVEL_MODES[mode & 0x0f];
  const rounding = mode >> 4;
  if (level_mode === undefined || rounding > 1)
    throw damaged(`mode ${mode} of tiles is not defined`, { mode });
  return { width, height, level_mode, rounding_mode: rounding === 0 ? 'down' : 'up' };
}

function readStrings(cursor: Cursor): ExrValue {
  const strings: string[] = [];
  while (cursor.left > 0) {
    const size = cursor.i32();
    if (size < 0 || size > cursor.left)
      throw damaged(`a string of ${size} bytes in ${cursor.left} bytes`);
    strings.push(cursor.text(size));
  }
  return strings;
}

/** Digits of a SMPTE 12M time code are packed two to a byte. */
function readTimeCode(cursor: Cursor): ExrValue {
  const time = cursor.u32();
  const user_data = cursor.u32();
  const two = (shift: number, tens: number): number =>
    ((time >>> (shift + 4)) & tens) * 10 + ((time >>> shift) & 15);
  const digits = (value: number): string => String(value).padStart(2, '0');
  const drop_frame = (time & 0x40) !== 0;
  const parts = [two(24, 3), two(16, 7), two(8, 7), two(0, 3)].map(digits);
  return {
    text: `${parts.slice(0, 3).join(':')}${drop_frame ? ';' : ':'}${parts[3]}`,
    drop_frame,
    time_and_flags: time,
    user_data,
  };
}

function readChromaticities(cursor: Cursor): ExrValue {
  const point = (): ExrValue => [cursor.f32(), cursor.f32()];
  return { red: point(), green: point(), blue: point(), white: point() };
}

/** Values by the name of their type. */
const LAYOUTS = new Map<string, Layout>([
  ['box2i', { size: 16, read: (c) => ({ ...readBox(c) }) }],
  [
    'box2f',
    {
      size: 16,
      read: (c) => ({ x_min: c.f32(), y_min: c.f32(), x_max: c.f32(), y_max: c.f32() }),
    },
  ],
  ['chromaticities', { size: 32, read: readChromaticities }],
  ['compression', { size: 1, read: (c) => c.u8() }],
  ['deepImageState', enumeration('messy', 'sorted', 'non_overlapping', 'tidy')],
  ['double', { size: 8, read: (c) => c.f64() }],
  ['envmap', enumeration('latlong', 'cube')],
  ['float', { size: 4, read: (c) => c.f32() }],
  [
    'floatvector',
    {
      read: (c, size) =>
        size % 4 === 0 ? several(size / 4, (one) => one.f32())(c, size) : undefined,
    },
  ],
  ['int', { size: 4, read: (c) => c.i32() }],
  [
    'keycode',
    {
      size: 28,
      read: (c) => ({
        film_mfc_code: c.i32(),
        film_type: c.i32(),
        prefix: c.i32(),
        count: c.i32(),
        perf_offset: c.i32(),
        perfs_per_frame: c.i32(),
        perfs_per_count: c.i32(),
      }),
    },
  ],
  ['lineOrder', enumeration('increasing_y', 'decreasing_y', 'random_y')],
  ['m33f', floats(9)],
  ['m44f', floats(16)],
  ['m33d', doubles(9)],
  ['m44d', doubles(16)],
  ['v2i', ints(2)],
  ['v2f', floats(2)],
  ['v2d', doubles(2)],
  ['v3i', ints(3)],
  ['v3f', floats(3)],
  ['v3d', doubles(3)],
  ['rational', { size: 8, read: (c) => ({ numerator: c.i32(), denominator: c.u32() }) }],
  ['string', { read: (c, size) => c.text(size) }],
  ['stringvector', { read: readStrings }],
  ['tiledesc', { size: 9, read: (c) => ({ ...readTiles(c) }) }],
  ['timecode', { size: 8, read: readTimeCode }],
  // The pixels, four bytes each, are left where they are.
  [
    'preview',
    {
      read: (c, size) => {
        if (size < 8) throw damaged(`a preview of ${size} bytes`);
        const [width, height] = [c.u32(), c.u32()];
        if (width * height * 4 !== size - 8)
          throw damaged(`a preview of ${width} x ${height} pixels in ${size} bytes`);
        return { width, height };
      },
    },
  ],
]);

/** Types whose value is small however many bytes the attribute has. */
export const isSummary = (type: string): boolean => type === 'preview';

/**
 * @param cursor  over the bytes of the value and no more
 * @returns undefined for types without a published layout
 * @throws ERR_MEDIA_DECODE when the bytes are not a value of the type
 */
export function readValue(cursor: Cursor, name: string, type: string): ExrValue | undefined {
  const layout = LAYOUTS.get(type);
  if (layout === undefined) return undefined;
  const size = cursor.left;
  if (layout.size !== undefined && layout.size !== size)
    throw damaged(
      `attribute "${name}" of type ${type} has ${size} bytes, expected ${layout.size}`,
      {
        name,
        type,
        size,
      },
    );
  return layout.read(cursor, size);
}
