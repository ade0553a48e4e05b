/**
 * What crosses between the pool, its encoder processes and the worker in each: setup, inputs, replies,
 * errors. All sides use this file; it loads nothing heavy.
 */
import {
  isLibraryError,
  makeError,
  messageOf,
  type ErrorCode,
  type LibraryError,
} from '../base/errors';
import type { Device } from '../base/types';
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

/** Handed to a worker when it starts. */
export type WorkerSetup = Recipe & {
  readonly family: Family;
  readonly folder: string;
  /** The tower's ONNX file. */
  readonly file: string;
  readonly dim: number;
  /** How token states become one vector, where the model's files say so. */
  readonly pooling?: Pooling;
  /** Pixels a side, for graphs that want a picture with every text. */
  readonly pictureSize?: number;
  /** Tensor of the graph that is its `last_hidden_state`, where that is no output of it. */
  readonly tap?: string | undefined;
  /** Intra-op threads of the session. */
  readonly threads: number;
  /** Default `cpu`. */
  readonly device?: Device;
};

/** Byte strings or samples one behind the other; item i is [offsets[i], offsets[i + 1]). */
export interface Packed<Data> {
  readonly bytes: Data;
  readonly offsets: Uint32Array;
}

/** One kind of input; with none of them a task only loads the model. */
export interface TaskInput {
  /** Encoded pictures. */
  readonly pictures?: Packed<ArrayBuffer>;
  /** Which of `pictures` belong together: clip i has pictures [clips[i], clips[i + 1]). */
  readonly clips?: Uint32Array;
  readonly texts?: readonly string[];
  /** Mono samples in float32. */
  readonly waves?: Packed<ArrayBuffer>;
}

/**
 * What of an input is handed over instead of copied: whole buffers only. What a view such as `offsets`
 * stands in may hold other things too, and be one that Node refuses to give away: since 22 its
 * messages bring small arrays in the pool of Buffer.
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
  /** Of texts: how many the model read, per item. */
  readonly tokens?: Uint32Array;
  readonly errors: readonly (WireError | undefined)[];
  /** The model itself cannot be used: concerns every item, now and later. */
  readonly fatal?: WireError;
  /** Present once the model is loaded. */
  readonly ran?: {
    /** Execution provider in use. */
    readonly device: string;
    /** Why it is not the one that was asked for, in one line. */
    readonly notice: string | undefined;
    /** In the runtime, for this task. */
    readonly inferenceMs: number;
  };
}

/** Error objects lose their class and fields on the way, so they travel as plain values. */
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
 * Written to standard error by a worker that has its model, at once: unlike a message it is there even
 * when the process dies in the next moment. Whether there was a model tells bad inputs from a bad model.
 */
export const MODEL_MARK = '\u0001model\n';

/** How far a worker is with a task; `starting`: its process and thread are not up yet. */
export type TaskStage = 'starting' | 'loading' | 'running';

/** To an encoder process: once what it is to be, then one input after the other. */
export type HostRequest =
  | { readonly setup: WorkerSetup; readonly heapMb: number; readonly workerFile: string }
  | { readonly input: TaskInput };

/**
 * From it, about the input at hand. `lost`: its worker died, another one takes the next input.
 * `failed`: the worker never got the input, and is well.
 */
export type HostReply =
  | { readonly stage: Exclude<TaskStage, 'starting'> }
  | { readonly reply: WorkerReply }
  | { readonly lost: string }
  | { readonly failed: string };
