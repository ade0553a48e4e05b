/**
 * What the inspector says of a file: plain JSON in snake_case, as other tools of a render pipeline write it. A value that JSON has
 * no number for is a string: "NaN", "Infinity", "-Infinity".
 */

/** Shape of the payload and meaning of its fields; changes with them. */
export const SCHEMA_VERSION = '1.0.0';
/** The reader of headers; changes when the same file would give other facts. */
export const INSPECTOR_VERSION = '1.0.0';

export type ExrChannelType = 'half' | 'float' | 'uint';

/** A finite number, or the name of one that is not. */
export type ExrNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export type ExrValue =
  ExrNumber | string | boolean | null | readonly ExrValue[] | { readonly [name: string]: ExrValue };

export interface ExrChannel {
  /** Which entry of `parts` it belongs to. */
  part_index: number;
  /** As the file has it, with layer and view: `beauty.left.R`. */
  name: string;
  /** All before the last dot of the name; empty: none. */
  layer: string;
  /** Whose eye it shows, where the part or the name says so. */
  view: string | null;
  type: ExrChannelType;
  x_sampling: number;
  y_sampling: number;
  /** True: perceptually linear, a hint for lossy compression. */
  p_linear: boolean;
}

/** Corners of a window in pixels, both included. */
export interface ExrBox {
  x_min: number;
  y_min: number;
  x_max: number;
  y_max: number;
}

export interface ExrTiles {
  width: number;
  height: number;
  level_mode: 'one_level' | 'mipmap' | 'ripmap';
  rounding_mode: 'down' | 'up';
}

export interface ExrAttribute {
  /** As the file names it: `string`, `m44f`, `rational`, or a type of somebody's own. */
  type: string;
  /** Bytes in the file. */
  size: number;
  /** Absent for types without a published layout, for pictures, and for values over the limit. */
  value?: ExrValue;
}

export interface ExrPart {
  part_index: number;
  name: string | null;
  type: 'scanlineimage' | 'tiledimage' | 'deepscanline' | 'deeptile';
  compression: string;
  is_tiled: boolean;
  is_deep: boolean;
  view: string | null;
  data_window: ExrBox;
  display_window: ExrBox;
  pixel_aspect_ratio: number;
  screen_window_center: readonly [ExrNumber, ExrNumber];
  screen_window_width: number;
  line_order: 'increasing_y' | 'decreasing_y' | 'random_y';
  tiles: ExrTiles | null;
  chunk_count: number | null;
  channel_count: number;
  /** All attributes that are no field above, by name. The object has no prototype: names may be anything. */
  attributes: { [name: string]: ExrAttribute };
}

export interface ExrFileFacts {
  /** As the caller gave it. */
  path: string;
  size_bytes: number;
  /** Version of the file format: 2. */
  format_version: number;
  header_bytes: number;
  is_multipart: boolean;
  /** Number of parts, 1 for a file that is not multipart. */
  multipart_count: number;
  is_tiled: boolean;
  is_deep: boolean;
  is_multiview: boolean;
  has_long_names: boolean;
  /** Names of the views, in the order of the file. */
  views: readonly string[];
}

export interface ExrPayload {
  schema_version: string;
  inspector_version: string;
  file: ExrFileFacts;
  channels: ExrChannel[];
  parts: ExrPart[];
}

/** Number in the file is the index. 10 and 11 came with OpenEXR 3.4. */
export const COMPRESSIONS = [
  'none',
  'rle',
  'zips',
  'zip',
  'piz',
  'pxr24',
  'b44',
  'b44a',
  'dwaa',
  'dwab',
  'htj2k256',
  'htj2k32',
] as const;
