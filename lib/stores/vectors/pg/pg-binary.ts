/**
 * Vectors and keys in PostgreSQL's binary format: float32 values stay exact, and a batch is one parameter
 * instead of a text ten times as long.
 *
 * Array: int32 dimensions (1), int32 has nulls (0), oid of the element, int32 length, int32 lower
 * bound (1), then per element int32 byte length and the element; all big-endian.
 * Vector (pgvector, `vector_recv`): int16 dim, int16 unused (0), dim times float4.
 */
import type { StoreKeys } from '../vector-store';

const INT8_OID = 20;
const ARRAY_HEADER = 20;

function arrayHeader(out: Buffer, elementOid: number, length: number): void {
  out.writeInt32BE(1, 0);
  out.writeInt32BE(0, 4);
  out.writeUInt32BE(elementOid, 8);
  out.writeInt32BE(length, 12);
  out.writeInt32BE(1, 16);
}

function writeVector(out: Buffer, at: number, vector: Float32Array): void {
  out.writeInt16BE(vector.length, at);
  out.writeInt16BE(0, at + 2);
  for (let i = 0; i < vector.length; i++) out.writeFloatBE(vector[i] as number, at + 4 + 4 * i);
}

/** One vector for a parameter `$n::vector`. */
export function vectorParameter(vector: Float32Array): Buffer {
  const out = Buffer.allocUnsafe(4 + 4 * vector.length);
  writeVector(out, 0, vector);
  return out;
}

/** @param vectors  shape [n, dim], n > 0 @param vectorOid  of the type, which each database numbers anew */
export function vectorArrayParameter(
  vectors: Float32Array,
  dim: number,
  vectorOid: number,
): Buffer {
  const n = vectors.length / dim;
  const size = 4 + 4 * dim;
  const out = Buffer.allocUnsafe(ARRAY_HEADER + n * (4 + size));
  arrayHeader(out, vectorOid, n);
  for (let row = 0, at = ARRAY_HEADER; row < n; row++, at += 4 + size) {
    out.writeInt32BE(size, at);
    writeVector(out, at + 4, vectors.subarray(row * dim, (row + 1) * dim));
  }
  return out;
}

/** For a parameter `$n::bigint[]`, of any length. */
export function keysParameter(keys: StoreKeys): Buffer {
  const out = Buffer.allocUnsafe(ARRAY_HEADER + 12 * keys.length);
  arrayHeader(out, INT8_OID, keys.length);
  for (let i = 0, at = ARRAY_HEADER; i < keys.length; i++, at += 12) {
    out.writeInt32BE(8, at);
    out.writeBigInt64BE(BigInt(keys[i] as number), at + 4);
  }
  return out;
}

/** Parses the output of `vector_send`. */
export function readVector(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.readInt16BE(0) }, (_, i) =>
    bytes.readFloatBE(4 + 4 * i),
  );
}
