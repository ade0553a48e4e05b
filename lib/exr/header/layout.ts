/**
 * Finds the attributes of a file: names, types and where the values lie. The layout is that of the page "OpenEXR File Layout":
 *
 *     magic 76 2f 31 01 | version byte | flags, 3 bytes | header ... | 00 more where the file is multipart
 *     header     attribute ... 00
 *     attribute  name 00 | type 00 | size, int32 | value
 *
 * The tables of offsets that follow the headers are not read, so nothing of the file is jumped to.
 */
import { makeError } from '../../base/errors';
import { Cursor, damaged, overLimit } from './cursor';
import type { ExrLimits } from './limits';

export const EXR_MAGIC = 0x01312f76;

export const FLAG_TILED = 0x200;
export const FLAG_LONG_NAMES = 0x400;
const FLAG_DEEP = 0x800;
const FLAG_MULTIPART = 0x1000;
const KNOWN_FLAGS = FLAG_TILED | FLAG_LONG_NAMES | FLAG_DEEP | FLAG_MULTIPART;

export interface RawAttribute {
  readonly type: string;
  /** Of the attribute, which begins with its name. */
  readonly start: number;
  /** Of its value. */
  readonly at: number;
  readonly size: number;
}

export type RawHeader = ReadonlyMap<string, RawAttribute>;

export interface Layout {
  readonly formatVersion: number;
  readonly isTiled: boolean;
  readonly isDeep: boolean;
  readonly isMultipart: boolean;
  readonly hasLongNames: boolean;
  readonly headers: readonly RawHeader[];
  /** Bytes from the start of the file to the end of the headers. */
  readonly headerBytes: number;
}

/**
 * @param fileSize  bytes of the whole file: an attribute that reaches beyond is damage, not a reason to read on
 * @throws EndsEarly when `bytes` end before the headers do; ERR_MEDIA_UNSUPPORTED when this is no OpenEXR file of version 2;
 * ERR_MEDIA_DECODE; ERR_MEDIA_LIMIT
 */
export function readLayout(
  bytes: Uint8Array,
  limits: Required<ExrLimits>,
  fileSize = Infinity,
): Layout {
  const cursor = new Cursor(bytes);
  const flags = readVersion(cursor);
  const isMultipart = (flags & FLAG_MULTIPART) !== 0;
  const headers: RawHeader[] = [];
  const count = { attributes: 0 };
  do {
    if (headers.length >= limits.maxParts)
      throw overLimit(`more than ${limits.maxParts} parts`, { limit: limits.maxParts });
    headers.push(readAttributes(cursor, limits, fileSize, count));
  } while (isMultipart && cursor.peek() !== 0);
  if (isMultipart) cursor.skip(1);
  return {
    formatVersion: flags & 0xff,
    isTiled: (flags & FLAG_TILED) !== 0,
    isDeep: (flags & FLAG_DEEP) !== 0,
    isMultipart,
    hasLongNames: (flags & FLAG_LONG_NAMES) !== 0,
    headers,
    headerBytes: cursor.at,
  };
}

function readVersion(cursor: Cursor): number {
  // A file of another kind may be shorter than the magic number.
  if (cursor.left < 4 || cursor.u32() !== EXR_MAGIC)
    throw makeError('ERR_MEDIA_UNSUPPORTED', 'not an OpenEXR file: other first bytes');
  const flags = cursor.u32();
  if ((flags & 0xff) !== 2)
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `OpenEXR header: version ${flags & 0xff} of the format, only 2 is known`,
      { details: { version: flags & 0xff } },
    );
  const unknown = (flags & ~0xff & ~KNOWN_FLAGS) >>> 0;
  if (unknown !== 0)
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `OpenEXR header: flags 0x${unknown.toString(16)} are not known`,
      { details: { flags: unknown } },
    );
  return flags;
}

function readAttributes(
  cursor: Cursor,
  limits: Required<ExrLimits>,
  fileSize: number,
  count: { attributes: number },
): RawHeader {
  const header = new Map<string, RawAttribute>();
  while (cursor.peek() !== 0) {
    if (++count.attributes > limits.maxAttributes)
      throw overLimit(`more than ${limits.maxAttributes} attributes`, {
        limit: limits.maxAttributes,
      });
    const start = cursor.at;
    const name = cursor.name('the name of an attribute');
    const type = cursor.name(`the type of attribute "${name}"`);
    const size = cursor.i32();
    const { at } = cursor;
    if (size < 0) throw damaged(`attribute "${name}" has ${size} bytes`, { name, size });
    if (size > limits.maxAttributeBytes)
      throw overLimit(
        `attribute "${name}" has ${size} bytes, the limit is ${limits.maxAttributeBytes}`,
        { name, size, limit: limits.maxAttributeBytes },
      );
    if (at + size > fileSize)
      throw damaged(`attribute "${name}" reaches beyond the end of the file`, { name, size });
    if (at + size > limits.maxHeaderBytes)
      throw overLimit(`more than ${limits.maxHeaderBytes} bytes`, { limit: limits.maxHeaderBytes });
    cursor.skip(size);
    // A second value of one name: as in the reference library, which keeps one value a name, the last one counts.
    header.set(name, { type, start, at, size });
  }
  cursor.skip(1);
  return header;
}
