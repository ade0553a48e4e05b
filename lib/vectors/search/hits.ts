/** Results: converts the addon's flat arrays, and distances to similarities. */
import { types } from 'node:util';
import { similarityOf } from '../../base/metric';
import { room } from '../room';
import type { NativeBatch, NativeKeys } from '../../native';
import type { BatchHits, Hits, Metric } from '../types';

/** See Hits.similarities. */
export function similaritiesOf(metric: Metric, distances: Float32Array): Float32Array {
  const similarities = room(Float32Array, distances.length);
  for (let i = 0; i < distances.length; i++) {
    similarities[i] = similarityOf(metric, distances[i] as number);
  }
  return similarities;
}

/** @param out as filled by NativeBinding.search */
export function hitsOf(metric: Metric, out: Float64Array, k: number, found: number): Hits {
  const keys = new Float64Array(found);
  const nodes = new Uint32Array(found);
  const distances = new Float32Array(found);
  const similarities = new Float32Array(found);
  // Loops: `set` and `slice` cost more for ten numbers.
  for (let i = 0; i < found; i++) {
    const distance = out[k + i] as number;
    keys[i] = out[i] as number;
    nodes[i] = out[2 * k + i] as number;
    distances[i] = distance;
    similarities[i] = similarityOf(metric, distance);
  }
  return { keys, nodes, distances, similarities };
}

/** A key as a number; NaN if rounding would change it. */
function asNumber(key: bigint): number {
  const number = Number(key);
  return Number.isSafeInteger(number) ? number : NaN;
}

/** The key fields of a result. */
export function keysOf(keys: NativeKeys): { keys: Float64Array; keys64?: BigInt64Array } {
  if (types.isFloat64Array(keys)) return { keys };
  const numbers = room(Float64Array, keys.length);
  for (let i = 0; i < keys.length; i++) numbers[i] = asNumber(keys[i] as bigint);
  return { keys: numbers, keys64: keys };
}

/** Arrays for the addon to fill: allocated here, so that they are of our realm and allocation may fail. */
export function batchRoom(queries: number, k: number, bigints: boolean): NativeBatch {
  return {
    nodes: room(Uint32Array, queries * k),
    distances: room(Float32Array, queries * k),
    keys: bigints ? room(BigInt64Array, queries * k) : room(Float64Array, queries * k),
    counts: room(Uint32Array, queries),
  };
}

export function batchOf(metric: Metric, k: number, batch: NativeBatch): BatchHits {
  const found = keysOf(batch.keys);
  if (found.keys64 !== undefined) {
    // Unused slots have no key, and 0 is a valid one.
    for (let i = 0; i < found.keys.length; i++) {
      if (i % k >= (batch.counts[Math.floor(i / k)] ?? 0)) found.keys[i] = NaN;
    }
  }
  return {
    k,
    counts: batch.counts,
    ...found,
    nodes: batch.nodes,
    distances: batch.distances,
    similarities: similaritiesOf(metric, batch.distances),
  };
}

interface Flat<T> extends ArrayLike<unknown> {
  set(from: T, at: number): void;
}

function fill<T extends Flat<T>>(out: T, parts: readonly T[]): T {
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Joins batches of consecutive queries. */
export function joinBatches(parts: readonly NativeBatch[], bigints: boolean): NativeBatch {
  const size = parts.reduce((sum, part) => sum + part.nodes.length, 0);
  const queries = parts.reduce((sum, part) => sum + part.counts.length, 0);
  const nodes = parts.map((part) => part.nodes);
  const distances = parts.map((part) => part.distances);
  const counts = parts.map((part) => part.counts);
  return {
    nodes: fill(room(Uint32Array, size), nodes),
    distances: fill(room(Float32Array, size), distances),
    counts: fill(room(Uint32Array, queries), counts),
    keys: bigints
      ? fill(
          room(BigInt64Array, size),
          parts.map((part) => part.keys as BigInt64Array),
        )
      : fill(
          room(Float64Array, size),
          parts.map((part) => part.keys as Float64Array),
        ),
  };
}
