/** Opens a CLIP model: finds it, checks it, and stands the two encoders on pools that start later. */
import type { ModelIdentity } from '../types';
import type { ClipModel, Encoder, ImageEncoder } from './encoder';
import { readClipConfig, type ClipConfig } from './model-config';
import { inspectModelFiles, type ModelFiles } from './model-files';
import { findModel } from './model-store';
import { TowerPool } from './pool';
import { PREPROCESS_VERSION } from './preprocess';
import { noticesOf, towerSettings, type ClipOptions } from './settings';
import type { WorkerSetup } from './task';
import { imageEncoder, textEncoder } from './tower-encoder';

/**
 * Opens a model without loading it: workers start, and weights are read, with the first call that
 * needs them; text and image towers apart.
 *
 * @param model `builtin` (default), a folder, or a repository id in the local hub cache
 * @throws ERR_MODEL_MISSING with the remedy | ERR_MODEL_INVALID | ERR_ARG_RANGE
 * Cost: hashes the weight files once per process, about a second per gigabyte.
 */
export function openClip(model?: string, options: ClipOptions = {}): Promise<ClipModel> {
  return openClipWithWorker(model, options);
}

/** `openClip` with another worker file, through which tests bring faults in. */
export async function openClipWithWorker(
  model: string | undefined,
  options: ClipOptions,
  workerFile?: string,
): Promise<ClipModel> {
  const found = await findModel(model, options.env, { dtype: options.dtype });
  const config = await readClipConfig(found.folder);
  const files = await inspectModelFiles(found.folder, found.boundary, found.dtype);
  const identity: ModelIdentity = {
    id: found.id,
    // Folders have no commit; the head of the hash tells two versions apart just as well.
    revision: found.revision ?? files.sha256.slice(0, 12),
    sha256: files.sha256,
    preprocessVersion: PREPROCESS_VERSION,
  };
  const onNotice = noticesOf(options);
  const setup = { folder: found.folder, files, config, options, onNotice, workerFile };
  return new Clip(
    identity,
    config,
    found.isBuiltin,
    imageTower(identity, setup),
    textTower(identity, setup),
  );
}

interface TowerParts {
  readonly folder: string;
  readonly files: ModelFiles;
  readonly config: ClipConfig;
  readonly options: ClipOptions;
  readonly onNotice: (line: string) => void;
  readonly workerFile: string | undefined;
}

function imageTower(identity: ModelIdentity, parts: TowerParts): ImageEncoder {
  const settings = towerSettings('image', parts.files.visionBytes, parts.options);
  const pool = makePool('image', parts.files.vision, parts, settings);
  return imageEncoder(identity, parts.config.dim, pool, settings);
}

function textTower(identity: ModelIdentity, parts: TowerParts): Encoder<string> {
  const settings = towerSettings('text', parts.files.textBytes, parts.options);
  const pool = makePool('text', parts.files.text, parts, settings);
  return textEncoder(identity, parts.config.dim, pool, settings);
}

function makePool(
  modality: 'image' | 'text',
  file: string,
  parts: TowerParts,
  settings: ReturnType<typeof towerSettings>,
): TowerPool {
  const setup: WorkerSetup = {
    modality,
    folder: parts.folder,
    file,
    dim: parts.config.dim,
    threads: settings.threadsPerWorker,
    preprocess: parts.config.preprocess,
    maxTokens: parts.config.maxTokens,
    device: settings.device,
  };
  return new TowerPool(setup, settings, parts.onNotice, parts.workerFile);
}

class Clip implements ClipModel {
  readonly dim: number;
  readonly logitScale: number;

  constructor(
    readonly identity: ModelIdentity,
    config: ClipConfig,
    readonly isBuiltin: boolean,
    readonly image: ImageEncoder,
    readonly text: Encoder<string>,
  ) {
    this.dim = config.dim;
    this.logitScale = config.logitScale;
  }

  async close(): Promise<void> {
    await Promise.all([this.image.close(), this.text.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
