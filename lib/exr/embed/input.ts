/** What embeddings take: payloads of the inspector, and the shorter ones that people write by hand; checked once, here. */
import { wrongType } from '../../base/options';

export interface ChannelLike {
  readonly name: string;
  readonly type: string;
  readonly x_sampling?: number;
  readonly y_sampling?: number;
  readonly part_index?: number;
  readonly p_linear?: boolean;
}

export interface PartLike {
  readonly compression?: string;
  readonly is_tiled?: boolean;
  readonly is_deep?: boolean;
  readonly view?: string | null;
}

/** The fields of a payload that embeddings read; all others may be there. */
export interface PayloadLike {
  readonly file: {
    readonly path?: string;
    readonly is_deep?: boolean;
    readonly is_multiview?: boolean;
  };
  readonly channels: readonly ChannelLike[];
  readonly parts: readonly PartLike[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws ERR_ARG_TYPE */
export function checkPayload(payload: PayloadLike): void {
  if (!isObject(payload)) throw wrongType('payload', 'an object', payload);
  if (!isObject(payload.file)) throw wrongType('payload.file', 'an object', payload.file);
  checkChannels('payload.channels', payload.channels);
  if (!Array.isArray(payload.parts)) throw wrongType('payload.parts', 'an array', payload.parts);
  for (const [i, part] of payload.parts.entries()) {
    if (!isObject(part)) throw wrongType(`payload.parts[${i}]`, 'an object', part);
    const { compression } = part;
    if (compression !== undefined && typeof compression !== 'string')
      throw wrongType(`payload.parts[${i}].compression`, 'a string', compression);
  }
}

/** @throws ERR_ARG_TYPE */
export function checkChannels(name: string, channels: readonly ChannelLike[]): void {
  if (!Array.isArray(channels)) throw wrongType(name, 'an array', channels);
  for (let i = 0; i < channels.length; i++) {
    const channel: unknown = channels[i];
    if (!isObject(channel)) throw wrongType(`${name}[${i}]`, 'an object', channel);
    if (typeof channel.name !== 'string')
      throw wrongType(`${name}[${i}].name`, 'a string', channel.name);
    if (typeof channel.type !== 'string')
      throw wrongType(`${name}[${i}].type`, 'a string', channel.type);
    for (const field of ['x_sampling', 'y_sampling'] as const) {
      const value = channel[field];
      if (value !== undefined && (typeof value !== 'number' || !Number.isFinite(value)))
        throw wrongType(`${name}[${i}].${field}`, 'a finite number', value);
    }
  }
}
