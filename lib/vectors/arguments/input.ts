/** Input vectors: float32, float16 bits or int8, converted to float32 block by block. */
import { types } from 'node:util';
import { wrongType } from '../../base/options';
import { checkPresent } from '../../base/arrays';
import { room } from '../room';
import { wrongLength } from './lengths';

/**
 * Row-major. `Uint16Array` holds IEEE 754 binary16 bits, as a `Float16Array` does where the runtime has
 * one. `Int8Array` holds whole numbers, which are not scaled.
 */
export type VectorInput = Float32Array | Uint16Array | Int8Array;

/** One vector, also as an array of numbers, which are rounded to float32. */
export type OneVectorInput = VectorInput | Float64Array | readonly number[];

/** Row-major, or an array of vectors. */
export type VectorsInput = OneVectorInput | readonly OneVectorInput[];

let halves: Float32Array | undefined;

/** Value of each of the 65536 binary16 patterns: sign, 5 bits of exponent, 10 of fraction. */
function tableOfHalves(): Float32Array {
  if (halves !== undefined) return halves;
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size =
      exponent === 31
        ? fraction === 0
          ? Infinity
          : NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    table[bits] = bits >= 0x8000 ? -size : size;
  }
  halves = table;
  return table;
}

/** A Float16Array viewed as its bits; anything else as it is. */
export function withoutHalfType(value: unknown): unknown {
  if (Object.prototype.toString.call(value) !== '[object Float16Array]') return value;
  const array = value as Uint16Array;
  return new Uint16Array(array.buffer, array.byteOffset, array.length);
}

/** @throws ERR_ARG_TYPE */
export function checkInput(name: string, value: unknown): VectorInput {
  const input = withoutHalfType(value);
  if (types.isFloat64Array(input)) return roundedOf(checkPresent(name, input));
  if (Array.isArray(input)) return floatsOf(name, input);
  if (types.isFloat32Array(input) || types.isUint16Array(input) || types.isInt8Array(input)) {
    return checkPresent(name, input);
  }
  throw wrongType(
    name,
    'numbers: a Float32Array, a Uint16Array of float16 bits, an Int8Array or an array',
    value,
  );
}

function roundedOf(values: Float64Array): Float32Array {
  const out = room(Float32Array, values.length);
  out.set(values);
  return out;
}

function floatsOf(name: string, values: readonly unknown[]): Float32Array {
  const out = room(Float32Array, values.length);
  for (let i = 0; i < out.length; i++) {
    const value = values[i];
    if (typeof value !== 'number') throw wrongType(`${name}[${i}]`, 'a number', value);
    out[i] = value;
  }
  return out;
}

/** An array of vectors of `dim` values each, as one. @throws ERR_ARG_TYPE | ERR_DIM_MISMATCH */
export function joinVectors(name: string, vectors: readonly unknown[], dim: number): Float32Array {
  const out = room(Float32Array, vectors.length * dim);
  for (let i = 0; i < vectors.length; i++) {
    const vector = checkInput(`${name}[${i}]`, vectors[i]);
    if (vector.length !== dim) {
      throw wrongLength(
        `${name}[${i}] has ${vector.length} values, the index holds ${dim}`,
        vector.length,
        dim,
      );
    }
    out.set(toFloats(vector), i * dim);
  }
  return out;
}

/** The same array if it holds float32, else a converted copy. */
export function toFloats(input: VectorInput): Float32Array {
  if (types.isFloat32Array(input)) return input;
  const out = room(Float32Array, input.length);
  if (types.isInt8Array(input)) {
    out.set(input);
    return out;
  }
  const table = tableOfHalves();
  for (let i = 0; i < out.length; i++) out[i] = table[input[i] as number] as number;
  return out;
}
