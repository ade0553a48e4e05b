/**
 * A loaded tower: turns the inputs of a task into raw rows. Each modality is a file of its own, loaded by
 * name, so that a text worker never loads the image library.
 */
import { makeError } from '../../base/errors';
import { isAsSummed } from '../../models/file-hash';
import { TowerSession } from './session';
import { toWire, type TaskInput, type WireError, type WorkerSetup } from '../task';
import { TextTokenizer } from '../preprocess/tokenizer';

export type ItemErrors = (WireError | undefined)[];

/** Raw rows, shape [items, dim]. */
export interface Rows {
  readonly vectors: Float32Array;
  /** For texts: tokens read per item. */
  readonly tokens?: Uint32Array;
}

export interface Tower {
  readonly session: TowerSession;
  /** A failed item gets an entry in `errors`; its row is ignored. */
  embed(input: TaskInput, errors: ItemErrors): Promise<Rows>;
}

/**
 * Loads what was opened: a model is loaded when it is first needed, and again after it was given up, and its
 * folder may hold another one by then.
 *
 * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_MODEL_HASH
 */
export async function loadTower(setup: WorkerSetup): Promise<Tower> {
  await assertAsOpened(setup);
  const tower = await load(setup);
  try {
    // It may have been replaced while it was read.
    await assertAsOpened(setup);
    return tower;
  } catch (error) {
    await tower.session.release();
    throw error;
  }
}

async function assertAsOpened({ weights = [] }: WorkerSetup): Promise<void> {
  for (const weight of weights) {
    const { file } = weight;
    // Of a file that is missing or cannot be read, loading says so.
    if (await isAsSummed(file, weight).catch(() => true)) continue;
    throw makeError(
      'ERR_MODEL_HASH',
      `${file} is not the file that was opened: its vectors would not fit those that are there. Put the ` +
        'former file back, or close what was opened and open it again with the new model',
      { details: { file, opened: weight.sha256 } },
    );
  }
}

async function load(setup: WorkerSetup): Promise<Tower> {
  switch (setup.modality) {
    case 'image':
    case 'video':
      return (await import('./picture-tower.js')).loadPictureTower(setup);
    case 'text':
      return loadTextTower(setup);
    case 'audio':
      return (await import('./audio-tower.js')).loadAudioTower(setup);
  }
}

async function loadTextTower(setup: WorkerSetup & { modality: 'text' }): Promise<Tower> {
  const tokenizer = await TextTokenizer.load(setup.folder, setup.text);
  const session = await TowerSession.load(setup);
  return {
    session,
    embed: async ({ texts = [] }) => {
      if (texts.length === 0) return { vectors: new Float32Array(0) };
      const { ids, mask, length } = tokenizer.encodeBatch(texts, session.fixedLength);
      const tokens = Uint32Array.from(texts, (_, i) =>
        mask.subarray(i * length, (i + 1) * length).reduce((sum, bit) => sum + Number(bit), 0),
      );
      return { vectors: await session.runTexts(ids, mask, texts.length, length), tokens };
    },
  };
}

/** Records an error of item `i` unless it has one already. */
export function fail(errors: ItemErrors, i: number, error: unknown): void {
  errors[i] ??= toWire(error, 'ERR_ENCODE');
}
