/**
 * Messages between the pool, its encoder processes and their workers: setup, inputs, replies, errors. Used
 * by all sides; loads nothing heavy.
 */
import {
  isLibraryError,
  makeError,
  messageOf,
  type ErrorCode,
  type LibraryError,
} from '../base/errors';
import type { Device } from '../base/types';
import type { WeightFile } from '../models/store/model-files';
import type { PreprocessSpec } from './preprocess/preprocess';
import type { TextRule } from './preprocess/tokenizer';
import type { Family, Pooling } from './tower-io';
import type { WaveRule } from './preprocess/waveform';

/** How the inputs of one modality become tensors. */
export type Recipe =
  | { readonly modality: 'image'; readonly preprocess: PreprocessSpec }
  | { readonly modality: 'text'; readonly text: TextRule }
  | { readonly modality: 'video'; readonly preprocess: PreprocessSpec; readonly frames: number }
  | { readonly modality: 'audio'; readonly wave: WaveRule };

/** Sent to a worker when it starts. */
export type WorkerSetup = Recipe & {
  readonly family: Family;
  readonly folder: string;
  /** The tower's ONNX file. */
  readonly file: string;
  /** All its files as they were when the model was opened: what is there is loaded only if it is the same. */
  readonly weights?: readonly WeightFile[];
  readonly dim: number;
  /** How token states become one vector, if the model's files say so. */
  readonly pooling?: Pooling;
  /** Pixels per side, for graphs that require a picture with every text. */
  readonly pictureSize?: number;
  /** The tensor that is the graph's `last_hidden_state`, if that is not an output. */
  readonly tap?: string | undefined;
  /** Intra-op threads of the session. */
  readonly threads: number;
  /** Default `cpu`. */
  readonly device?: Device;
};

/** Byte strings or samples, concatenated; item i is [offsets[i], offsets[i + 1]). */
export interface Packed<Data> {
  readonly bytes: Data;
  readonly offsets: Uint32Array;
}

/** Exactly one kind of input; without any, a task only loads the model. */
export interface TaskInput {
  /** Encoded pictures. */
  readonly pictures?: Packed<ArrayBuffer>;
  /** Groups `pictures` into clips: clip i has pictures [clips[i], clips[i + 1]). */
  readonly clips?: Uint32Array;
  readonly texts?: readonly string[];
  /** Mono samples in float32. */
  readonly waves?: Packed<ArrayBuffer>;
}

/**
 * Buffers that are transferred instead of copied: whole buffers only. The buffer behind a view such as
 * `offsets` may hold other data and may not be transferable: since Node 22 messages put small arrays in
 * Buffer's pool.
 */
export function transferOf({ pictures, waves }: TaskInput): ArrayBuffer[] {
  return [pictures, waves].flatMap((packed) => (packed === undefined ? [] : [packed.bytes]));
}

export function itemsOf({ pictures, clips, texts, waves }: TaskInput): number {
  if (clips !== undefined) return clips.length - 1;
  const offsets = pictures?.offsets ?? waves?.offsets;
  return offsets === undefined ? (texts?.length ?? 0) : offsets.length - 1;
}

export interface WorkerReply {
  /** Shape [items, dim]; rows of failed items are zero. */
  readonly vectors: Float32Array;
  /** For texts: tokens read per item. */
  readonly tokens?: Uint32Array;
  readonly errors: readonly (WireError | undefined)[];
  /** The model itself is unusable: concerns every item, now and later. */
  readonly fatal?: WireError;
  /** Present once the model is loaded. */
  readonly ran?: {
    /** Execution provider in use. */
    readonly device: string;
    /** Notice why it is not the requested device. */
    readonly notice: string | undefined;
    /** In the runtime, for this task. */
    readonly inferenceMs: number;
  };
}

/** Error objects lose class and fields when sent, so they are sent as plain values. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function toWire(error: unknown, otherwise: ErrorCode): WireError {
  if (!isLibraryError(error)) return { code: otherwise, message: messageOf(error), details: {} };
  const details: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(error.details)) {
    if (/^(string|number|boolean|undefined)$/.test(typeof value)) details[key] = value;
  }
  return { code: error.code, message: error.message, details };
}

export function fromWire(wire: WireError, extra: Record<string, unknown> = {}): LibraryError {
  return makeError(wire.code, wire.message, { details: { ...wire.details, ...extra } });
}

/**
 * Written synchronously to stderr by a worker that has loaded its model: unlike a message, it arrives even
 * if the process dies next. Whether the model was loaded tells bad inputs from a bad model.
 */
export const MODEL_MARK = '\u0001model\n';

/** Stage of a task; `starting`: process and thread are not up yet. */
export type TaskStage = 'starting' | 'loading' | 'running';

/** To an encoder process: first its setup, then one input after the other. */
export type HostRequest =
  | { readonly setup: WorkerSetup; readonly heapMb: number; readonly workerFile: string }
  | { readonly input: TaskInput };

/**
 * Replies about the input in progress. `lost`: its worker died, another takes the next input. `failed`: the
 * worker never got the input, and is healthy.
 */
export type HostReply =
  | { readonly stage: Exclude<TaskStage, 'starting'> }
  | { readonly reply: WorkerReply }
  | { readonly lost: string }
  | { readonly failed: string };
