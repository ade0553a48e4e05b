/**
 * Inputs and outputs of a graph, read from the ONNX file: names, element types and shapes. So the `dim` of
 * an encoder is known before any weight is loaded.
 *
 * Field numbers are those of onnx.proto: ModelProto.graph 7; GraphProto.initializer 5, .input 11,
 * .output 12; ValueInfoProto.name 1, .type 2; TypeProto.tensor_type 1; Tensor.elem_type 1, .shape 2;
 * TensorShapeProto.dim 1; Dimension.dim_value 1, .dim_param 2; TensorProto.name 8.
 */
import { readOnnx } from './onnx-file';
import { protoFields, WIRE, type FileReader, type ProtoField } from './protobuf';

/** Element types of encoders, by TensorProto.DataType. */
export const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  1: 'float32',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
};

export interface TensorInfo {
  readonly name: string;
  /** `float32`, `int64` ...; others by their number. */
  readonly type: string;
  /** A name is a size that the caller chooses; undefined if not stated. */
  readonly shape: readonly (number | string)[] | undefined;
}

export interface Signature {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/** Encoders have a few dozen at most, decoders with caches some hundreds. */
const MAX_TENSORS = 4096;
const MAX_RANK = 16;
const MAX_NAME_BYTES = 4096;

/** @throws ERR_MODEL_INVALID */
export function readSignature(file: string): Signature {
  return readOnnx(file, (reader) => {
    const inputs: TensorInfo[] = [];
    const outputs: TensorInfo[] = [];
    // Before IR version 4, weights were listed among the inputs.
    const weights = new Set<string>();
    for (const graph of messages(reader, { from: 0, to: reader.size }, 7)) {
      for (const field of protoFields(reader, graph.from, graph.to)) {
        if (field.wire !== WIRE.bytes) continue;
        if (field.number === 5) weights.add(textField(reader, field, 8));
        if (field.number === 11) inputs.push(tensorInfo(reader, field));
        if (field.number === 12) outputs.push(tensorInfo(reader, field));
        if (inputs.length + outputs.length > MAX_TENSORS + weights.size)
          throw new RangeError('too many inputs and outputs');
      }
    }
    return { inputs: inputs.filter(({ name }) => !weights.has(name)), outputs };
  });
}

type Span = Pick<ProtoField, 'from' | 'to'>;

/** The length-delimited fields with this number. */
export function* messages(reader: FileReader, span: Span, number: number): Generator<ProtoField> {
  for (const field of protoFields(reader, span.from, span.to))
    if (field.number === number && field.wire === WIRE.bytes) yield field;
}

/** The first field with this number as text, or ''. */
export function textField(reader: FileReader, span: Span, number: number): string {
  for (const { from, to } of messages(reader, span, number)) return nameOf(reader, from, to);
  return '';
}

/** @throws RangeError if too long for a name */
export function nameOf(reader: FileReader, from: number, to: number): string {
  if (to - from > MAX_NAME_BYTES) throw new RangeError(`a name of ${to - from} bytes`);
  return reader.text(from, to);
}

function tensorInfo(reader: FileReader, span: Span): TensorInfo {
  let type = 'no tensor';
  let shape: (number | string)[] | undefined;
  for (const typeProto of messages(reader, span, 2)) {
    for (const tensor of messages(reader, typeProto, 1)) {
      for (const field of protoFields(reader, tensor.from, tensor.to)) {
        if (field.number === 1 && field.wire === WIRE.varint)
          type = ELEMENT_TYPES[field.value] ?? `type ${field.value}`;
        if (field.number === 2 && field.wire === WIRE.bytes) shape = shapeOf(reader, field);
      }
    }
  }
  return { name: textField(reader, span, 1), type, shape };
}

function shapeOf(reader: FileReader, span: Span): (number | string)[] {
  const shape: (number | string)[] = [];
  for (const dim of messages(reader, span, 1)) {
    if (shape.length === MAX_RANK) throw new RangeError(`a shape of more than ${MAX_RANK} sizes`);
    let size: number | string = '?';
    for (const field of protoFields(reader, dim.from, dim.to)) {
      // Some exporters write a size below 1 for "any".
      if (field.number === 1 && field.wire === WIRE.varint && isSize(field.value))
        size = field.value;
      if (field.number === 2 && field.wire === WIRE.bytes) size = textField(reader, dim, 2) || '?';
    }
    shape.push(size);
  }
  return shape;
}

const isSize = (value: number): boolean => value >= 1 && value < 2 ** 31;
