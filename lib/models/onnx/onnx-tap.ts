/**
 * Adds the hidden states to the outputs of a speech recognition model. Exports of wav2vec2 for recognition
 * output only `logits`, the product of the hidden states and one matrix; embeddings need the states.
 * Field numbers are those of onnx.proto.
 */
import { readFileSync } from 'node:fs';
import { makeError } from '../../base/errors';
import { readOnnx } from './onnx-file';
import { messages, nameOf, textField } from './onnx-signature';
import { WIRE } from './protobuf';

const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const GRAPH_OUTPUT = 12;
/** Operators between the matrix and the output that pass their input through. */
const PASSING = new Set(['Identity', 'Dropout']);
const MAX_NODES = 100_000;
/** Below the 2 GB limit of one read. */
const MAX_BYTES = 2 ** 31 - 2 ** 20;

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
}

/**
 * The input tensor of the last matrix before `output`; undefined unless the graph ends in `Gemm`, or in
 * `MatMul` with or without a bias.
 *
 * @throws ERR_MODEL_INVALID
 */
export function statesBehind(file: string, output: string): string | undefined {
  const nodes = readNodes(file);
  let at = nodes.get(output);
  while (at !== undefined && PASSING.has(at.op)) at = nodes.get(at.inputs[0] ?? '');
  if (at?.op === 'Add') {
    // The bias is a weight, not the output of a node.
    const made = at.inputs.filter((name) => nodes.has(name));
    at = made.length === 1 ? nodes.get(made[0] as string) : undefined;
  }
  return at?.op === 'MatMul' || at?.op === 'Gemm' ? at.inputs[0] : undefined;
}

/** By output name. */
function readNodes(file: string): ReadonlyMap<string, Node> {
  return readOnnx(file, (reader) => {
    const nodes = new Map<string, Node>();
    for (const graph of messages(reader, { from: 0, to: reader.size }, MODEL_GRAPH)) {
      for (const node of messages(reader, graph, GRAPH_NODE)) {
        const names = (number: number): string[] =>
          [...messages(reader, node, number)].map(({ from, to }) => nameOf(reader, from, to));
        const [inputs, outputs] = [names(1), names(2)];
        const op = textField(reader, node, 4);
        for (const output of outputs) nodes.set(output, { op, inputs });
        if (nodes.size > MAX_NODES) throw new RangeError('too many nodes');
      }
    }
    return nodes;
  });
}

/**
 * The file's bytes with `tensor` as another output, float32 [n, positions, states]. The output is appended
 * as a second graph message, which protobuf parsers merge with the first.
 *
 * @throws ERR_MODEL_INVALID if the file is too large
 */
export function withOutput(file: string, tensor: string): Uint8Array {
  const model = readFileSync(file);
  if (model.length > MAX_BYTES) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `${file} has ${model.length} bytes, at most ${MAX_BYTES}`,
      {
        details: { file },
      },
    );
  }
  const sizes = ['n', 'positions', 'states'].map((name) => field(1, field(2, Buffer.from(name))));
  const tensorType = Buffer.concat([Buffer.from([1 << 3, 1]), field(2, Buffer.concat(sizes))]);
  const value = Buffer.concat([field(1, Buffer.from(tensor)), field(2, field(1, tensorType))]);
  return Buffer.concat([model, field(MODEL_GRAPH, field(GRAPH_OUTPUT, value))]);
}

/** One length-delimited field. */
function field(number: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + WIRE.bytes, ...varint(body.length)]), body]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}
