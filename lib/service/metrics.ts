/**
 * Prometheus metrics: the five of spec 002, queue length and worker state. One registry per service, so
 * that two services in one process do not add up.
 */
import { Counter, Gauge, Histogram, Registry, type Metric } from 'prom-client';
import { BATCH_BUCKETS, type EncoderStats } from '../encode';
import type { CacheStats, EmbeddingKind } from '../stores/cache';

export interface MetricSources {
  /** Inputs queued for the model or in it. */
  readonly inFlight: Readonly<Record<EmbeddingKind, number>>;
  /** Cache hits and misses. */
  readonly hits: Readonly<Record<EmbeddingKind, number>>;
  readonly misses: Readonly<Record<EmbeddingKind, number>>;
  readonly cache: () => CacheStats;
  readonly encoders: () => Readonly<Record<EmbeddingKind, { stats(): EncoderStats }>>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const KINDS: readonly EmbeddingKind[] = ['instruction', 'image'];

export class ServiceMetrics {
  readonly registry = new Registry();
  readonly generation: Histogram<'kind'>;
  readonly searchSeconds: Histogram;
  readonly searchResults: Histogram;

  constructor({ inFlight, hits, misses, cache, encoders }: MetricSources) {
    const registers = [this.registry];
    this.generation = new Histogram({
      name: 'embedding_generation_seconds',
      help: 'Time to compute embeddings that were in no cache, with the wait for the model, per request',
      labelNames: ['kind'],
      buckets: SECONDS,
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
    const statsOf = (kind: EmbeddingKind): EncoderStats => encoders()[kind].stats();
    const gauge = (name: string, help: string, value: (kind: EmbeddingKind) => number): void => {
      new Gauge({
        name,
        help,
        labelNames: ['kind'],
        registers,
        collect() {
          for (const kind of KINDS) this.set({ kind }, value(kind));
        },
      });
    };
    const counter = (name: string, help: string, value: (kind: EmbeddingKind) => number): void => {
      new Counter({
        name,
        help,
        labelNames: ['kind'],
        registers,
        collect() {
          this.reset();
          for (const kind of KINDS) this.inc({ kind }, value(kind));
        },
      });
    };
    counter(
      'embedding_cache_hits_total',
      'Embeddings that came from the cache',
      (kind) => hits[kind],
    );
    counter(
      'embedding_cache_misses_total',
      'Embeddings that had to be computed',
      (kind) => misses[kind],
    );
    gauge(
      'embedding_queue_depth',
      'Inputs that wait for the model or are in it',
      (kind) => inFlight[kind],
    );
    gauge('embedding_model_loaded', 'Whether a worker holds the model: 1 or 0', (kind) =>
      statsOf(kind).isLoaded ? 1 : 0,
    );
    counter('embedding_failed_inputs_total', 'Inputs that got no embedding', (kind) => {
      return statsOf(kind).errors;
    });
    counter(
      'embedding_refused_calls_total',
      'Calls refused because too many were waiting',
      (kind) => statsOf(kind).refused,
    );
    counter(
      'embedding_lost_workers_total',
      'Workers that died or were ended, and replaced',
      (kind) => statsOf(kind).lostWorkers,
    );
    this.registry.registerMetric(batchSizes(statsOf));
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

/**
 * A histogram whose counts come from the pools, which count their own batches: the client library's can
 * only be fed one observation at a time.
 */
function batchSizes(statsOf: (kind: EmbeddingKind) => EncoderStats): Metric {
  const name = 'embedding_batch_size';
  const valuesOf = (kind: EmbeddingKind): object[] => {
    const { batchSizes: counts, items, batches } = statsOf(kind);
    let sum = 0;
    const buckets = [...BATCH_BUCKETS, '+Inf'].map((le, i) => ({
      metricName: `${name}_bucket`,
      labels: { le, kind },
      value: (sum += counts[i] ?? 0),
    }));
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: { kind }, value: items },
      { metricName: `${name}_count`, labels: { kind }, value: batches },
    ];
  };
  const metric = {
    name,
    help: 'Inputs of one call of the model',
    type: 'histogram',
    aggregator: 'sum',
    get: () => Promise.resolve({ ...metric, values: KINDS.flatMap(valuesOf) }),
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}
