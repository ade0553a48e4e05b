/**
 * A model folder whose image tower has the shape of CLIP ViT-B/32 and random weights: the computation of the
 * published model (87.8 M parameters, 4.4 G multiply-adds per picture) without its download. The operators are
 * those of the Hugging Face export (heads split by reshape and transpose, x * sigmoid(1.702 x)).
 *
 * Source: Radford and others, arXiv:2103.00020, table 20; Dosovitskiy and others, arXiv:2010.11929.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GraphWriter } from './onnx-writer';

const SIDE = 224;
const PATCH = 32;
const WIDTH = 768;
const HEADS = 12;
const LAYERS = 12;
const DIM = 512;
const TOKENS = (SIDE / PATCH) ** 2 + 1;
const SEED = 32;

let state = SEED;

/** Uniform with the standard deviation of trained weights, so that values neither overflow nor vanish. */
function weights(length: number, deviation = 0.02): Float32Array {
  const values = new Float32Array(length);
  const scale = (deviation * Math.sqrt(12)) / 2 ** 32;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state - 2 ** 31) * scale;
  }
  return values;
}

class VitWriter extends GraphWriter {
  linear(input: string, from: number, to: number): string {
    const product = this.node('MatMul', [input, this.tensor([from, to], weights(from * to))]);
    return this.node('Add', [product, this.tensor([to], weights(to))]);
  }

  norm(input: string): string {
    const scale = this.tensor([WIDTH], new Float32Array(WIDTH).fill(1));
    const bias = this.tensor([WIDTH], new Float32Array(WIDTH));
    return this.node('LayerNormalization', [input, scale, bias], {
      ints: { axis: 2 },
      floats: { epsilon: 1e-5 },
    });
  }

  ints(...values: number[]): string {
    return this.tensor([values.length], BigInt64Array.from(values, BigInt));
  }

  attention(input: string): string {
    const split = this.ints(0, TOKENS, HEADS, WIDTH / HEADS);
    const heads = (perm: readonly number[]): string => {
      const all = this.node('Reshape', [this.linear(input, WIDTH, WIDTH), split]);
      return this.node('Transpose', [all], { ints: { perm } });
    };
    const query = heads([0, 2, 1, 3]);
    const key = heads([0, 2, 3, 1]);
    const value = heads([0, 2, 1, 3]);
    const scale = this.tensor([1], Float32Array.of(1 / Math.sqrt(WIDTH / HEADS)));
    const scores = this.node('Mul', [this.node('MatMul', [query, key]), scale]);
    const shares = this.node('Softmax', [scores], { ints: { axis: 3 } });
    const mixed = this.node('Transpose', [this.node('MatMul', [shares, value])], {
      ints: { perm: [0, 2, 1, 3] },
    });
    const joined = this.node('Reshape', [mixed, this.ints(0, TOKENS, WIDTH)]);
    return this.linear(joined, WIDTH, WIDTH);
  }

  mlp(input: string): string {
    const wide = this.linear(input, WIDTH, 4 * WIDTH);
    const scaled = this.node('Mul', [wide, this.tensor([1], Float32Array.of(1.702))]);
    const gated = this.node('Mul', [wide, this.node('Sigmoid', [scaled])]);
    return this.linear(gated, 4 * WIDTH, WIDTH);
  }
}

function writeVisionTower(file: string): void {
  const graph = new VitWriter();
  graph.end('input', 'pixel_values', ['batch', 3, SIDE, SIDE]);
  const filter = graph.tensor([WIDTH, 3, PATCH, PATCH], weights(WIDTH * 3 * PATCH * PATCH));
  const patches = graph.node('Conv', ['pixel_values', filter], {
    ints: { kernel_shape: [PATCH, PATCH], strides: [PATCH, PATCH] },
  });
  const flat = graph.node('Reshape', [patches, graph.ints(0, WIDTH, TOKENS - 1)]);
  const tokens = graph.node('Transpose', [flat], { ints: { perm: [0, 2, 1] } });
  const shape = graph.node('Shape', ['pixel_values']);
  const batch = graph.node('Slice', [shape, graph.ints(0), graph.ints(1)]);
  const wanted = graph.node('Concat', [batch, graph.ints(1, WIDTH)], { ints: { axis: 0 } });
  const first = graph.node('Expand', [graph.tensor([1, 1, WIDTH], weights(WIDTH)), wanted]);
  const all = graph.node('Concat', [first, tokens], { ints: { axis: 1 } });
  const places = graph.tensor([1, TOKENS, WIDTH], weights(TOKENS * WIDTH));
  let hidden = graph.norm(graph.node('Add', [all, places]));
  for (let layer = 0; layer < LAYERS; layer++) {
    hidden = graph.node('Add', [hidden, graph.attention(graph.norm(hidden))]);
    hidden = graph.node('Add', [hidden, graph.mlp(graph.norm(hidden))]);
  }
  const normed = graph.norm(hidden);
  const pooled = graph.node('Gather', [normed, graph.tensor([], BigInt64Array.of(0n))], {
    ints: { axis: 1 },
  });
  const project = graph.tensor([WIDTH, DIM], weights(WIDTH * DIM));
  graph.node('MatMul', [pooled, project], {}, 'image_embeds');
  graph.end('output', 'image_embeds', ['batch', DIM]);
  graph.write(file);
}

/** Writes the folder, with an image tower only. */
export function writeVitModel(folder: string): string {
  const builtin = path.resolve(__dirname, '../../../models/builtin');
  mkdirSync(path.join(folder, 'onnx'), { recursive: true });
  const json = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(path.join(builtin, name), 'utf8')) as Record<string, unknown>;
  const config = json('config.json');
  const vision = { ...(config['vision_config'] as object), image_size: SIDE, patch_size: PATCH };
  const save = (name: string, value: unknown): void =>
    writeFileSync(path.join(folder, name), JSON.stringify(value));
  save('config.json', { ...config, projection_dim: DIM, vision_config: vision });
  save('preprocessor_config.json', {
    ...json('preprocessor_config.json'),
    size: { shortest_edge: SIDE },
    crop_size: { height: SIDE, width: SIDE },
  });
  writeVisionTower(path.join(folder, 'onnx', 'vision_model.onnx'));
  return folder;
}
