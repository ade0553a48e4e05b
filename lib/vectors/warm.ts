/**
 * Brings an index to full speed, in memory only: makes the codes of its storage, on append or in the
 * background of an opened index, and copies mapped rows into huge pages.
 */
import { BOOLEAN, readOptions, type OptionRules } from '../base/options';
import type { IndexCore } from './core';
import { THREADS } from './arguments/option-rules';

/** Searches of an opened index before it makes codes, which cost 10 to 20 us a row. */
const SEARCHES_BEFORE = 256;
/**
 * Nodes with outdated codes are searched by reading their neighbors' rows: a sixteenth of all is
 * noticeable.
 */
const DUE_SHARE = 16;
/** Rows are copied if they take at most this part of the free memory, unless the caller decides. */
const SPARE_SHARE = 4;

/** Call as the one writer. Stops between steps when the index is closing. */
async function makeCodes(core: IndexCore, threads: number): Promise<void> {
  const { binding } = core;
  for (let node = 0; !core.isClosing && node < binding.count(core.handle);) {
    const next = await binding.makeCodes(core.handle, node, threads);
    if (next <= node) return;
    node = next;
  }
}

/**
 * Random reads of rows take two thirds of the time from huge pages, which a mapped file cannot have; so
 * rows are copied where memory is plentiful. Steps of 64 MB; stops between steps when the index is closing.
 *
 * @param always regardless of free memory
 */
async function promoteRows(core: IndexCore, always = false): Promise<void> {
  if (core.path === undefined) return;
  const bytes = core.binding.count(core.handle) * core.dim * 4;
  if (!always && bytes > process.availableMemory() / SPARE_SHARE) return;
  while (!core.isClosing && (await core.binding.promote(core.handle)));
}

export interface WarmOptions {
  /** Threads for making codes; default one per core. */
  readonly threads?: number;
  /** Whether to copy rows; default: for `inline`, if they fit a quarter of the free memory. */
  readonly rows?: boolean;
}

const WARM_OPTIONS: OptionRules<WarmOptions> = { threads: THREADS, rows: BOOLEAN };

interface WarmJob {
  readonly threads: number;
  readonly rows: boolean | undefined;
}

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkWarm(options: WarmOptions): WarmJob {
  const { threads = 0, rows } = readOptions('options', options, WARM_OPTIONS);
  return { threads, rows };
}

const IN_BACKGROUND: WarmJob = { threads: 1, rows: undefined };

/** Call as the one writer. */
export async function warm(core: IndexCore, job = IN_BACKGROUND): Promise<void> {
  await makeCodes(core, job.threads);
  if (job.rows ?? core.storage === 'inline') await promoteRows(core, job.rows);
}

/** Call after an append: updates inline codes once enough nodes lack them. */
export async function codeIfDue(core: IndexCore, threads: number): Promise<void> {
  if (core.storage !== 'inline' || core.isClosing) return;
  const due = core.binding.uncoded(core.handle);
  if (due * DUE_SHARE >= core.binding.count(core.handle) && due > 0) await makeCodes(core, threads);
}

/** Counts searches, and starts making the codes once there were enough. */
export function countSearches(core: IndexCore, searches: number): void {
  if (core.storage === 'f32') return;
  const before = core.searches;
  core.searches += searches;
  if (before < SEARCHES_BEFORE && core.searches >= SEARCHES_BEFORE) core.warmUp();
}
