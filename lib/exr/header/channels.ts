/** The channel list of a part: `name 00 | type int32 | pLinear u8 | 3 reserved | xSampling int32 | ySampling int32`, ended by 00. */
import type { ExrChannel, ExrChannelType } from '../payload';
import { damaged, overLimit, type Cursor } from './cursor';

const TYPES: readonly ExrChannelType[] = ['uint', 'half', 'float'];

export interface ChannelContext {
  readonly partIndex: number;
  /** View of the whole part. */
  readonly view: string | null;
  /** Views of a file of one part, the default one first; names of channels tell them apart. */
  readonly views: readonly string[];
  /** How many more channels the file may have. */
  readonly room: number;
}

/** @throws ERR_MEDIA_DECODE | ERR_MEDIA_LIMIT */
export function readChannels(cursor: Cursor, context: ChannelContext): ExrChannel[] {
  const channels: ExrChannel[] = [];
  const names = new Set<string>();
  while (cursor.peek() !== 0) {
    if (channels.length >= context.room) throw overLimit('too many channels');
    const name = cursor.name('the name of a channel');
    if (names.has(name)) throw damaged(`two channels are called "${name}"`, { name });
    names.add(name);
    const number = cursor.i32();
    const type = TYPES[number];
    if (type === undefined)
      throw damaged(`channel "${name}" has type ${number}`, { name, type: number });
    const linear = cursor.u8();
    cursor.skip(3);
    const [x_sampling, y_sampling] = [cursor.i32(), cursor.i32()];
    if (x_sampling < 1 || y_sampling < 1)
      throw damaged(`channel "${name}" has sampling ${x_sampling} ${y_sampling}`, { name });
    channels.push({
      part_index: context.partIndex,
      name,
      layer: layerOf(name),
      view: context.view ?? viewOf(name, context.views),
      type,
      x_sampling,
      y_sampling,
      p_linear: linear !== 0,
    });
  }
  if (channels.length === 0) throw damaged('a part without channels');
  return channels;
}

/** All before the last dot: `beauty.left` of `beauty.left.R`. */
export function layerOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')));
}

/** As the reference library has it: the word before the last dot, or the default view where the name has no dot. */
function viewOf(name: string, views: readonly string[]): string | null {
  if (views.length === 0) return null;
  const words = name.split('.');
  if (words.length === 1) return views[0] ?? null;
  const word = words.at(-2) ?? '';
  return views.includes(word) ? word : null;
}
