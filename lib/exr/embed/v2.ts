/**
 * Version 2: every field for itself. Fields are words in groups, groups have weights, and words are hashed into the vector. Two files
 * are as near as the weighted share of what they have in common; what differs between two frames of one sequence (path, time, size)
 * is left out or weighs little. The weights are choices, recorded with their measurement in docs/guide/EXR.md.
 */
import type { ChannelLike, PartLike, PayloadLike } from './input';
import { Group, unitVector } from './hashing';

/** Length of each group's part of a vector. */
const METADATA_WEIGHTS = {
  channels: 0.8,
  layers: 0.6,
  structure: 0.8,
  windows: 0.9,
  attributes: 0.8,
  values: 0.6,
  size: 0.15,
} as const;

const CHANNEL_WEIGHTS = {
  names: 1,
  layers: 0.9,
  components: 0.5,
  types: 0.5,
  counts: 0.3,
} as const;

/** Values of these change from frame to frame, or with every run of a program; that they are there still counts. */
const VOLATILE = /date|time|frame|history|hash|uuid|comment|host|process|memory|elapsed|manifest/i;

/** Longer texts are manifests and histories: not compared word by word. */
const MAX_TEXT = 256;
const MAX_WORDS = 24;

type Loose = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Loose => typeof value === 'object' && value !== null;

export function metadataV2(payload: PayloadLike, dim: number): Float32Array {
  const vector = new Float64Array(dim);
  const groups = {
    channels: new Group('channels'),
    layers: new Group('layers'),
    structure: new Group('structure'),
    windows: new Group('windows'),
    attributes: new Group('attributes'),
    values: new Group('values'),
    size: new Group('size'),
  };
  for (const channel of payload.channels) addChannel(groups.channels, groups.layers, channel);
  addFile(groups.structure, groups.size, payload);
  for (const part of payload.parts) {
    addPart(groups.structure, part);
    addWindows(groups.windows, part as Loose);
    addAttributes(groups.attributes, groups.values, (part as Loose).attributes);
  }
  for (const [name, weight] of Object.entries(METADATA_WEIGHTS))
    groups[name as keyof typeof groups].addTo(vector, weight);
  return unitVector(vector);
}

export function channelsV2(channels: readonly ChannelLike[], dim: number): Float32Array {
  const vector = new Float64Array(dim);
  const [names, layers] = [new Group('names'), new Group('layers')];
  const [components, types, counts] = [
    new Group('components'),
    new Group('types'),
    new Group('counts'),
  ];
  for (const channel of channels) {
    addChannel(names, layers, channel);
    components.word(channel.name.slice(channel.name.lastIndexOf('.') + 1));
    types.word(typeOf(channel));
  }
  if (channels.length > 0) counts.number('channels', channels.length);
  names.addTo(vector, CHANNEL_WEIGHTS.names);
  layers.addTo(vector, CHANNEL_WEIGHTS.layers);
  components.addTo(vector, CHANNEL_WEIGHTS.components);
  types.addTo(vector, CHANNEL_WEIGHTS.types);
  counts.addTo(vector, CHANNEL_WEIGHTS.counts);
  return unitVector(vector);
}

const typeOf = ({ type }: ChannelLike): string => (type === 'uint32' ? 'uint' : type);

/** The name; the name with its type and sampling; and each layer above it, once for every channel that is in it. */
function addChannel(names: Group, layers: Group, channel: ChannelLike): void {
  const { name, x_sampling = 1, y_sampling = 1 } = channel;
  names.word(name);
  names.word(`${name}:${typeOf(channel)}:${x_sampling}:${y_sampling}`, 0.5);
  let dot = name.indexOf('.');
  if (dot < 0) layers.word('', 0.5);
  for (; dot >= 0; dot = name.indexOf('.', dot + 1)) layers.word(name.slice(0, dot), 0.5);
}

function addFile(structure: Group, size: Group, { file, channels, parts }: PayloadLike): void {
  structure.word(`deep=${file.is_deep === true || parts.some((part) => part.is_deep === true)}`);
  structure.word(`multiview=${file.is_multiview === true}`);
  structure.number('parts', parts.length);
  structure.number('channels', channels.length);
  const bytes = (file as Loose).size_bytes;
  if (typeof bytes === 'number') size.number('bytes', bytes);
}

function addPart(structure: Group, part: PartLike): void {
  const { name, type, line_order, tiles } = part as Loose;
  structure.word(`compression=${part.compression ?? ''}`);
  structure.word(`tiled=${part.is_tiled === true}`);
  if (typeof type === 'string') structure.word(`type=${type}`);
  if (typeof line_order === 'string') structure.word(`order=${line_order}`, 0.5);
  if (typeof name === 'string') structure.word(`name=${name}`, 0.5);
  if (typeof part.view === 'string') structure.word(`view=${part.view}`, 0.5);
  if (!isObject(tiles)) return;
  for (const [field, value] of Object.entries(tiles))
    structure.word(`tile ${field}=${String(value)}`, 0.5);
}

function addWindows(windows: Group, part: Loose): void {
  const { display_window, data_window, pixel_aspect_ratio, screen_window_width } = part;
  const sides = (box: unknown): [number, number] | undefined => {
    if (!isObject(box)) return undefined;
    const { x_min, y_min, x_max, y_max } = box as Record<string, number>;
    return [Number(x_max) - Number(x_min) + 1, Number(y_max) - Number(y_min) + 1];
  };
  const display = sides(display_window);
  if (display !== undefined) {
    windows.word(`display=${display.join('x')}`);
    windows.number('display width', display[0]);
    windows.number('display height', display[1]);
  }
  // The data window follows what is in the picture, so it counts by its size alone.
  const data = sides(data_window);
  if (data !== undefined) {
    windows.number('data width', data[0], 0.5);
    windows.number('data height', data[1], 0.5);
  }
  if (typeof pixel_aspect_ratio === 'number') windows.number('aspect', pixel_aspect_ratio, 0.5);
  if (typeof screen_window_width === 'number') windows.number('screen', screen_window_width, 0.25);
}

function addAttributes(names: Group, values: Group, attributes: unknown): void {
  if (!isObject(attributes)) return;
  for (const [name, attribute] of Object.entries(attributes)) {
    const { type, value } = isObject(attribute) ? attribute : { type: '', value: attribute };
    names.word(`${name}:${String(type)}`);
    if (value !== undefined) addValue(values, name, value, VOLATILE.test(name) ? 0.05 : 1);
  }
}

function addValue(values: Group, name: string, value: unknown, weight: number): void {
  if (typeof value === 'number') return values.number(name, value, weight);
  if (typeof value === 'string') return addText(values, name, value, weight);
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_WORDS);
    for (const [i, item] of items.entries())
      addValue(
        values,
        typeof item === 'number' ? `${name}.${i}` : name,
        item,
        weight / Math.sqrt(items.length),
      );
    return;
  }
  if (!isObject(value)) return values.word(`${name}=${String(value)}`, weight);
  const members = Object.entries(value);
  for (const [member, item] of members)
    addValue(values, `${name}.${member}`, item, weight / Math.sqrt(members.length));
}

/** Whole, and by its words: `Arnold 7.2` is nearer to `Arnold 7.3` than to another program. */
function addText(values: Group, name: string, text: string, weight: number): void {
  if (text.length > MAX_TEXT) return values.word(`${name} is long`, weight);
  values.word(`${name}=${text}`, weight * 0.5);
  const words = text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .slice(0, MAX_WORDS);
  for (const word of words)
    values.word(`${name} has ${word}`, weight / Math.sqrt(2 * words.length));
}
