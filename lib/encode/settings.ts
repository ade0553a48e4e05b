/**
 * Workers, threads, time limits and memory of encoders: from options, then the `CLIP_*` variables of spec
 * 003, then by the machine and the size of the model.
 */
import { availableParallelism, totalmem } from 'node:os';
import { numberOf, textOf, truthOf, type Variables } from '../base/environment';
import { makeError } from '../base/errors';
import {
  FUNCTION,
  integer,
  number,
  oneOf,
  readOptions,
  RECORD,
  STRING,
  type OptionRules,
} from '../base/options';
import type { Device } from '../base/types';
import { parseDevice } from './device';
import { DTYPES, type Dtype } from '../models/dtype';

export interface ClipOptions {
  /** Number type of the weights; default the best one available. */
  readonly dtype?: Dtype | undefined;
  /** CPU threads of one tower, over all its workers; default CLIP_CPU_THREADS or all cores. */
  readonly threads?: number;
  /** Worker threads of the image tower; default by the size of the model. */
  readonly workers?: number;
  /**
   * Time limit per picture or text in milliseconds; default CLIP_TIMEOUT_S or 30 s. A task of several gets
   * more: see `deadlineMs`. Loading the model does not count.
   */
  readonly timeoutMs?: number;
  /**
   * `auto`, `cpu`, `cuda`, `coreml`, `dml` or `webgpu`; default SIGHTLINE_DEVICE, CLIP_DEVICE,
   * EMBEDDING_DEVICE or `cpu`. An unusable device causes a notice, and the models run on the CPU.
   */
  readonly device?: string;
  /**
   * How long a small call may wait to be batched with others, in milliseconds, while some workers are busy
   * and one is free; default 2. With no worker busy it never waits.
   */
  readonly batchWindowMs?: number;
  /**
   * Idle time in milliseconds after which the model is unloaded; it is reloaded on demand. 0 keeps it until
   * `close()`; default 300,000.
   */
  readonly idleMs?: number;
  /** JavaScript heap of one worker in megabytes, beyond which it is replaced; default 1024. */
  readonly workerHeapMb?: number;
  /** Most calls in flight per tower before ERR_POOL_FULL; default 1024. */
  readonly maxCalls?: number;
  /** Called with one line per notice; default: a process warning. */
  readonly onNotice?: (line: string) => void;
  /** Environment to read; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

const DAY_MS = 86_400_000;
const MAX_THREADS = 256;
const MAX_WORKERS = 8;

export const CLIP_OPTIONS: OptionRules<ClipOptions> = {
  dtype: oneOf(DTYPES),
  threads: integer(1, MAX_THREADS),
  workers: integer(1, MAX_WORKERS),
  timeoutMs: integer(1, DAY_MS),
  // Its names in any case, as of the environment.
  device: STRING,
  batchWindowMs: number(0, 1000),
  idleMs: integer(0, DAY_MS),
  workerHeapMb: integer(16, 65_536),
  maxCalls: integer(1, 100_000),
  onNotice: FUNCTION,
  env: RECORD,
};

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function encoderOptions(given: ClipOptions): ClipOptions {
  return readOptions('options', given, CLIP_OPTIONS);
}

export interface TowerSettings {
  readonly workers: number;
  /** Threads within one inference. */
  readonly threadsPerWorker: number;
  /** Items per task. */
  readonly batchSize: number;
  readonly timeoutMs: number;
  readonly maxCalls: number;
  readonly batchWindowMs: number;
  /** 0: never. */
  readonly idleMs: number;
  readonly workerHeapMb: number;
  readonly device: Device;
  /** CLIP_DEBUG_LOG: a line on standard error for every load and every call of the model. */
  readonly isVerbose: boolean;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_CALLS = 1024;
const DEFAULT_BATCH_WINDOW_MS = 2;
const DEFAULT_IDLE_MS = 300_000;
/**
 * Pictures, tensors and the model are not on this heap, so a healthy worker needs a tenth of it. The
 * process's memory is not watched: all workers and the caller share it, so it does not tell which one to
 * replace.
 */
const DEFAULT_WORKER_HEAP_MB = 1024;
/**
 * Larger weights are loaded once, and all cores work on one batch: a second copy costs its memory and gains
 * little (ViT-B/32 on 2 cores: 2 x 1 thread 6 to 13 % faster than 1 x 2, with 260 MB more). For smaller
 * ones one thread per worker is best, because their operations are too small to split.
 */
const LARGE_MODEL_BYTES = 64 << 20;
/**
 * From twice as many cores on, a large model is loaded twice, and so on: the threads of one inference
 * synchronize at every operation. The bound is not measured (our machines have 2 cores).
 */
const MAX_THREADS_PER_LARGE_WORKER = 8;
/** Most of the machine's memory that copies of a large model take. */
const MEMORY_SHARE = 1 / 8;

/** @throws ERR_ARG_RANGE naming the option or variable */
export function towerSettings(
  modality: 'image' | 'text',
  weightBytes: number,
  given: ClipOptions,
): TowerSettings {
  const options = encoderOptions(given);
  const env = options.env ?? process.env;
  checkPromises(env);
  const threads =
    options.threads ?? numberOf(env, 'CLIP_CPU_THREADS', 1, MAX_THREADS) ?? availableParallelism();
  const timeoutMs =
    options.timeoutMs ??
    scaled(numberOf(env, 'CLIP_TIMEOUT_S', 0.001, 86_400, 'number')) ??
    DEFAULT_TIMEOUT_MS;
  const maxCalls = options.maxCalls ?? DEFAULT_MAX_CALLS;
  const asked = options.workers;
  const isLarge = weightBytes > LARGE_MODEL_BYTES;
  // Texts are short: one worker handles hundreds a second, more would only take memory.
  const fitting = isLarge ? copiesOf(weightBytes, threads) : Math.min(threads, MAX_WORKERS);
  const workers = modality === 'text' ? 1 : (asked ?? fitting);
  return {
    workers,
    threadsPerWorker: isLarge ? Math.max(1, Math.floor(threads / workers)) : 1,
    batchSize: modality === 'text' ? 32 : isLarge ? 8 : 16,
    timeoutMs,
    maxCalls,
    batchWindowMs: options.batchWindowMs ?? DEFAULT_BATCH_WINDOW_MS,
    idleMs: options.idleMs ?? DEFAULT_IDLE_MS,
    workerHeapMb: options.workerHeapMb ?? DEFAULT_WORKER_HEAP_MB,
    device: deviceOf(options),
    isVerbose: truthOf(env, 'CLIP_DEBUG_LOG') ?? false,
  };
}

function copiesOf(weightBytes: number, threads: number): number {
  const useful = Math.floor(threads / MAX_THREADS_PER_LARGE_WORKER);
  const affordable = Math.floor((totalmem() * MEMORY_SHARE) / weightBytes);
  return Math.max(1, Math.min(useful, affordable, MAX_WORKERS));
}

/**
 * Time limit of a task of `items`: the sum of their limits, but at most 30 s (or one limit, if longer)
 * before a hanging worker is replaced.
 */
export function deadlineMs(timeoutMs: number, items: number): number {
  return Math.max(timeoutMs, Math.min(timeoutMs * items, DEFAULT_TIMEOUT_MS));
}

/** The first of option and environment that is set; default CPU. */
function deviceOf(options: ClipOptions): Device {
  if (options.device !== undefined) return parseDevice(options.device, 'device');
  const env = options.env ?? process.env;
  for (const name of ['SIGHTLINE_DEVICE', 'CLIP_DEVICE', 'EMBEDDING_DEVICE']) {
    const value = textOf(env, name);
    if (value !== undefined) return parseDevice(value, name);
  }
  return 'cpu';
}

/** Passes on each notice once: the towers of a model report the same. */
export function noticesOf(options: ClipOptions): (line: string) => void {
  const said = new Set<string>();
  return (line) => {
    if (said.has(line)) return;
    said.add(line);
    if (options.onNotice === undefined) process.emitWarning(line, { code: 'SIGHTLINE_DEVICE' });
    else options.onNotice(line);
  };
}

/**
 * Variables of spec 003 of which we support one value only.
 *
 * @throws ERR_ARG_RANGE
 */
function checkPromises(env: Variables): void {
  const pretrained = textOf(env, 'CLIP_PRETRAINED') ?? 'openai';
  if (pretrained !== 'openai') {
    throw makeError(
      'ERR_ARG_RANGE',
      `CLIP_PRETRAINED must be openai, received ${pretrained}: for other weights let ` +
        'CLIP_MODEL_NAME name their repository or folder, in the ONNX layout',
      { details: { name: 'CLIP_PRETRAINED', value: pretrained } },
    );
  }
  if (truthOf(env, 'CLIP_NORMALIZE') === false) {
    throw makeError(
      'ERR_ARG_RANGE',
      'CLIP_NORMALIZE must be true: vectors always have unit length, because searches compare cosines',
      { details: { name: 'CLIP_NORMALIZE', value: 'false' } },
    );
  }
}

function scaled(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1000);
}
