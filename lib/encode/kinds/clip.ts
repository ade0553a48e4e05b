/**
 * Opens a CLIP model: finds it, checks it, and puts each of its two encoders on a pool that starts on
 * demand.
 */
import path from 'node:path';
import { makeError } from '../../base/errors';
import { assertPart, MODEL_RUNTIME } from '../../base/parts/parts';
import type { ModelIdentity } from '../../base/types';
import { graphFile } from '../../models/dtype';
import type { ClipModel, ImageEncoder, SentenceEncoder } from '../encoder';
import { IMAGE, TEXT } from './input-kinds';
import { readClipConfig, type ClipConfig } from './model-config';
import { inspectClip, type GraphFile } from '../../models/store/model-files';
import { findModel } from '../../models/store/model-store';
import { AbsentTowerPool, identityOf } from './open-model';
import { TowerPool } from '../pool/pool';
import { PREPROCESS_VERSION } from '../preprocess/preprocess';
import { encoderOptions, noticesOf, towerSettings, type ClipOptions } from '../settings';
import type { Recipe, WorkerSetup } from '../task';
import { towerEncoder, type InputKind } from '../pool/tower-encoder';
import { fitTower } from '../tower-io';

/**
 * Opens a model without loading it: workers start and read weights on the first call, separately for text
 * and image tower.
 *
 * A folder with one tower is enough: calls of the other fail with ERR_MODEL_MISSING. If neither tower has
 * its own file, both use `onnx/model.onnx`; each call then computes both.
 *
 * @param model `builtin` (default), a folder, or a repository id in the local hub cache
 * @param workerFile  another worker, through which tests bring faults in
 * @throws ERR_MODEL_MISSING with the remedy | ERR_MODEL_RUNTIME | ERR_MODEL_INVALID | ERR_ARG_RANGE
 * Cost: hashes the weight files once per process, about a second per gigabyte.
 */
export async function openClip(
  model?: string,
  given: ClipOptions = {},
  workerFile?: string,
): Promise<ClipModel> {
  const options = encoderOptions(given);
  // Before anything is decoded for a model that cannot run.
  assertPart(MODEL_RUNTIME);
  const found = await findModel(model, options.env, { dtype: options.dtype });
  const graphs = await inspectClip(found.folder, found.boundary, found.dtype);
  const config = await readClipConfig(found.folder, graphs.vision !== undefined);
  const parts: TowerParts = {
    folder: found.folder,
    identity: identityOf(found, [graphs.vision, graphs.text], PREPROCESS_VERSION),
    config,
    dim: dimOf(config, graphs),
    options,
    onNotice: noticesOf(options),
    workerFile,
  };
  const { preprocess, text } = config;
  const words: Recipe = { modality: 'text', text };
  // The setup of a missing tower is never used.
  const pictures: Recipe = preprocess ? { modality: 'image', preprocess } : words;
  return new Clip(
    parts,
    found.isBuiltin,
    tower(parts, IMAGE, pictures, graphs.vision, graphFile('vision_model', found.dtype)),
    tower(parts, TEXT, words, graphs.text, graphFile('text_model', found.dtype)),
  );
}

interface TowerParts {
  readonly folder: string;
  readonly identity: ModelIdentity;
  readonly config: ClipConfig;
  readonly dim: number;
  readonly options: ClipOptions;
  readonly onNotice: (line: string) => void;
  readonly workerFile: string | undefined;
}

/** Reads the output size of every tower; they must agree with each other and with the configuration. */
function dimOf(
  { family, dim, preprocess, text }: ClipConfig,
  graphs: { vision: GraphFile | undefined; text: GraphFile | undefined },
): number {
  const size = preprocess?.size ?? 0;
  const dims = [
    graphs.vision && { modality: 'image' as const, graph: graphs.vision, size },
    graphs.text && { modality: 'text' as const, graph: graphs.text, maxTokens: text.maxTokens },
  ].flatMap((asked) => {
    if (asked === undefined) return [];
    const { graph, ...want } = asked;
    const { file } = graph;
    return [fitTower(graph.signature, { ...want, dim, family, file }).dim];
  });
  const [first, second = first] = dims;
  if (first === undefined || first !== second) {
    throw makeError(
      'ERR_MODEL_INVALID',
      `the image tower gives ${first} values, the text tower ${second}: they are of different models`,
      { details: { image: first, text: second } },
    );
  }
  return first;
}

function tower<Input>(
  parts: TowerParts,
  kind: InputKind<Input>,
  recipe: Recipe,
  graph: GraphFile | undefined,
  name: string,
): ReturnType<typeof towerEncoder<Input>> {
  const { folder, config, dim, identity, options } = parts;
  const settings = towerSettings(
    recipe.modality === 'text' ? 'text' : 'image',
    graph?.bytes ?? 0,
    options,
  );
  const pictureSize = config.preprocess?.size;
  const setup: WorkerSetup = {
    ...recipe,
    pictureSize,
    family: config.family,
    folder,
    file: graph?.file ?? path.join(folder, name),
    weights: graph?.sums,
    dim,
    threads: settings.threadsPerWorker,
    device: settings.device,
  };
  const pool =
    graph === undefined
      ? new AbsentTowerPool(setup, settings)
      : new TowerPool(setup, settings, parts.onNotice, parts.workerFile);
  return towerEncoder(kind, identity, dim, pool, settings);
}

class Clip implements ClipModel {
  readonly identity: ModelIdentity;
  readonly dim: number;
  readonly logitScale: number;

  constructor(
    parts: TowerParts,
    readonly isBuiltin: boolean,
    readonly image: ImageEncoder,
    readonly text: SentenceEncoder,
  ) {
    this.identity = parts.identity;
    this.dim = parts.dim;
    this.logitScale = parts.config.logitScale;
  }

  async close(): Promise<void> {
    await Promise.all([this.image.close(), this.text.close()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
