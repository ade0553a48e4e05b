/** Statistics of an encoder: plain numbers, counted on the main thread. */
import type { Device } from '../base/types';

/** Upper bounds of the batch size histogram's buckets; the last bucket has none. */
export const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64] as const;

export interface EncoderStats {
  readonly modality: string;
  /** As asked for. */
  readonly requestedDevice: Device;
  /** Execution provider in use; `cpu` until a model is loaded. */
  readonly device: string;
  /** True while a worker holds the model. */
  readonly isLoaded: boolean;
  /** Most worker threads, and threads per inference. */
  readonly workers: number;
  readonly threadsPerWorker: number;
  /** Unsettled calls: running and waiting. */
  readonly calls: number;
  readonly maxCalls: number;
  /** Inputs waiting for a worker, and inputs in one. */
  readonly queuedItems: number;
  readonly runningItems: number;

  // Counters: they only grow.
  /** Tasks that workers answered, and how many inputs those had. */
  readonly batches: number;
  readonly items: number;
  /**
   * Batches by size: entry i counts those of at most BATCH_BUCKETS[i]; the last entry counts larger ones.
   */
  readonly batchSizes: readonly number[];
  /** Failed inputs, for any reason. */
  readonly errors: number;
  /** Calls refused with ERR_POOL_FULL. */
  readonly refused: number;
  /** Workers that died or were killed, and those of them that passed a deadline. */
  readonly lostWorkers: number;
  readonly timeouts: number;
  /** How often the model was loaded, and unloaded when idle. */
  readonly loads: number;
  readonly unloads: number;
  /** Milliseconds in the runtime, summed over batches; without decoding and preprocessing. */
  readonly inferenceMs: number;
}

/** The counters of a pool, and the rate used for Retry-After. */
export class PoolCounters {
  batches = 0;
  items = 0;
  readonly batchSizes: number[] = Array.from({ length: BATCH_BUCKETS.length + 1 }, () => 0);
  errors = 0;
  lostWorkers = 0;
  timeouts = 0;
  loads = 0;
  unloads = 0;
  inferenceMs = 0;
  /** Milliseconds of wall time per input, smoothed; undefined before the first batch. */
  private msPerItem: number | undefined;

  /** @param wallMs since a worker took the batch */
  batch(items: number, failed: number, inferenceMs: number, wallMs: number): void {
    this.batches++;
    this.items += items;
    this.errors += failed;
    this.inferenceMs += inferenceMs;
    const bucket = BATCH_BUCKETS.findIndex((bound) => items <= bound);
    const index = bucket < 0 ? BATCH_BUCKETS.length : bucket;
    this.batchSizes[index] = (this.batchSizes[index] as number) + 1;
    const each = wallMs / items;
    this.msPerItem = this.msPerItem === undefined ? each : 0.8 * this.msPerItem + 0.2 * each;
  }

  lost(items: number, isTimeout: boolean): void {
    this.lostWorkers++;
    this.errors += items;
    if (isTimeout) this.timeouts++;
  }

  /** Whole seconds, 1 to 60, until `workers` workers should have done `items` inputs. */
  retryAfterSeconds(items: number, workers: number): number {
    const ms = ((this.msPerItem ?? 1000) * items) / workers;
    return Math.min(60, Math.max(1, Math.ceil(ms / 1000)));
  }
}
