/**
 * What operators watch: the five names of spec 002, and how full the queue is. One registry per
 * service, so that two of them in one process do not add up.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CacheStats } from '../stores/cache';

export interface ServiceLoad {
  /** Inputs that wait for the model or are in it. */
  readonly inFlight: number;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128];

export class ServiceMetrics {
  readonly registry = new Registry();
  readonly generation: Histogram<'kind'>;
  readonly hits: Counter<'kind'>;
  readonly misses: Counter<'kind'>;
  readonly searchSeconds: Histogram;
  readonly searchResults: Histogram;
  readonly batchSize: Histogram<'kind'>;

  constructor(load: () => ServiceLoad, cache: () => CacheStats) {
    const registers = [this.registry];
    this.generation = new Histogram({
      name: 'embedding_generation_seconds',
      help: 'Time to compute embeddings that were in no cache, per call of the model',
      labelNames: ['kind'],
      buckets: SECONDS,
      registers,
    });
    this.hits = new Counter({
      name: 'embedding_cache_hits_total',
      help: 'Embeddings that came from the cache',
      labelNames: ['kind'],
      registers,
    });
    this.misses = new Counter({
      name: 'embedding_cache_misses_total',
      help: 'Embeddings that had to be computed',
      labelNames: ['kind'],
      registers,
    });
    this.searchSeconds = new Histogram({
      name: 'similarity_search_seconds',
      help: 'Time of one search, with the embedding of its query',
      buckets: SECONDS,
      registers,
    });
    this.searchResults = new Histogram({
      name: 'similarity_search_results',
      help: 'Results of one search',
      buckets: [0, 1, 5, 10, 20, 50, 100, 1000],
      registers,
    });
    this.batchSize = new Histogram({
      name: 'embedding_batch_size',
      help: 'Inputs of one call of the model',
      labelNames: ['kind'],
      buckets: SIZES,
      registers,
    });
    new Gauge({
      name: 'embedding_queue_depth',
      help: 'Inputs that wait for the model or are in it',
      registers,
      collect() {
        this.set(load().inFlight);
      },
    });
    new Gauge({
      name: 'embedding_cache_reachable',
      help: 'Whether the cache answers: 1, or 0 while everything is computed',
      registers,
      collect() {
        this.set(cache().isReachable ? 1 : 0);
      },
    });
    new Gauge({
      name: 'embedding_cache_errors',
      help: 'Reads and writes of the cache that failed',
      registers,
      collect() {
        this.set(cache().errors);
      },
    });
  }
}
