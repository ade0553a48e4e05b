/**
 * One sync of a library: scan -> plan -> moves and removals -> ingest beside embed -> export. Resumable at
 * every point, because each step starts from what the catalog lists as unfinished.
 */
import path from 'node:path';
import type { Catalog } from '../catalog';
import type { ImageEncoder } from '../encode';
import { METADATA_FILE } from '../base/files/names';
import { imageConcurrency } from '../media';
import type { MediaId, SyncOptions, SyncReport } from '../base/types';
import type { VectorStore } from '../stores/vectors';
import { embedPending } from './embed';
import { FrameStore } from './frame-store';
import { ingest } from './ingest';
import { EMPTY_PLAN, makePlan, type SyncPlan } from './plan/make-plan';
import { WakeUp } from './ordered';
import { makeReport, Progress } from './progress';
import { agreeByKeys } from './agree';
import { reclaim, takeOverRows } from './reclaim';
import { rememberScan } from './plan/scan-memory';

export interface SyncParts {
  readonly root: string;
  /** The library's folder. */
  readonly dir: string;
  readonly space: string;
  readonly catalog: Catalog;
  readonly index: VectorStore;
  readonly encoder: ImageEncoder;
}

/** Which halves to run. */
export interface Halves {
  readonly ingest: boolean;
  readonly embed: boolean;
  /** False: missing files are left alone, for a repair. Default true. */
  readonly removes?: boolean;
}

/**
 * Runs a sync. Finished work is kept whatever happens later.
 *
 * @throws ERR_ABORTED when the signal fires; ERR_FILE_REPLACED | ERR_FILE_MISSING when the library's folder
 * is not the one that was opened; storage and model errors. Failures of single items are in the report.
 */
export async function runSync(
  parts: SyncParts,
  options: SyncOptions,
  halves: Halves,
): Promise<SyncReport> {
  const started = performance.now();
  const { catalog } = parts;
  const store = new FrameStore(parts.dir, catalog.home);
  catalog.home.assertOurs();
  const progress = new Progress(options.onProgress);
  const whole = halves.ingest
    ? await makePlan(parts, options, (count) => progress.scanned(count))
    : EMPTY_PLAN;
  const plan: SyncPlan =
    halves.removes === false
      ? { ...whole, absent: { ...whole.absent, gone: [], ignored: [] } }
      : whole;
  if (options.dryRun === true) return makeReport(plan, progress, started, framesNow(parts), true);

  // An earlier run of this process may have failed between rows and catalog, or a database server may have
  // come back.
  await reconcile(parts);
  // Halves that were restored apart may have as many rows, and not the same.
  if (parts.index.liveCount !== framesNow(parts)) await agreeByKeys(parts);
  catalog.beginIngest();
  await applyMovesAndRemovals(parts, store, plan);
  rememberPlan(catalog, plan);
  if (halves.embed) catalog.retryFailedFrames(parts.space, options.retryFailed);
  progress.begin(plan, catalog.counts(parts.space).pendingFrames);

  const wake = new WakeUp();
  let decoding = halves.ingest;
  const embedding = halves.embed
    ? embedPending(
        {
          catalog,
          store,
          index: parts.index,
          encoder: parts.encoder,
          space: parts.space,
          beforeAppend: () => sweepTombstones(parts),
          onEmbedded: (frames) => progress.embedded(frames),
          onFailed: (frames, media) => progress.failedToEmbed(frames, media),
        },
        () => decoding,
        wake,
        options.signal,
      )
    : undefined;
  // The rejection is handled where it is awaited below; until then a failure must stop the decoding, not
  // the process.
  const stop = new AbortController();
  embedding?.catch(() => stop.abort());
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  try {
    if (halves.ingest) {
      await ingest(
        plan.work,
        {
          catalog,
          store,
          concurrency: imageConcurrency(),
          onCommit: () => wake.notify(),
          onItem: (item) => progress.item(item),
        },
        { ...options, signal },
      );
    }
  } catch (error) {
    // Aborted because embedding failed: report that error.
    if (!stop.signal.aborted) throw error;
  } finally {
    decoding = false;
    wake.notify();
    await embedding?.catch(() => undefined);
  }
  await embedding;
  await sweepTombstones(parts);
  await reclaim(parts, options.signal);
  await catalog.exportMetadata(path.join(parts.dir, METADATA_FILE), parts.space);
  return makeReport(plan, progress, started, framesNow(parts), false);
}

const framesNow = (parts: SyncParts): number => parts.catalog.counts(parts.space).frames;

async function applyMovesAndRemovals(
  parts: SyncParts,
  store: FrameStore,
  plan: SyncPlan,
): Promise<void> {
  const { catalog } = parts;
  // Removals first: a moved file may take the path of a removed one.
  const gone = [...plan.absent.gone, ...plan.absent.ignored, ...plan.overwritten];
  const buried =
    gone.length === 0 ? [] : catalog.removeMedia(gone.map((row): MediaId => row.mediaId));
  if (plan.relocated.length > 0) catalog.relocate(plan.relocated);
  await sweepTombstones(parts);
  await store.remove(buried);
}

function rememberPlan(catalog: Catalog, { absent, problems, volumes }: SyncPlan): void {
  if (volumes === undefined) return;
  rememberScan(catalog, {
    problems,
    heldBack: absent.heldBack.length,
    heldBackReasons: absent.reasons,
    unreachable: absent.unreachable.length,
    volumes,
  });
}

/** Removes rows whose frames the catalog no longer has from the engine. Idempotent. */
export async function sweepTombstones(
  parts: Pick<SyncParts, 'catalog' | 'index' | 'space'>,
): Promise<void> {
  const tombstones = parts.catalog.spaces.tombstones(parts.space);
  if (tombstones.length === 0) return;
  await parts.index.remove(tombstones);
  parts.catalog.spaces.clearTombstones(parts.space);
}

/** Makes engine and catalog agree; called after every open for writing. */
export async function reconcile(
  parts: Pick<SyncParts, 'catalog' | 'index' | 'space'>,
): Promise<void> {
  const { catalog, index, space } = parts;
  await index.refresh();
  if (!catalog.spaces.rowEpoch(space).isSettled) await takeOverRows(parts);
  const committed = catalog.spaces.byName(space)?.committedRows ?? 0;
  const isCopy = index.figures().recovered !== undefined;
  if (index.count > committed && (await holdsAcknowledged(parts, committed))) {
    // Crash between commit log and catalog: these rows were never acknowledged.
    await index.rollbackTo(committed);
  } else if (index.count !== committed) {
    // Engine and catalog were restored separately, or the disk lost writes.
    await agreeByKeys(parts);
  }
  // What a copy lacks may be a removal, which no count shows.
  if (isCopy) await agreeByKeys(parts);
  await sweepTombstones(parts);
}

/** Whether the rows that the catalog counts come before those that it does not count. */
async function holdsAcknowledged(
  { catalog, index, space }: Pick<SyncParts, 'catalog' | 'index' | 'space'>,
  committed: number,
): Promise<boolean> {
  const rows = await index.rowsOf(catalog.framesOfSpace(space));
  return rows.every((row) => row === undefined || row < committed);
}
