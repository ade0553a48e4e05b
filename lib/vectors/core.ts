/** What the facade's parts share about one index. */
import { makeError } from '../base/errors';
import { fromNative, type NativeBinding, type NativeHandle, type NativeInfo } from '../native';
import type { Columns } from './payloads/columns';
import type { StringKeys } from './payloads/string-keys';
import type { RowFilter } from './search/filters';
import type { MeasuredRecall, Metric, Storage } from './types';

export const DEFAULT_EF_SEARCH = 50;

export interface IndexCore {
  readonly binding: NativeBinding;
  /** Another one after a compaction. */
  handle: NativeHandle;
  readonly info: NativeInfo;
  readonly dim: number;
  readonly metric: Metric;
  /** Folder, absolute; undefined in memory. */
  readonly path: string | undefined;
  isClosing: boolean;
  readonly storage: Storage;
  /** Since it was opened, see warm.ts. */
  searches: number;
  warmUp: () => void;
  /** Runs work as the one writer, when those before have ended. */
  asWriter: <T>(work: () => Promise<T>) => Promise<T>;
  /** How often rows got other numbers, or gave theirs up, see filters.ts. */
  renumbered: number;
  /** How often a rollback began or ended: between two equal values no row number was given twice. */
  truncations: number;
  /** Only where keys are strings. */
  readonly strings: StringKeys | undefined;
  readonly columns: Columns;
  /** Metadata filters by their text, the last used last. */
  readonly expressions: Map<string, RowFilter>;
  /** Whether removed rows are being taken out of the graph, see unlink.ts. */
  isUnlinking: boolean;
  /** Searches that name no efSearch. */
  efSearch: number;
  measured: MeasuredRecall | undefined;
  /** For the results of one search on the calling thread. */
  room: Float64Array | undefined;
  /** Work on the present handle that must end before the handle may go. */
  readonly reads: Set<Promise<unknown>>;
}

/** @throws ERR_CLOSED */
export function assertOpen(core: IndexCore): void {
  if (!core.isClosing) return;
  throw makeError('ERR_CLOSED', `the index ${core.path ?? 'in memory'} is closed`);
}

/** @throws ERR_CLOSED | ERR_READ_ONLY */
export function assertWritable(core: IndexCore): void {
  assertOpen(core);
  if (!core.info.readOnly) return;
  throw makeError('ERR_READ_ONLY', `the index ${core.path} was opened read-only`);
}

/** Optional background work: failures are ignored. */
export function inBackground(core: IndexCore, work: () => Promise<void>): void {
  core.asWriter(work).catch(() => undefined);
}

export function rethrow(error: unknown): never {
  throw fromNative(error);
}

export function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromNative(error);
  }
}
