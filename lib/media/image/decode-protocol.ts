/** Messages between the parent and a decoder child. Plain data, cloned by the IPC channel. */
import type { ErrorCode } from '../../base/errors';
import type { MediaLimits } from '../../base/types';

export interface DecodeRequest {
  readonly id: number;
  /** Exactly one of the two: a file to open, or the encoded bytes. */
  readonly absPath?: string;
  readonly bytes?: Uint8Array;
  readonly maxSize: number;
  /** Limits; absent ones have defaults. */
  readonly limits?: MediaLimits;
}

export interface DecodedPicture {
  readonly jpeg: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  readonly capturedAt: string | null;
  readonly contentHash: string;
  /** What is missing, if only a part could be decoded. */
  readonly damaged?: string;
}

export type DecodeReply =
  | { readonly id: number; readonly picture: DecodedPicture }
  | { readonly id: number; readonly code: ErrorCode; readonly message: string }
  /** The child cannot decode anything, for example because a library does not load. */
  | { readonly fatal: string };

/** Exit code of a child that exceeded its memory limit. */
export const EXIT_MEMORY = 86;
