/** Vectors as they come: float32, float16 bits or int8, made float32 part by part. */
import { wrongType } from '../options';

/**
 * Row-major. `Uint16Array` holds IEEE 754 binary16 bits (as a `Float16Array` does, where the runtime
 * has one), `Int8Array` whole numbers, taken as they are: a scale of yours is yours to multiply, and
 * means nothing for cosine.
 */
export type VectorInput = Float32Array | Uint16Array | Int8Array;

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

/** A Float16Array of the runtime as its bits; anything else as it is. */
export function withoutHalfType(value: unknown): unknown {
  if (Object.prototype.toString.call(value) !== '[object Float16Array]') return value;
  const array = value as Uint16Array;
  return new Uint16Array(array.buffer, array.byteOffset, array.length);
}

/** @throws ERR_ARG_TYPE */
export function checkInput(name: string, value: unknown): VectorInput {
  const input = withoutHalfType(value);
  if (input instanceof Float32Array || input instanceof Uint16Array || input instanceof Int8Array) {
    return input;
  }
  throw wrongType(name, 'a Float32Array, a Uint16Array of float16 bits or an Int8Array', value);
}

/** The same floats, or a converted copy. */
export function toFloats(input: VectorInput): Float32Array {
  if (input instanceof Float32Array) return input;
  if (input instanceof Int8Array) return new Float32Array(input);
  const table = tableOfHalves();
  const out = new Float32Array(input.length);
  for (let i = 0; i < out.length; i++) out[i] = table[input[i] as number] as number;
  return out;
}
