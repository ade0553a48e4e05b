/** What opening has in common for all kinds of models: the identity, and the pool behind an encoder. */
import { makeError } from '../errors';
import type { ModelIdentity } from '../types';
import { graphFile } from './dtype';
import { hashOf, inspectGraph, type GraphFile, type ModelKind } from './model-files';
import { findModel, type ModelFolder } from './model-store';
import { TowerPool } from './pool';
import type { ClipOptions, TowerSettings } from './settings';
import type { WorkerReply, WorkerSetup } from './task';

/** Options of every encoder; the name says where they began. */
export type EncoderOptions = ClipOptions;

export function identityOf(
  { id, revision }: ModelFolder,
  graphs: readonly (GraphFile | undefined)[],
  preprocessVersion: number,
): ModelIdentity {
  const sha256 = hashOf(graphs);
  // Folders have no commit; the head of the hash tells two versions apart just as well.
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
 * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_ARG_RANGE
 */
export async function openSingle(
  model: string,
  kind: Exclude<ModelKind, 'clip' | 'any'>,
  preprocessVersion: number,
  options: EncoderOptions,
): Promise<SingleModel> {
  const found = await findModel(model, options.env, { kind, dtype: options.dtype });
  const name = graphFile('model', found.dtype);
  const graph = await inspectGraph(found.folder, name, found.boundary);
  if (graph === undefined) throw absentError(`${found.folder}/${name}`);
  const identity = identityOf(found, [graph], preprocessVersion);
  return { folder: found.folder, graph, identity };
}

/** @param workerFile tests bring faults in through it */
export function makePool(
  setup: WorkerSetup,
  settings: TowerSettings,
  onNotice: (line: string) => void,
  workerFile: string | undefined,
): TowerPool {
  return new TowerPool(setup, settings, onNotice, workerFile);
}

/** Stands where a CLIP has no such tower: every call is ERR_MODEL_MISSING, and no worker starts. */
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
