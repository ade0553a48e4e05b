/**
 * How many workers and threads, how long, how much at once: options first, then the `CLIP_*`
 * environment of spec 003, then what the machine and the size of the model suggest.
 */
import { availableParallelism } from 'node:os';
import { makeError } from '../errors';
import type { Dtype } from './dtype';

export interface ClipOptions {
  /** Number type of the weights; default the best that is there. */
  readonly dtype?: Dtype | undefined;
  /** Processor threads for one tower, over all its workers; default CLIP_CPU_THREADS or all cores. */
  readonly threads?: number;
  /** Worker threads of the image tower; default by the size of the model. */
  readonly workers?: number;
  /**
   * Longest time one picture or text may take, in milliseconds; default CLIP_TIMEOUT_S or 30 s.
   * A task of several gets more: see `deadlineMs`. Loading the model is not counted.
   */
  readonly timeoutMs?: number;
  /** Only `cpu` so far; anything else is answered with a notice and runs on the processor. */
  readonly device?: string;
  /** Calls that may be in flight per tower before ERR_POOL_FULL; default 128. */
  readonly maxCalls?: number;
  /** Where notices go, one line each; default: a process warning. */
  readonly onNotice?: (line: string) => void;
  /** Where settings are looked up; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface TowerSettings {
  readonly workers: number;
  /** Threads within one inference. */
  readonly threadsPerWorker: number;
  /** Items per task. */
  readonly batchSize: number;
  readonly timeoutMs: number;
  readonly maxCalls: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_CALLS = 128;
const MAX_THREADS = 256;
const MAX_WORKERS = 8;
/**
 * Weights above this run one at a time with all cores on one picture: several copies would cost
 * memory and fight for the cache. Below it one thread per worker is best, because such a model's
 * operations are too small to be worth splitting.
 */
const LARGE_MODEL_BYTES = 64 << 20;

/** @throws ERR_ARG_RANGE naming the option or variable */
export function towerSettings(
  modality: 'image' | 'text',
  weightBytes: number,
  options: ClipOptions,
): TowerSettings {
  const env = options.env ?? process.env;
  const threads =
    within('threads', options.threads, 1, MAX_THREADS) ??
    within('CLIP_CPU_THREADS', numberOf(env['CLIP_CPU_THREADS']), 1, MAX_THREADS) ??
    availableParallelism();
  const timeoutSeconds = numberOf(env['CLIP_TIMEOUT_S']);
  const timeoutMs =
    within('timeoutMs', options.timeoutMs, 1, 86_400_000) ??
    scaled(within('CLIP_TIMEOUT_S', timeoutSeconds, 0.001, 86_400, false)) ??
    DEFAULT_TIMEOUT_MS;
  const maxCalls = within('maxCalls', options.maxCalls, 1, 100_000) ?? DEFAULT_MAX_CALLS;
  const asked = within('workers', options.workers, 1, MAX_WORKERS);
  const isLarge = weightBytes > LARGE_MODEL_BYTES;
  // Texts are short: one worker answers hundreds a second, more would only hold more memory.
  const fitting = modality === 'text' || isLarge ? 1 : Math.min(threads, MAX_WORKERS);
  const workers = modality === 'text' ? 1 : (asked ?? fitting);
  return {
    workers,
    threadsPerWorker: isLarge ? Math.max(1, Math.floor(threads / workers)) : 1,
    batchSize: modality === 'text' ? 32 : isLarge ? 8 : 16,
    timeoutMs,
    maxCalls,
  };
}

/**
 * Time allowed for a task of `items`: the limit of one for each, but no more than 30 s (or the limit
 * itself, when that is longer) before a hanging worker is replaced.
 */
export function deadlineMs(timeoutMs: number, items: number): number {
  return Math.max(timeoutMs, Math.min(timeoutMs * items, DEFAULT_TIMEOUT_MS));
}

/** Says once, in one line, when a device is asked for that this version cannot use. */
export function checkDevice(options: ClipOptions): void {
  const device = options.device ?? (options.env ?? process.env)['CLIP_DEVICE'] ?? 'cpu';
  if (device === 'cpu' || device === '') return;
  const line = `device ${device} is not supported yet, the models run on the processor`;
  if (options.onNotice === undefined) process.emitWarning(line, { code: 'SIGHTLINE_DEVICE' });
  else options.onNotice(line);
}

/** `null` is how spec 003 writes "not set". */
function numberOf(text: string | undefined): number | undefined {
  const isUnset = text === undefined || text.trim() === '' || text === 'null';
  return isUnset ? undefined : Number(text);
}

function scaled(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1000);
}

function within(
  name: string,
  value: number | undefined,
  low: number,
  high: number,
  integer = true,
): number | undefined {
  if (value === undefined) return undefined;
  const ok = typeof value === 'number' && value >= low && value <= high;
  if (ok && (!integer || Number.isInteger(value))) return value;
  throw makeError(
    'ERR_ARG_RANGE',
    `${name} must be ${integer ? 'a whole number' : 'a number'} from ${low} to ${high}, received ${String(value)}`,
    { details: { name, value, low, high } },
  );
}
