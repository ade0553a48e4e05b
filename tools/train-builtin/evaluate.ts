/**
 * Evaluates the built-in model by the product's encoder and linear scan.
 *
 * node dist/tools/train-builtin/evaluate.js [--model DIR] [--run DIR] [--card FILE]
 *
 * `--run` is train.py's folder: compares the exported graphs with PyTorch's results, and reports the training
 * time. `--card` writes the model card.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-node';
import { openClip } from '../../lib/encode';
import { examineHeldOut, examineOtherStyle } from './exam';
import { modelCard, type Figures } from './model-card';
import { productExaminee } from './product-examinee';

interface Parity {
  readonly pixels: readonly number[];
  readonly ids: readonly (readonly number[])[];
  readonly mask: readonly (readonly number[])[];
  readonly image_embeds: readonly (readonly number[])[];
  readonly text_embeds: readonly (readonly number[])[];
}

/** Largest difference between PyTorch and the exported graphs. */
async function parityOf(folder: string, parity: Parity): Promise<number> {
  const session = (name: string): Promise<ort.InferenceSession> =>
    ort.InferenceSession.create(path.join(folder, 'onnx', name));
  const longs = (rows: readonly (readonly number[])[]): ort.Tensor => {
    const flat = BigInt64Array.from(rows.flat(), BigInt);
    return new ort.Tensor('int64', flat, [rows.length, rows[0]?.length ?? 0]);
  };
  const side = Math.sqrt(parity.pixels.length / parity.image_embeds.length / 3);
  const pixels = new ort.Tensor('float32', Float32Array.from(parity.pixels), [parity.image_embeds.length, 3, side, side]); // prettier-ignore
  const seen = await (await session('vision_model.onnx')).run({ pixel_values: pixels });
  const read = await (await session('text_model.onnx')).run({ input_ids: longs(parity.ids.map((row, i) => row.map((id, j) => id * (parity.mask[i]?.[j] ?? 0)))), attention_mask: longs(parity.mask) }); // prettier-ignore
  const worst = (got: ort.Tensor | undefined, wanted: readonly (readonly number[])[]): number => {
    const dim = wanted[0]?.length ?? 0;
    const a = units((got as ort.Tensor).data as Float32Array, dim);
    const b = units(Float32Array.from(wanted.flat()), dim);
    return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
  };
  return Math.max(
    worst(seen['image_embeds'], parity.image_embeds),
    worst(read['text_embeds'], parity.text_embeds),
  );
}

function units(rows: Float32Array, dim: number): Float32Array {
  const out = rows.slice();
  for (let start = 0; start < out.length; start += dim) {
    const row = out.subarray(start, start + dim);
    const length = Math.hypot(...row);
    row.forEach((value, i) => (row[i] = value / length));
  }
  return out;
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(path.join(folder, name)))
    .filter((info) => info.isFile())
    .reduce((sum, info) => sum + info.size, 0);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: 'models/builtin' },
      run: { type: 'string' },
      card: { type: 'string' },
    },
  });
  const { model, run, card } = values;
  const clip = await openClip(path.resolve(model));
  const examinee = productExaminee(clip);
  const heldOut = await examineHeldOut(examinee);
  const otherStyle = await examineOtherStyle(examinee);
  await clip.close();
  const read = <T>(name: string): T | undefined => {
    const file = run === undefined ? '' : path.join(run, name);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
  };
  const parity = read<Parity>('parity.json');
  const training = read<Figures['training']>('training.json');
  const figures: Figures = {
    heldOut,
    otherStyle,
    bytes: bytesOf(model),
    ...(parity === undefined ? {} : { parity: await parityOf(model, parity) }),
    ...(training === undefined ? {} : { training }),
  };
  console.log(JSON.stringify(figures, null, 2));
  if (card !== undefined) writeFileSync(card, modelCard(figures));
}

void main();
