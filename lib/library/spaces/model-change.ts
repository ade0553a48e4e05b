/**
 * Another model for a library: the stored frames are embedded into a second space beside the active one,
 * which answers searches meanwhile, also those of other processes. One commit of the catalog swaps the two;
 * the former space is kept, so that the change can be taken back.
 *
 *   begin     the new model works, the disk has room  ->  space `building`, every frame waits for it
 *   fill      frames are embedded; a crash resumes here, at the next sync
 *   activate  building -> active, active -> former    (`CurrentSpace.adopt`)
 */
import { statfs } from 'node:fs/promises';
import type { Catalog, SpaceRecord } from '../../catalog';
import { isLibraryError, makeError } from '../../base/errors';
import type { ModelChange, SyncOptions, SyncReport } from '../../base/types';
import type { ClipModel } from '../../encode';
import { fillSpace, type Halves } from '../../pipeline';
import type { CurrentSpace } from './current-space';
import { OpenSpace } from './open-space';
import { assertVectors, discardSpace, type LibraryPlace } from './vectors';
import { isSameModel, openModelOf, openNamed } from './space-model';

/**
 * Bytes of a frame besides its vector: links of the graph, key, checksum. 300 at M = 16; the rest is a
 * margin, because the media grow during a change as well.
 */
const BYTES_BESIDE_VECTOR = 400;
const SPARE_BYTES = 64 << 20;

export interface ChangeRequest {
  /** The wanted model; undefined: whatever change is unfinished. */
  readonly model: string | undefined;
  /** Whether an unfinished change goes on. */
  readonly resume: boolean;
}

/** A space that is being filled, open. */
export interface RunningChange {
  readonly from: SpaceRecord;
  readonly space: OpenSpace;
}

/** A change that cannot go on now, and why. */
export interface StuckChange {
  /** As of now. */
  report(): ModelChange;
}

/**
 * What a sync has to change: undefined if the library has the wanted model.
 *
 * @throws for a model that was named: ERR_MODEL_MISSING | ERR_MODEL_INVALID | ERR_MODEL_HASH | ERR_ENCODE,
 *   ERR_DISK_FULL; nothing has changed then
 */
export async function beginChange(
  catalog: Catalog,
  place: LibraryPlace,
  { model, resume }: ChangeRequest,
): Promise<RunningChange | StuckChange | undefined> {
  const from = catalog.spaces.inState('active') as SpaceRecord;
  if (model !== undefined) return beginNamed(catalog, place, from, model);
  const building = catalog.spaces.inState('building');
  if (building === undefined || !resume) return undefined;
  try {
    const clip = await openModelOf(catalog, place, building);
    await warm(clip);
    return { from, space: await OpenSpace.open(catalog, place, building, clip) };
  } catch (error) {
    if (!isLibraryError(error) || error.code === 'ERR_FILE_LOCKED') throw error;
    const problem = { code: error.code, reason: error.message };
    return { report: () => describeChange(catalog, from, building.name, problem) };
  }
}

async function beginNamed(
  catalog: Catalog,
  place: LibraryPlace,
  from: SpaceRecord,
  name: string,
): Promise<RunningChange | undefined> {
  const { clip, modelName } = await openNamed(name, place);
  const unfinished = catalog.spaces.inState('building');
  if (isSameModel(from.model, clip.identity)) {
    await clip.close();
    // The model has moved, or an unfinished change is taken back.
    if (modelName !== from.modelName) catalog.spaces.setModelName(from.name, modelName);
    if (unfinished !== undefined) await discardSpace(catalog, place, unfinished);
    return undefined;
  }
  await warm(clip);
  try {
    const space = await spaceFor(catalog, place, clip, modelName);
    return { from, space: await OpenSpace.open(catalog, place, space, clip) };
  } catch (error) {
    await clip.close();
    throw error;
  }
}

/** Before anything is made: a model that does not work must not cost the vectors of one that does. */
async function warm(clip: ClipModel): Promise<void> {
  try {
    await clip.image.warm();
  } catch (error) {
    await clip.close();
    throw error;
  }
}

/** The space to fill with the model: an unfinished one, the former one, or a new one. */
async function spaceFor(
  catalog: Catalog,
  place: LibraryPlace,
  clip: ClipModel,
  modelName: string,
): Promise<SpaceRecord> {
  const unfinished = catalog.spaces.inState('building');
  if (isSameModel(unfinished?.model, clip.identity)) return unfinished as SpaceRecord;
  if (unfinished !== undefined) await discardSpace(catalog, place, unfinished);
  const former = catalog.spaces.inState('former');
  if (isSameModel(former?.model, clip.identity)) {
    catalog.spaces.reviveFormer((former as SpaceRecord).name);
    return catalog.spaces.inState('building') as SpaceRecord;
  }
  await checkRoom(catalog, place, clip.dim);
  if (former !== undefined) await discardSpace(catalog, place, former);
  const options = { modelName, state: 'building' } as const;
  catalog.spaces.create(catalog.spaces.nextName(), clip.identity, clip.dim, options);
  return catalog.spaces.inState('building') as SpaceRecord;
}

/** @throws ERR_DISK_FULL */
async function checkRoom(catalog: Catalog, place: LibraryPlace, dim: number): Promise<void> {
  if (place.choice !== undefined) return;
  const { bavail, bsize } = await statfs(place.dir);
  assertRoom(place.dir, catalog.frameCount(), dim, bavail * bsize);
}

/**
 * @param free  bytes
 * @throws ERR_DISK_FULL where the vectors of so many frames would not fit
 */
export function assertRoom(dir: string, frames: number, dim: number, free: number): void {
  const needed = frames * (dim * 4 + BYTES_BESIDE_VECTOR) + SPARE_BYTES;
  if (free >= needed) return;
  throw makeError(
    'ERR_DISK_FULL',
    `${frames} frames need about ${megabytes(needed)} more beside the vectors of today, and the disk of ` +
      `${dir} has ${megabytes(free)} left: free some space, or sync with the model of today`,
    { details: { needed, free, path: dir } },
  );
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MB`;

export interface ChangingSync {
  readonly root: string;
  readonly dir: string;
  readonly options: SyncOptions;
  readonly halves: Halves;
  /** Runs the sync of the active space. */
  readonly sync: (halves: Halves) => Promise<SyncReport>;
}

/**
 * A sync, then the stored frames are embedded with the other model, and searches use it. A problem keeps
 * the space from becoming active: searches would miss frames that they find today.
 *
 * @throws ERR_ARG_RANGE when nothing may be embedded; ERR_ABORTED, and what storage throws. Finished work
 *   is kept.
 */
export async function runChange(
  catalog: Catalog,
  { from, space }: RunningChange,
  current: CurrentSpace,
  { root, dir, options, halves, sync }: ChangingSync,
): Promise<SyncReport> {
  const started = performance.now();
  try {
    if (!halves.embed) {
      throw makeError(
        'ERR_ARG_RANGE',
        'another model embeds all frames: leave out what keeps frames from being embedded',
      );
    }
    // Not worth it where most frames would be embedded for searches that are about to end.
    const { frames, pendingFrames } = catalog.counts(from.name);
    const embed = current.space.isUsable && pendingFrames <= frames;
    const report = await sync({ ...halves, embed });
    const { name, store: index, clip } = space;
    await fillSpace({ root, dir, catalog, space: name, index, encoder: clip.image }, options);
    const modelChange = describeChange(catalog, from, name, catalog.spaces.obstacleOf(name));
    if (modelChange.isDone) await current.adopt(space);
    const framesTotal = catalog.counts(current.space.name).frames;
    const elapsedMs = Math.round(performance.now() - started);
    return { ...report, framesTotal, elapsedMs, modelChange };
  } finally {
    if (current.space !== space) await space.close();
  }
}

function describeChange(
  catalog: Catalog,
  from: SpaceRecord,
  name: string,
  problem: ModelChange['problem'],
): ModelChange {
  const { frames, pendingFrames, failedFrames } = catalog.counts(name);
  return {
    from: from.model.id,
    to: catalog.spaces.byName(name)?.model.id ?? name,
    isDone: problem === undefined && pendingFrames === 0,
    frames,
    framesWaiting: pendingFrames + (problem === undefined ? 0 : failedFrames),
    ...(problem === undefined ? {} : { problem }),
  };
}

/**
 * The space to go back to, open; undefined after an unfinished change was dropped.
 *
 * @throws ERR_NOT_FOUND when there is none; ERR_FILE_MISSING | ERR_FILE_CORRUPT | ERR_MODEL_* when it, or
 *   its model, cannot be used any more; nothing has changed then
 */
export async function openFormer(
  catalog: Catalog,
  place: LibraryPlace,
): Promise<OpenSpace | undefined> {
  const unfinished = catalog.spaces.inState('building');
  if (unfinished !== undefined) {
    await discardSpace(catalog, place, unfinished);
    return undefined;
  }
  const former = catalog.spaces.inState('former');
  if (former === undefined) {
    throw makeError(
      'ERR_NOT_FOUND',
      'there is no change of the model to take back: it was never changed, or a later sync has changed ' +
        'the library. To change it: sightline sync --model NAME',
    );
  }
  assertVectors(place, former);
  const { clip } = await openNamed(former.modelName, place);
  if (!isSameModel(former.model, clip.identity)) {
    await clip.close();
    throw makeError(
      'ERR_MODEL_MISMATCH',
      `${former.modelName} is no longer the model of the former vectors, ${former.model.id}: put that ` +
        'one back, or change to another one with sightline sync --model NAME',
      { details: { former: former.model, found: clip.identity } },
    );
  }
  return OpenSpace.open(catalog, place, former, clip);
}
