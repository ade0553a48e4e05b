/** What an encoder has done and is doing, for metrics: plain numbers, counted on the main thread. */
import type { Device } from '../base/types';

/** Upper bounds of the batch size buckets, for a histogram; the last bucket has no bound. */
export const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64] as const;

export interface EncoderStats {
  readonly modality: string;
  /** As asked for. */
  readonly requestedDevice: Device;
  /** Execution provider in use; `cpu` until a model is loaded. */
  readonly device: string;
  /** True while a worker holds the model. */
  readonly isLoaded: boolean;
  /** Worker threads at most, and threads of each within one inference. */
  readonly workers: number;
  readonly threadsPerWorker: number;
  /** Calls that are not settled: running and waiting. */
  readonly calls: number;
  readonly maxCalls: number;
  /** Inputs that wait for a worker, and inputs that are with one. */
  readonly queuedItems: number;
  readonly runningItems: number;

  // Counters: they only grow.
  /** Tasks that workers answered, and how many inputs those had. */
  readonly batches: number;
  readonly items: number;
  /** Batches by size: entry i counts those of at most BATCH_BUCKETS[i], the last one larger ones. */
  readonly batchSizes: readonly number[];
  /** Inputs that failed, whatever the reason. */
  readonly errors: number;
  /** Calls refused with ERR_POOL_FULL. */
  readonly refused: number;
  /** Workers that died or were ended, and those of them that passed a deadline. */
  readonly lostWorkers: number;
  readonly timeouts: number;
  /** How often the model was loaded, and given up after a time without work. */
  readonly loads: number;
  readonly unloads: number;
  /** Milliseconds in the runtime, summed over batches. Decoding and preparing are not in it. */
  readonly inferenceMs: number;
}

/** The counters of a pool, and the rate that tells a refused caller when to come again. */
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

  /** @param wallMs from the moment a worker took it */
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

  /** Whole seconds, 1 to 60, until `items` inputs should be done by `workers` workers. */
  retryAfterSeconds(items: number, workers: number): number {
    const ms = ((this.msPerItem ?? 1000) * items) / workers;
    return Math.min(60, Math.max(1, Math.ceil(ms / 1000)));
  }
}
