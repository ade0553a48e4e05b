/** The input types of each modality, and how a batch is sent to a worker. */
import { types } from 'node:util';
import { uniformIndices } from '../preprocess/clip-frames';
import type { VideoClip } from '../encoder';
import type { Packed } from '../task';
import type { InputKind } from '../pool/tower-encoder';

export const IMAGE: InputKind<Uint8Array> = {
  name: 'image',
  isInput: (value): value is Uint8Array => types.isUint8Array(value),
  expected: 'a Uint8Array with an encoded picture',
  pack: (items) => ({ pictures: packBytes(items), items: items.length }),
};

export const TEXT: InputKind<string> = {
  name: 'text',
  isInput: (value): value is string => typeof value === 'string',
  expected: 'a string',
  pack: (items) => ({ texts: items, items: items.length }),
};

/** @param frames only frames the model reads are sent */
export function videoKind(frames: number): InputKind<VideoClip> {
  return {
    name: 'video',
    isInput: (value): value is VideoClip =>
      Array.isArray(value) && value.every((frame) => types.isUint8Array(frame)),
    expected: 'an array of Uint8Arrays with encoded pictures',
    pack: (items) => {
      const taken = items.map((clip) =>
        clip.length <= frames
          ? clip
          : uniformIndices(clip.length, frames).map((i) => clip[i] as Uint8Array),
      );
      const clips = offsetsOf(taken.map((clip) => clip.length));
      return { pictures: packBytes(taken.flat()), clips, items: items.length };
    },
  };
}

/** @param maxSamples longer input is truncated before it is sent */
export function audioKind(maxSamples: number): InputKind<Float32Array> {
  return {
    name: 'audio',
    isInput: (value): value is Float32Array => types.isFloat32Array(value),
    expected: 'a Float32Array of mono samples',
    pack: (items) => {
      const taken = items.map((item) => item.subarray(0, maxSamples));
      const offsets = offsetsOf(taken.map((item) => item.length));
      const samples = new Float32Array(offsets[items.length] as number);
      taken.forEach((item, i) => samples.set(item, offsets[i]));
      return { waves: { bytes: samples.buffer, offsets }, items: items.length };
    },
  };
}

/**
 * Copied into a new buffer and transferred: the caller's may be part of Node's buffer pool, whose transfer
 * would take unrelated data along.
 */
function packBytes(items: readonly Uint8Array[]): Packed<ArrayBuffer> {
  const offsets = offsetsOf(items.map((item) => item.byteLength));
  const bytes = new Uint8Array(offsets[items.length] as number);
  items.forEach((item, i) => bytes.set(item, offsets[i]));
  return { bytes: bytes.buffer, offsets };
}

/** Cumulative sums, starting with 0. */
function offsetsOf(lengths: readonly number[]): Uint32Array<ArrayBuffer> {
  const offsets = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, i) => (offsets[i + 1] = (offsets[i] as number) + length));
  return offsets;
}
