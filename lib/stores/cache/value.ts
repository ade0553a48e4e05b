/** A vector as bytes: `dim` little-endian float32 values, nothing else, so that others can read it. */

export function toBytes(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] as number, i * 4);
  return bytes;
}

/** Undefined for bytes that are not `dim` finite numbers: then it is a miss. */
export function fromBytes(bytes: Uint8Array, dim: number): Float32Array | undefined {
  if (bytes.length !== dim * 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const vector = new Float32Array(dim);
  for (let i = 0; i < dim; i++) {
    const value = view.getFloat32(i * 4, true);
    if (!Number.isFinite(value)) return undefined;
    vector[i] = value;
  }
  return vector;
}
