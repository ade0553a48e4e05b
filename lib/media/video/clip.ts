/** Samples frames from a whole video, for encoders that read a clip at once (VideoMAE). */
import { checkInteger } from '../../base/options';
import type { DecodedFrame } from '../frame';
import { probeVideo, sampleVideo } from './video';

export interface SampleClipOptions {
  /** Frames that the encoder takes; default 16. */
  readonly frames?: number;
  /** Longest side of the frames in pixels; smaller videos stay as they are. */
  readonly maxSize?: number;
  readonly signal?: AbortSignal;
}

/** With four times as many frames, the encoder's choice is within 1/64 of the length. */
const OVERSAMPLING = 4;

/**
 * Frames evenly spaced over the whole video: about four times as many as requested, so that the encoder can
 * pick the best placed ones, with first and last among them; all frames of a shorter video. If the
 * container does not state its length, the first `frames` decodable ones (spec 001).
 *
 * @throws what `sampleVideo` throws, when no frame was decoded; otherwise returns the frames before the
 * damage
 */
export async function sampleClip(
  file: { readonly absPath: string },
  options: SampleClipOptions = {},
): Promise<DecodedFrame[]> {
  const { frames = 16, ...rest } = options;
  checkInteger('frames', frames, 1, 64);
  const { durationSeconds } = await probeVideo(file, rest);
  const hasLength = durationSeconds !== null && durationSeconds > 0;
  const wanted = frames * OVERSAMPLING;
  const sampling = hasLength
    ? { fps: Math.min(1000, wanted / durationSeconds) }
    : { everyNFrames: 1 };
  const most = hasLength ? 2 * wanted : frames;
  const taken: DecodedFrame[] = [];
  try {
    for await (const frame of sampleVideo(file, { ...rest, ...sampling })) {
      taken.push(frame);
      // A container may understate its length.
      if (taken.length === most) break;
    }
  } catch (error) {
    const isDamage = (error as { code?: unknown }).code === 'ERR_MEDIA_DECODE';
    if (!isDamage || taken.length === 0) throw error;
  }
  return taken;
}
