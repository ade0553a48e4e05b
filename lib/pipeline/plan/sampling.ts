/**
 * How a file is sampled, and the text form in the catalog. A file is decoded again with its old sampling,
 * and a sync can report files to which its options do not apply.
 */
import { DEFAULT_MAX_SIZE } from '../../media';
import type { MediaKind, SyncOptions } from '../../base/types';

const DEFAULT_FPS = 1;

/** One sampling method, resolved. */
export interface Sampling {
  readonly fps?: number;
  readonly everyNFrames?: number;
  readonly keyframes?: boolean;
  readonly maxSize: number;
}

type Known = {
  readonly kind: MediaKind;
  readonly sampling: string | null;
  readonly width: number | null;
  readonly height: number | null;
};

/** `max=512` for a picture, `fps=1;max=512` for a video. */
export function wordsOf(kind: MediaKind, sampling: Sampling): string {
  const size = `max=${sampling.maxSize}`;
  return kind === 'image' ? size : `${rateOf(sampling)};${size}`;
}

function rateOf({ fps, everyNFrames, keyframes }: Sampling): string {
  if (keyframes === true) return 'keyframes';
  return everyNFrames === undefined ? `fps=${fps ?? DEFAULT_FPS}` : `every=${everyNFrames}`;
}

function parse(words: string): Sampling {
  const fields = new Map<string, string | undefined>();
  for (const [name, value] of words.split(';').map((part) => part.split('=')))
    fields.set(name as string, value);
  const number = (name: string): number | undefined =>
    fields.has(name) ? Number(fields.get(name)) : undefined;
  const [fps, everyNFrames] = [number('fps'), number('every')];
  return {
    maxSize: number('max') ?? DEFAULT_MAX_SIZE,
    fps,
    everyNFrames,
    ...(fields.has('keyframes') ? { keyframes: true } : {}),
  };
}

type Asked = Pick<SyncOptions, 'fps' | 'everyNFrames' | 'keyframes' | 'maxSize'>;

/** Options of this sync come first, then the file's earlier sampling, then the defaults. */
export function samplingFor(known: Pick<Known, 'sampling'> | undefined, asked: Asked): Sampling {
  const words = known?.sampling ?? null;
  const before = words === null ? { maxSize: DEFAULT_MAX_SIZE } : parse(words);
  const { fps, everyNFrames, keyframes } = asksForRate(asked) ? asked : before;
  return {
    maxSize: asked.maxSize ?? before.maxSize,
    fps,
    everyNFrames,
    keyframes,
  };
}

const asksForRate = ({ fps, everyNFrames, keyframes }: Asked): boolean =>
  fps !== undefined || everyNFrames !== undefined || keyframes === true;

/**
 * Whether the requested sampling would give other frames. Options that were not given, and unknown sampling
 * of the file, make no difference; nor does a size that the file does not reach.
 */
export function isSampledOtherwise(known: Known, asked: Asked): boolean {
  if (known.sampling === null) return false;
  const [before, after] = [parse(known.sampling), samplingFor(known, asked)];
  const longest = Math.max(known.width ?? Infinity, known.height ?? Infinity);
  const isOtherSize = Math.min(before.maxSize, longest) !== Math.min(after.maxSize, longest);
  return isOtherSize || (known.kind === 'video' && rateOf(before) !== rateOf(after));
}
