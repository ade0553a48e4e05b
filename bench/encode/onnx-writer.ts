/**
 * Writes ONNX graphs: the parts of protobuf and onnx.proto that a transformer needs. Field numbers: onnx/onnx
 * `onnx/onnx.proto`.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

/** Consecutive pieces of a message; weights are not copied. */
type Parts = readonly Uint8Array[];

const FLOAT = 1;
const INT64 = 7;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

const lengthOf = (parts: Parts): number => parts.reduce((sum, part) => sum + part.byteLength, 0);

/** A length-delimited field: text, bytes or a message. */
function field(number: number, content: string | Uint8Array | Parts): Parts {
  const body =
    typeof content === 'string'
      ? [Buffer.from(content)]
      : content instanceof Uint8Array
        ? [content]
        : content;
  return [varint(number * 8 + 2), varint(lengthOf(body)), ...body];
}

const integer = (number: number, value: number): Parts => [varint(number * 8), varint(value)];

function float(number: number, value: number): Parts {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [varint(number * 8 + 5), bytes];
}

function attribute(name: string, value: number | readonly number[], isFloat = false): Parts {
  const kind = isFloat ? 1 : typeof value === 'number' ? 2 : 7;
  const content =
    typeof value === 'number'
      ? isFloat
        ? float(2, value)
        : integer(3, value)
      : value.flatMap((one) => integer(8, one));
  return field(5, [...field(1, name), ...content, ...integer(20, kind)]);
}

export interface Attributes {
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
}

/** Builds a graph. Values are identified by name; `node` returns that of its only output. */
export class GraphWriter {
  private readonly nodes: Uint8Array[] = [];
  private readonly weights: Uint8Array[] = [];
  private readonly ends: Uint8Array[] = [];
  private count = 0;

  node(
    op: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    output?: string,
  ): string {
    const name = output ?? `v${this.count++}`;
    const { ints = {}, floats = {} } = attributes;
    this.nodes.push(
      ...field(1, [
        ...inputs.flatMap((input) => field(1, input)),
        ...field(2, name),
        ...field(4, op),
        ...Object.entries(ints).flatMap(([key, value]) => attribute(key, value)),
        ...Object.entries(floats).flatMap(([key, value]) => attribute(key, value, true)),
      ]),
    );
    return name;
  }

  /** A constant; `values` must not change until the file is written. */
  tensor(dims: readonly number[], values: Float32Array | BigInt64Array): string {
    const name = `w${this.count++}`;
    const type = values instanceof Float32Array ? FLOAT : INT64;
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.weights.push(
      ...field(5, [
        ...dims.flatMap((dim) => integer(1, dim)),
        ...integer(2, type),
        ...field(8, name),
        ...field(9, raw),
      ]),
    );
    return name;
  }

  /** A float input or output of the graph; a string is a dimension of any size. */
  end(kind: 'input' | 'output', name: string, dims: readonly (number | string)[]): void {
    const shape = dims.flatMap((dim) =>
      field(1, typeof dim === 'number' ? integer(1, dim) : field(2, dim)),
    );
    const tensor = [...integer(1, FLOAT), ...field(2, shape)];
    const info = [...field(1, name), ...field(2, field(1, tensor))];
    this.ends.push(...field(kind === 'input' ? 11 : 12, info));
  }

  write(file: string): void {
    const graph = [...this.nodes, ...field(2, 'bench'), ...this.weights, ...this.ends];
    const parts = [
      ...integer(1, 8),
      ...field(8, [...field(1, ''), ...integer(2, 17)]),
      ...field(7, graph),
    ];
    const out = openSync(file, 'w');
    try {
      for (const part of parts) writeSync(out, part);
    } finally {
      closeSync(out);
    }
  }
}
