/**
 * One sync of a library: scan -> plan -> moves and removals -> ingest beside embed -> export. Resumable
 * at every point, because each step starts from what the catalog says is left to do.
 */
import path from 'node:path';
import type { Catalog, IngestedItem } from '../catalog';
import type { ImageEncoder } from '../encode';
import { makeError } from '../errors';
import { contentHash, imageConcurrency, walkMedia } from '../media';
import type { MediaId, MediaProblem, ProgressEvent, SyncOptions, SyncReport } from '../types';
import type { VectorIndex } from '../vectors';
import { embedPending } from './embed';
import { FrameStore } from './frame-store';
import { ingest, RETRY_CODES, type WorkItem } from './ingest';
import { WakeUp } from './ordered';
import {
  compareFiles,
  isMassRemoval,
  moveCandidates,
  resolveMoves,
  type FoundFile,
  type KnownFile,
  type Move,
} from './plan';

export interface SyncParts {
  readonly root: string;
  /** The library's folder. */
  readonly dir: string;
  readonly space: string;
  readonly catalog: Catalog;
  readonly index: VectorIndex;
  readonly encoder: ImageEncoder;
}

/** Which halves to run. */
export interface Halves {
  readonly ingest: boolean;
  readonly embed: boolean;
}

interface Plan {
  readonly work: readonly WorkItem[];
  readonly moves: readonly Move[];
  readonly missing: readonly KnownFile[];
  readonly unchanged: number;
  readonly changed: number;
  readonly added: number;
  readonly scanned: number;
  /** Walk problems: files that could not be looked at. */
  readonly problems: readonly MediaProblem[];
  /** Missing files that are kept because too many vanished at once. */
  readonly heldBack: number;
}

/**
 * Runs a sync. What it finished is kept whatever happens afterwards.
 *
 * @throws ERR_ABORTED when the signal fires; storage and model errors. An item's own failure is in
 *   the report, never thrown.
 */
export async function runSync(
  parts: SyncParts,
  options: SyncOptions,
  halves: Halves,
): Promise<SyncReport> {
  const started = performance.now();
  const { catalog } = parts;
  const store = new FrameStore(parts.dir);
  const progress = new Progress(options.onProgress);
  const plan = halves.ingest ? await makePlan(parts, options, progress) : EMPTY_PLAN;
  if (options.dryRun === true) return report(parts, plan, progress, started, true);

  catalog.beginIngest();
  await applyMovesAndRemovals(parts, store, plan);
  if (halves.embed) catalog.retryFailedFrames(parts.space);
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
          beforeAppend: () => sweepGraves(parts),
          onEmbedded: (frames) => progress.embedded(frames),
        },
        () => decoding,
        wake,
        options.signal,
      )
    : undefined;
  // Seen when it is awaited below; until then a failure must stop the decoding, not the process.
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
    // Aborted because embedding failed: that error is the one to report.
    if (!stop.signal.aborted) throw error;
  } finally {
    decoding = false;
    wake.notify();
    await embedding?.catch(() => undefined);
    if (options.signal?.aborted !== true) await catalog.exportMetadata(metadataFile(parts.dir));
  }
  await embedding;
  await sweepGraves(parts);
  return report(parts, plan, progress, started, false);
}

function metadataFile(dir: string): string {
  return path.join(dir, 'metadata.jsonl');
}

const EMPTY_PLAN: Plan = {
  work: [],
  moves: [],
  missing: [],
  unchanged: 0,
  changed: 0,
  added: 0,
  scanned: 0,
  problems: [],
  heldBack: 0,
};

async function makePlan(parts: SyncParts, options: SyncOptions, progress: Progress): Promise<Plan> {
  const found: FoundFile[] = [];
  const problems: MediaProblem[] = [];
  for await (const entry of walkMedia(parts.root, {
    ...(options.ignore === undefined ? {} : { ignore: options.ignore }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })) {
    if ('reason' in entry) {
      problems.push({
        path: entry.relPath,
        state: 'skipped',
        code: entry.code,
        reason: entry.reason,
      });
    } else {
      found.push(entry);
      progress.scanned(found.length);
    }
  }
  const known = [...parts.catalog.media()];
  const comparison = compareFiles(found, known, options.retryFailed);
  const hashes = new Map<string, string>();
  for (const file of moveCandidates(comparison)) {
    try {
      hashes.set(file.relPath, await contentHash(file));
    } catch {
      // It cannot be read now: then it is an added file, and decoding it will record why.
    }
  }
  const { moves, added, missing: unseen } = resolveMoves(comparison, hashes);
  // What lies beneath a folder that could not be read is not gone.
  const missing = unseen.filter(
    (row) =>
      !problems.some(
        ({ path: at }) => row.path === at || at === '' || row.path.startsWith(`${at}/`),
      ),
  );
  const held = isMassRemoval(missing.length, known.length) && options.confirmRemovals !== true;
  return {
    work: inOrder(found, [
      ...added.map((file) => ({ file, known: undefined })),
      ...comparison.changed,
      ...comparison.unfinished.filter((item) => !isWaitingOnly(parts.catalog, item.known)),
    ]),
    moves,
    missing: held ? [] : missing,
    unchanged: comparison.unchanged.length,
    changed: comparison.changed.length,
    added: added.length,
    scanned: found.length,
    problems,
    heldBack: held ? missing.length : 0,
  };
}

/** Decoded already, with frames that only wait to be encoded. */
function isWaitingOnly(catalog: Catalog, known: KnownFile): boolean {
  return (
    known.state === 'pending' &&
    !(known.code !== null && RETRY_CODES.has(known.code)) &&
    catalog.framesOfMedia(known.mediaId).length > 0
  );
}

function inOrder(found: readonly FoundFile[], items: readonly WorkItem[]): WorkItem[] {
  const place = new Map(found.map((file, i) => [file.relPath, i]));
  return [...items].sort(
    (a, b) => (place.get(a.file.relPath) ?? 0) - (place.get(b.file.relPath) ?? 0),
  );
}

async function applyMovesAndRemovals(
  parts: SyncParts,
  store: FrameStore,
  plan: Plan,
): Promise<void> {
  const { catalog } = parts;
  // Removals first: a move may take over the path of a file that is gone.
  const buried = catalog.removeMedia(plan.missing.map((row): MediaId => row.mediaId));
  for (const { known, file } of plan.moves) {
    catalog.rename(known.mediaId, file.relPath, file.mtimeMs);
  }
  await sweepGraves(parts);
  await store.remove(buried);
}

/** Takes rows out of the engine whose frames the catalog has forgotten. Safe to repeat. */
async function sweepGraves(parts: Pick<SyncParts, 'catalog' | 'index' | 'space'>): Promise<void> {
  const graves = parts.catalog.graves(parts.space);
  if (graves.length === 0) return;
  await parts.index.remove(graves);
  parts.catalog.clearGraves(parts.space);
}

/** Turns what happens into progress events; counts survive so that the report can use them. */
class Progress {
  readonly problems: MediaProblem[] = [];
  indexedItems = 0;
  framesAdded = 0;
  private done = 0;
  private total = 0;
  private framesWaiting = 0;

  constructor(private readonly listener: ((event: ProgressEvent) => void) | undefined) {}

  scanned(count: number): void {
    if (count % 100 === 0) this.emit('scan', { done: count, total: 0 });
  }

  begin(plan: Plan, framesWaiting: number): void {
    this.framesWaiting = framesWaiting;
    this.done = plan.unchanged + plan.moves.length;
    this.total = this.done + plan.work.length;
    this.emit('decode');
  }

  item(item: IngestedItem): void {
    this.done++;
    this.framesWaiting += item.frames.length;
    if (item.frames.length > 0) this.indexedItems++;
    if (item.code !== null && (item.state === 'skipped' || item.state === 'failed')) {
      this.problems.push({
        path: item.path,
        state: item.state,
        code: item.code,
        reason: item.reason ?? '',
      });
    } else if (item.code !== null) {
      this.problems.push({
        path: item.path,
        state: 'failed',
        code: item.code,
        reason: item.reason ?? '',
      });
    }
    this.emit('decode', { path: item.path });
  }

  embedded(frames: number): void {
    this.framesAdded += frames;
    this.framesWaiting -= frames;
    this.emit(this.done < this.total ? 'decode' : 'encode');
  }

  private emit(phase: ProgressEvent['phase'], over: Partial<ProgressEvent> = {}): void {
    this.listener?.({
      phase,
      done: this.done,
      total: this.total,
      frames: this.framesAdded,
      framesTotal: this.framesAdded + this.framesWaiting,
      ...over,
    });
  }
}

function report(
  parts: SyncParts,
  plan: Plan,
  progress: Progress,
  started: number,
  dryRun: boolean,
): SyncReport {
  const problems = [...plan.problems, ...progress.problems];
  const count = (state: MediaProblem['state']): number =>
    problems.filter((problem) => problem.state === state).length;
  return {
    scanned: plan.scanned,
    added: plan.added,
    changed: plan.changed,
    moved: plan.moves.length,
    removed: plan.missing.length,
    heldBack: plan.heldBack,
    unchanged: plan.unchanged,
    indexed: progress.indexedItems,
    skipped: count('skipped'),
    failed: count('failed'),
    framesAdded: progress.framesAdded,
    framesTotal: parts.catalog.counts(parts.space).frames,
    problems,
    elapsedMs: Math.round(performance.now() - started),
    dryRun,
  };
}

/** Makes sure that engine and catalog tell the same story; run by whoever opens for writing. */
export async function reconcile(
  parts: Pick<SyncParts, 'catalog' | 'index' | 'space'>,
): Promise<void> {
  const { catalog, index, space } = parts;
  const committed = catalog.space(space)?.committedRows ?? 0;
  // Crash between commit log and catalog: those rows were never acknowledged.
  if (index.count > committed) await index.rollbackTo(committed);
  // A restored or lying disk: the catalog counts rows that are not there.
  if (index.count < committed) catalog.forgetRows(space, index.count);
  await sweepGraves(parts);
}

/** @throws ERR_ARG_RANGE */
export function checkSyncOptions(options: SyncOptions): void {
  const rules: [string, number | undefined, number, number][] = [
    ['fps', options.fps, 0.001, 240],
    ['everyNFrames', options.everyNFrames, 1, 1_000_000],
    ['maxSize', options.maxSize, 32, 4096],
  ];
  for (const [name, value, low, high] of rules) {
    if (value === undefined || (value >= low && value <= high)) continue;
    throw makeError('ERR_ARG_RANGE', `${name} must be from ${low} to ${high}, received ${value}`, {
      details: { name, value, low, high },
    });
  }
}
