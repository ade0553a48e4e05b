/** Shared by all kinds of models: identity, and the pool behind an encoder. */
import { makeError } from '../../base/errors';
import { assertPart, MODEL_RUNTIME } from '../../base/parts/parts';
import type { ModelIdentity } from '../../base/types';
import { graphFile } from '../../models/dtype';
import type { ItemEncoder } from '../encoder';
import {
  hashOf,
  inspectGraph,
  type GraphFile,
  type ModelKind,
} from '../../models/store/model-files';
import { findModel, type ModelFolder } from '../../models/store/model-store';
import { TowerPool } from '../pool/pool';
import { noticesOf, type ClipOptions, type TowerSettings } from '../settings';
import type { Recipe, WorkerReply, WorkerSetup } from '../task';
import { towerEncoder, type InputKind } from '../pool/tower-encoder';

/** Options of every encoder; the type name tells the kind. */
export type EncoderOptions = ClipOptions;

export function identityOf(
  { id, revision }: ModelFolder,
  graphs: readonly (GraphFile | undefined)[],
  preprocessVersion: number,
): ModelIdentity {
  const sha256 = hashOf(graphs);
  // Folders have no commit; a prefix of the hash distinguishes versions as well.
  return { id, revision: revision ?? sha256.slice(0, 12), sha256, preprocessVersion };
}

export interface SingleModel {
  readonly folder: string;
  readonly graph: GraphFile;
  readonly identity: ModelIdentity;
}

/**
 * Finds and checks a model of one graph, `onnx/model.onnx`.
 *
 * @throws ERR_MODEL_MISSING | ERR_MODEL_RUNTIME | ERR_MODEL_INVALID | ERR_ARG_RANGE
 */
export async function openSingle(
  model: string,
  kind: Exclude<ModelKind, 'clip' | 'any'>,
  preprocessVersion: number,
  options: EncoderOptions,
): Promise<SingleModel> {
  assertPart(MODEL_RUNTIME);
  const found = await findModel(model, options.env, { kind, dtype: options.dtype });
  const name = graphFile('model', found.dtype);
  const graph = await inspectGraph(found.folder, name, found.boundary);
  if (graph === undefined) throw absentError(`${found.folder}/${name}`);
  const identity = identityOf(found, [graph], preprocessVersion);
  return { folder: found.folder, graph, identity };
}

/** What a tower needs besides its files: how inputs become tensors, and outputs vectors. */
export type TowerRecipe = Recipe &
  Pick<WorkerSetup, 'family' | 'pooling' | 'tap'> & {
    /** Length of the vectors. */
    readonly dim: number;
  };

/**
 * The encoder of a model of one graph, on a pool that starts with its first call.
 *
 * @param workerFile for fault injection in tests
 */
export function openTower<Input>(
  kind: InputKind<Input>,
  recipe: TowerRecipe,
  { folder, graph, identity }: SingleModel,
  settings: TowerSettings,
  options: EncoderOptions,
): ItemEncoder<Input> {
  const { threadsPerWorker: threads, device } = settings;
  const { file, sums: weights } = graph;
  const setup: WorkerSetup = { ...recipe, folder, file, weights, threads, device };
  const pool = new TowerPool(setup, settings, noticesOf(options));
  return towerEncoder(kind, identity, recipe.dim, pool, settings);
}

/** Placeholder for a missing CLIP tower: every call fails with ERR_MODEL_MISSING, and no worker starts. */
export class AbsentTowerPool extends TowerPool {
  constructor(
    private readonly absent: WorkerSetup,
    settings: TowerSettings,
  ) {
    super(absent, settings, () => undefined);
  }

  override run(): Promise<WorkerReply> {
    return Promise.reject(absentError(this.absent.file));
  }
}

function absentError(file: string): Error {
  return makeError(
    'ERR_MODEL_MISSING',
    `the model has no file ${file}: put it there, or use a model that has it`,
    { details: { file } },
  );
}
