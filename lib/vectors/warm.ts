/**
 * What an index does to be at full speed once it is used, none of it on disk: the codes of its storage,
 * made with the rows that are added and in the background of an index that was opened; and copies of
 * mapped rows in huge pages.
 */
import { BOOLEAN, readOptions, type OptionRules } from '../base/options';
import type { IndexCore } from './core';
import { THREADS } from './arguments/option-rules';

/** After this many searches of an opened index its codes are worth their making, 10 to 20 us a row. */
const SEARCHES_BEFORE = 256;
/** Nodes that changed are searched by reading their neighbors: a sixteenth of them is felt by then. */
const DUE_SHARE = 16;
/** Rows may take this part of the memory that is free, unless the caller says so. */
const SPARE_SHARE = 4;

/** To be called as the one writer. Stops between steps when the index is being closed. */
async function makeCodes(core: IndexCore, threads: number): Promise<void> {
  const { binding } = core;
  for (let node = 0; !core.isClosing && node < binding.count(core.handle);) {
    const next = await binding.makeCodes(core.handle, node, threads);
    if (next <= node) return;
    node = next;
  }
}

/**
 * Random reads of rows take two thirds of the time when their pages are huge ones, which a mapped file
 * cannot have; so rows are copied where there is plenty of memory for it. In steps of 64 MB; stops
 * between them when the index is being closed.
 *
 * @param always whatever memory there is
 */
async function promoteRows(core: IndexCore, always = false): Promise<void> {
  if (core.path === undefined) return;
  const bytes = core.binding.count(core.handle) * core.dim * 4;
  if (!always && bytes > process.availableMemory() / SPARE_SHARE) return;
  while (!core.isClosing && (await core.binding.promote(core.handle)));
}

export interface WarmOptions {
  /** Of the codes; default one per core. */
  readonly threads?: number;
  /** Whether rows are copied; left out: for `inline`, if a quarter of the free memory holds them. */
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

/** To be called as the one writer. */
export async function warm(core: IndexCore, job = IN_BACKGROUND): Promise<void> {
  await makeCodes(core, job.threads);
  if (job.rows ?? core.storage === 'inline') await promoteRows(core, job.rows);
}

/** After an append: if enough nodes changed. Codes of rows were made with it. */
export async function codeIfDue(core: IndexCore, threads: number): Promise<void> {
  if (core.storage !== 'inline' || core.isClosing) return;
  const due = core.binding.uncoded(core.handle);
  if (due * DUE_SHARE >= core.binding.count(core.handle) && due > 0) await makeCodes(core, threads);
}

/** Counts searches, and begins to make the codes when it is time. */
export function countSearches(core: IndexCore, searches: number): void {
  if (core.storage === 'f32') return;
  const before = core.searches;
  core.searches += searches;
  if (before < SEARCHES_BEFORE && core.searches >= SEARCHES_BEFORE) core.warmUp();
}
