/** From bytes to the payload: reads the attributes that every part must have, and checks that the parts agree. Pure. */
import { types } from 'node:util';
import {
  integer,
  objectOf,
  readOptions,
  STRING,
  wrongType,
  type OptionRules,
} from '../../base/options';
import {
  COMPRESSIONS,
  INSPECTOR_VERSION,
  SCHEMA_VERSION,
  type ExrAttribute,
  type ExrChannel,
  type ExrPart,
  type ExrPayload,
} from '../payload';
import { readChannels } from './channels';
import { Cursor, damaged, EndsEarly } from './cursor';
import { DEFAULT_EXR_LIMITS, EXR_LIMIT_RULES, type ExrLimits } from './limits';
import { readLayout, type Layout, type RawHeader } from './layout';
import { checkPart, checkParts } from './rules';
import { isSummary, readBox, readTiles, readValue } from './values';

export interface ParseContext {
  readonly path: string;
  readonly fileSize: number;
}

/** Attributes that are fields of a part. */
const FIELDS = new Set([
  'channels',
  'chunkCount',
  'compression',
  'dataWindow',
  'displayWindow',
  'lineOrder',
  'name',
  'pixelAspectRatio',
  'screenWindowCenter',
  'screenWindowWidth',
  'tiles',
  'type',
  'view',
]);

const PART_TYPES = ['scanlineimage', 'tiledimage', 'deepscanline', 'deeptile'] as const;
const LINE_ORDERS = ['increasing_y', 'decreasing_y', 'random_y'] as const;

/** One part: what is asked for by name must be there and have its type. */
class Fields {
  constructor(
    readonly bytes: Uint8Array,
    readonly header: RawHeader,
    readonly partIndex: number,
  ) {}

  /** Undefined where the part has no such attribute. */
  find<T>(name: string, type: string, read: (cursor: Cursor, size: number) => T): T | undefined {
    const found = this.header.get(name);
    if (found === undefined) return undefined;
    const { at, size } = found;
    if (found.type !== type)
      throw damaged(`attribute "${name}" has type "${found.type}", expected ${type}`, { name });
    try {
      return read(new Cursor(this.bytes, at, at + size), size);
    } catch (error) {
      if (!(error instanceof EndsEarly)) throw error;
      throw damaged(`attribute "${name}" of ${size} bytes is too short`, { name, size });
    }
  }

  need<T>(name: string, type: string, read: (cursor: Cursor, size: number) => T): T {
    const value = this.find(name, type, read);
    if (value !== undefined) return value;
    throw damaged(`part ${this.partIndex} has no attribute "${name}"`, {
      name,
      part: this.partIndex,
    });
  }

  text(name: string): string | null {
    return this.find(name, 'string', (cursor, size) => cursor.text(size)) ?? null;
  }

  strings(name: string): readonly string[] {
    const read = (cursor: Cursor): unknown => readValue(cursor, name, 'stringvector');
    return (this.find(name, 'stringvector', read) ?? []) as readonly string[];
  }

  rest(maxValueBytes: number): Record<string, ExrAttribute> {
    const rest = Object.create(null) as Record<string, ExrAttribute>;
    for (const [name, { type, size }] of this.header) {
      if (FIELDS.has(name)) continue;
      const isKept = size <= maxValueBytes || isSummary(type);
      const value = isKept
        ? this.find(name, type, (cursor) => readValue(cursor, name, type))
        : undefined;
      rest[name] = { type, size, ...(value === undefined ? {} : { value }) };
    }
    return rest;
  }
}

function oneOf<T>(names: readonly T[], what: string) {
  return (cursor: Cursor): T => {
    const value = cursor.u8();
    const name = names[value];
    if (name === undefined) throw damaged(`${what} ${value} is not defined`, { [what]: value });
    return name;
  };
}

/** Files of one part may leave the type out: their flags say it. */
function typeOf(fields: Fields, layout: Layout): ExrPart['type'] {
  const given = fields.text('type');
  const type = PART_TYPES.find((one) => one === given);
  if (given !== null && type === undefined)
    throw damaged(`part ${fields.partIndex} has type "${given}"`, { type: given });
  if (layout.isMultipart) {
    if (type === undefined) throw damaged(`part ${fields.partIndex} has no type`);
    return type;
  }
  // Old files carry a type that an editor copied; the flag is what readers go by.
  if (layout.isDeep) return type === 'deeptile' ? 'deeptile' : 'deepscanline';
  return layout.isTiled ? 'tiledimage' : 'scanlineimage';
}

function readPart(fields: Fields, layout: Layout, limits: Required<ExrLimits>): ExrPart {
  const type = typeOf(fields, layout);
  const isTiled = type === 'tiledimage' || type === 'deeptile';
  const part: ExrPart = {
    part_index: fields.partIndex,
    name: fields.text('name'),
    type,
    compression: fields.need('compression', 'compression', oneOf(COMPRESSIONS, 'compression')),
    is_tiled: isTiled,
    is_deep: type.startsWith('deep'),
    view: fields.text('view'),
    data_window: fields.need('dataWindow', 'box2i', readBox),
    display_window: fields.need('displayWindow', 'box2i', readBox),
    pixel_aspect_ratio: fields.need('pixelAspectRatio', 'float', (c) =>
      finite(c, 'pixelAspectRatio'),
    ),
    screen_window_center: fields.need('screenWindowCenter', 'v2f', (c) => [c.f32(), c.f32()]),
    screen_window_width: fields.need('screenWindowWidth', 'float', (c) =>
      finite(c, 'screenWindowWidth'),
    ),
    line_order: fields.need('lineOrder', 'lineOrder', oneOf(LINE_ORDERS, 'lineOrder')),
    tiles: (isTiled ? fields.need('tiles', 'tiledesc', readTiles) : null) ?? null,
    chunk_count: fields.find('chunkCount', 'int', (c) => c.i32()) ?? null,
    channel_count: 0,
    attributes: fields.rest(limits.maxValueBytes),
  };
  return part;
}

function finite(cursor: Cursor, name: string): number {
  const value = cursor.f32();
  if (typeof value === 'string') throw damaged(`${name} is ${value}`, { name });
  return value;
}

/** Not for callers: `limits` are complete, and bytes that end early are reported by `EndsEarly`. */
export function parseBytes(
  bytes: Uint8Array,
  { path, fileSize }: ParseContext,
  limits: Required<ExrLimits>,
): ExrPayload {
  const layout = readLayout(bytes, limits, fileSize);
  const channels: ExrChannel[] = [];
  const parts: ExrPart[] = [];
  const views = new Set<string>();
  for (const [partIndex, header] of layout.headers.entries()) {
    const fields = new Fields(bytes, header, partIndex);
    const part = readPart(fields, layout, limits);
    const own = fields.strings('multiView');
    const found = fields.need('channels', 'chlist', (cursor) =>
      readChannels(cursor, {
        partIndex,
        view: part.view,
        views: own,
        room: limits.maxChannels - channels.length,
      }),
    );
    checkPart(part, found, layout);
    part.channel_count = found.length;
    for (const view of part.view === null ? own : [part.view]) views.add(view);
    parts.push(part);
    // Not `push(...found)`: the list may be longer than a call may have arguments.
    for (const channel of found) channels.push(channel);
  }
  checkParts(parts, layout);
  return {
    schema_version: SCHEMA_VERSION,
    inspector_version: INSPECTOR_VERSION,
    file: {
      path,
      size_bytes: fileSize,
      format_version: layout.formatVersion,
      header_bytes: layout.headerBytes,
      is_multipart: layout.isMultipart,
      multipart_count: parts.length,
      is_tiled: parts.some((part) => part.is_tiled),
      is_deep: parts.some((part) => part.is_deep),
      is_multiview: views.size > 1,
      has_long_names: layout.hasLongNames,
      views: [...views],
    },
    channels,
    parts,
  };
}

export interface ParseExrOptions {
  /** For `file.path` of the payload (default: empty). */
  readonly path?: string;
  /** Bytes of the whole file, where `bytes` are only its start (default: those of `bytes`). */
  readonly fileSize?: number;
  readonly limits?: ExrLimits;
}

const PARSE_OPTIONS: OptionRules<ParseExrOptions> = {
  path: STRING,
  fileSize: integer(0, Number.MAX_SAFE_INTEGER),
  limits: objectOf(EXR_LIMIT_RULES),
};

/**
 * Reads the headers of an OpenEXR file out of its first bytes. Touches no disk; time and memory grow with the bytes given and are
 * bounded by the limits.
 *
 * @param bytes  the file from its start, at least to the end of the headers; not kept
 * @throws ERR_MEDIA_UNSUPPORTED when it is no OpenEXR file of version 2; ERR_MEDIA_DECODE when it is damaged or ends early;
 * ERR_MEDIA_LIMIT when it has more of something than the limits allow; ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export function parseExrHeader(bytes: Uint8Array, options: ParseExrOptions = {}): ExrPayload {
  const { path, fileSize, limits } = readOptions('options', options, PARSE_OPTIONS);
  if (!types.isUint8Array(bytes)) throw wrongType('bytes', 'a Uint8Array', bytes);
  try {
    return parseBytes(
      bytes,
      { path: path ?? '', fileSize: fileSize ?? bytes.byteLength },
      { ...DEFAULT_EXR_LIMITS, ...limits },
    );
  } catch (error) {
    throw error instanceof EndsEarly ? damaged(error.message, { needed: error.needed }) : error;
  }
}
