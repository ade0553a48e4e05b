/** Runs a model on the golden inputs on this machine. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ModelIdentity } from '../../base/types';
import { openAudioEncoder } from '../kinds/audio';
import { openClip } from '../kinds/clip';
import type { Dtype } from '../../models/dtype';
import type { Encoder } from '../encoder';
import { readJsonFile } from '../../models/json-file';
import { MODEL_TYPES } from '../kinds/model-config';
import { inspectClip } from '../../models/store/model-files';
import type { ModelFolder } from '../../models/store/model-store';
import type { EncoderOptions } from '../kinds/open-model';
import { openSentenceEncoder } from '../kinds/sentence';
import { openVideoEncoder } from '../kinds/video';
import { GOLDEN_TEXTS, goldenClips, goldenPictures, goldenSounds } from './golden-inputs';
import { readGolden, type Golden } from '../../models/store/golden';

const MAX_GOLDEN_BYTES = 1 << 20;

interface Answers {
  readonly identity: ModelIdentity;
  /** By name of the golden input. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

type Ask = (name: string, options: EncoderOptions, found: ModelFolder) => Promise<Answers>;

const ASK: Readonly<Record<keyof typeof MODEL_TYPES, Ask>> = {
  clip: askClip,
  sentence: async (name, options) => askOne(await openSentenceEncoder(name, options), GOLDEN_TEXTS),
  video: async (name, options) => askOne(await openVideoEncoder(name, options), goldenClips()),
  audio: async (name, options) => askOne(await openAudioEncoder(name, options), goldenSounds()),
};

/**
 * Opens the model as the kind its `model_type` names, and closes it again.
 *
 * @returns undefined when there are no golden inputs for this kind of model
 * @throws what opening and encoding throw
 */
export async function encodeGolden(
  found: ModelFolder,
  dtype: Dtype,
  env: NodeJS.ProcessEnv,
  name: string,
): Promise<Golden | undefined> {
  const config = await readJsonFile(path.join(found.folder, 'config.json'));
  const type = String(config['model_type']);
  const kinds = Object.keys(ASK) as (keyof typeof ASK)[];
  const kind = kinds.find((candidate) => MODEL_TYPES[candidate].includes(type));
  if (kind === undefined) return undefined;
  const { identity, vectors } = await ASK[kind](name, { env, dtype, workers: 1 }, found);
  const { sha256, preprocessVersion } = identity;
  return { dtype, ...(await thisMachine()), preprocessVersion, sha256, vectors };
}

/** For a CLIP with one tower, only that one. */
async function askClip(
  name: string,
  options: EncoderOptions,
  { folder, boundary, dtype }: ModelFolder,
): Promise<Answers> {
  const { vision, text } = await inspectClip(folder, boundary, dtype);
  const clip = await openClip(name, options);
  try {
    const pictures = vision && (await answersOf(clip.image, goldenPictures()));
    const texts = text && (await answersOf(clip.text, GOLDEN_TEXTS));
    return { identity: clip.identity, vectors: new Map([...(pictures ?? []), ...(texts ?? [])]) };
  } finally {
    await clip.close();
  }
}

async function askOne<Input>(
  encoder: Encoder<Input>,
  inputs: ReadonlyMap<string, Input>,
): Promise<Answers> {
  try {
    return { identity: encoder.model, vectors: await answersOf(encoder, inputs) };
  } finally {
    await encoder.close();
  }
}

async function answersOf<Input>(
  encoder: Encoder<Input>,
  inputs: ReadonlyMap<string, Input>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const rows = await encoder.encode([...inputs.values()]);
  const rowAt = (i: number): Float32Array => rows.slice(i * encoder.dim, (i + 1) * encoder.dim);
  return new Map([...inputs.keys()].map((name, i) => [name, rowAt(i)]));
}

async function thisMachine(): Promise<Pick<Golden, 'provider' | 'runtime' | 'platform'>> {
  const { env } = await import('../towers/runtime.js');
  const runtime = `onnxruntime ${env.versions.node ?? env.versions.common}`;
  return { provider: 'cpu', runtime, platform: `${process.platform}-${process.arch}` };
}

/** The golden vectors that come with the built-in model. */
export async function readBuiltinGolden(folder: string): Promise<Golden | undefined> {
  const text = await readFile(path.join(folder, 'golden.json'), 'utf8').catch(() => undefined);
  if (text === undefined || text.length > MAX_GOLDEN_BYTES) return undefined;
  try {
    return readGolden(JSON.parse(text));
  } catch {
    return undefined;
  }
}
