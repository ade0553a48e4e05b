/** Lets a model answer the golden inputs on this machine. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openClip } from '../clip';
import type { Dtype } from '../dtype';
import { readJsonFile } from '../json-file';
import type { ModelFolder } from '../model-store';
import { GOLDEN_TEXTS, goldenPictures } from './golden-inputs';
import { readGolden, type Golden } from './golden';

const MAX_CONFIG_BYTES = 1 << 20;
const MAX_GOLDEN_BYTES = 1 << 20;

/** Kinds of models, as their config.json says, that take the golden inputs. */
const CLIPS = new Set(['clip']);

/** Undefined when there are no golden inputs for this kind of model. */
export async function encodeGolden(
  found: ModelFolder,
  dtype: Dtype,
  env: NodeJS.ProcessEnv,
  name: string,
): Promise<Golden | undefined> {
  const config = await readJsonFile(path.join(found.folder, 'config.json'), MAX_CONFIG_BYTES);
  if (!CLIPS.has(String(config['model_type']))) return undefined;
  const clip = await openClip(name, { env, dtype, workers: 1 });
  try {
    const pictures = goldenPictures();
    const vectors = new Map<string, Float32Array>();
    const keep = (names: Iterable<string>, rows: Float32Array): void => {
      let row = 0;
      for (const key of names) {
        vectors.set(key, rows.slice(row * clip.dim, (row + 1) * clip.dim));
        row++;
      }
    };
    keep(pictures.keys(), await clip.image.encode([...pictures.values()]));
    keep(GOLDEN_TEXTS.keys(), await clip.text.encode([...GOLDEN_TEXTS.values()]));
    const { sha256, preprocessVersion } = clip.identity;
    return { dtype, ...(await thisMachine()), preprocessVersion, sha256, vectors };
  } finally {
    await clip.close();
  }
}

async function thisMachine(): Promise<Pick<Golden, 'provider' | 'runtime' | 'platform'>> {
  const { env } = await import('onnxruntime-node');
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
