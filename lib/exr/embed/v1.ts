/**
 * Version 1: a few features, and behind them the digest of everything. Two files are near each other when their features agree and
 * far when they do not; one byte of difference anywhere, the path included, changes the digest's part of the vector. Version 2
 * was made because of that.
 *
 * What is left open where this was specified is settled here, and fixed by the golden vectors of `tools/exr-golden.py`:
 *
 *     digest      its bytes are read as little-endian float32; those that are NaN or infinite count as 0; of the others the
 *                 part above the next lower whole number is taken, x - floor(x), in [0, 1)
 *     padding     value i is value (i mod n) / (1 + floor(i / n)), for n values so far
 *     numbers     float64 throughout, sums from left to right; one rounding to float32 at the end
 *     degenerate  a vector shorter than 1e-9 becomes the uniform one, 1 / sqrt(dim) everywhere
 */
import { createHash } from 'node:crypto';
import { COMPRESSIONS } from '../payload';
import type { ChannelLike, PayloadLike } from './input';
import { canonicalJson } from './canonical';
import { unitVector } from './hashing';

/** Numbers of compressions in files, over the largest that one byte of four bits could hold; none and unknown ones differ. */
function compressionValue(name: string | undefined): number {
  if (name === undefined) return 0;
  const number = COMPRESSIONS.findIndex((one) => one === name);
  return number < 0 ? 1 : number / 15;
}

export function metadataV1(payload: PayloadLike, dim: number): Float32Array {
  const { file, channels, parts } = payload;
  const flag = (value: boolean): number => (value ? 1 : 0);
  const isMultiview = file.is_multiview ?? parts.some((part) => (part.view ?? null) !== null);
  const features = [
    channels.length / 64,
    parts.length / 16,
    flag(file.is_deep === true || parts.some((part) => part.is_deep === true)),
    flag(parts.some((part) => part.is_tiled === true)),
    flag(isMultiview),
    compressionValue(parts[0]?.compression),
  ];
  const digest = createHash('sha256').update(canonicalJson(payload), 'utf8').digest();
  return finish([...features, ...digestValues(digest)], dim);
}

export function channelsV1(channels: readonly ChannelLike[], dim: number): Float32Array {
  if (channels.length === 0) return finish([], dim);
  const count = channels.length;
  const layers = new Set<string>();
  const types = { float: 0, half: 0, uint: 0, uint8: 0 };
  let [xSum, ySum] = [0, 0];
  for (const { name, type, x_sampling = 1, y_sampling = 1 } of channels) {
    const dot = name.lastIndexOf('.');
    if (dot > 0) layers.add(name.slice(0, dot));
    const kind = type === 'uint32' ? 'uint' : type;
    if (kind in types) types[kind as keyof typeof types]++;
    xSum += x_sampling;
    ySum += y_sampling;
  }
  const features = [
    count / 64,
    layers.size / count,
    xSum / (count * 2),
    ySum / (count * 2),
    types.float / count,
    types.half / count,
    types.uint / count,
    types.uint8 / count,
  ];
  // The order of a list of channels says nothing, so names are sorted (by UTF-16 units); a NUL cannot be in one.
  const names = channels.map(({ name }) => name).sort();
  const digest = createHash('md5').update(names.join('\0'), 'utf8').digest();
  return finish([...features, ...digestValues(digest)], dim);
}

function digestValues(digest: Buffer): number[] {
  const values: number[] = [];
  for (let at = 0; at < digest.length; at += 4) {
    const value = digest.readFloatLE(at);
    values.push(Number.isFinite(value) ? value - Math.floor(value) : 0);
  }
  return values;
}

/** Padding or truncation, and the length of 1. */
function finish(values: readonly number[], dim: number): Float32Array {
  const n = values.length;
  const vector = new Float64Array(dim);
  for (let i = 0; n > 0 && i < dim; i++)
    vector[i] = (values[i % n] as number) / (1 + Math.floor(i / n));
  return unitVector(vector);
}
