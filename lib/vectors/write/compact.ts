/** `compact`: writes the live rows to new files, then replaces the old ones. */
import { throwIfAborted } from '../../base/abort';
import { makeError } from '../../base/errors';
import type { NativeHandle } from '../../native';
import { readOptions } from '../../base/options';
import type { IndexCore } from '../core';
import { COMPACT_OPTIONS } from '../arguments/option-rules';
import type { CompactOptions, CompactReport } from '../types';
import { type Progress } from '../arguments/validate';
import { codeIfDue } from '../warm';

export interface Compact {
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: Progress | undefined;
}

export function checkCompact(options: CompactOptions): Compact {
  const { threads = 0, signal, onProgress } = readOptions('options', options, COMPACT_OPTIONS);
  return { threads, signal, onProgress };
}

/** Call as the one writer. Searches continue on the old rows. */
export async function compact(core: IndexCore, job: Compact): Promise<CompactReport> {
  const { binding } = core;
  const before = binding.stats(core.handle);
  const fresh = await binding.createBeside(core.handle);
  let compacted: NativeHandle;
  try {
    for (let row = 0; row < before.count;) {
      mayGoOn(core, job, row, before.count);
      row = await binding.copyLive(core.handle, fresh, row, job.threads);
      job.onProgress?.(row, before.count);
    }
    await binding.settle(fresh);
    mayGoOn(core, job, before.count, before.count);
    compacted = core.path === undefined ? fresh : await binding.adopt(core.handle, fresh);
  } catch (error) {
    // Report the first error.
    await binding.abandon(core.handle, fresh).catch(() => undefined);
    throw error;
  }
  const old = core.handle;
  core.handle = compacted;
  core.renumbered++;
  // Searches in flight hold the old rows; wait for them.
  const reads = [...core.reads];
  void Promise.allSettled(reads).then(() => binding.close(old).catch(() => undefined));
  const after = binding.stats(compacted);
  await codeIfDue(core, job.threads);
  return {
    dropped: before.count - after.count,
    rows: after.count,
    bytesBefore: core.path === undefined ? before.bytesResident : before.bytesOnDisk,
    bytesAfter: core.path === undefined ? after.bytesResident : after.bytesOnDisk,
  };
}

function mayGoOn(core: IndexCore, job: Compact, row: number, count: number): void {
  throwIfAborted(job.signal, `aborted after ${row} of ${count} rows; the index is as it was`, {
    rows: row,
  });
  // Close does not wait minutes for work that can be done later.
  if (core.isClosing) {
    throw makeError('ERR_ABORTED', 'the index is being closed; it is as it was before');
  }
}
