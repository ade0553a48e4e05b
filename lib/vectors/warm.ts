/**
 * Codes beside the links (`storage: 'inline'`): made after rows were added, and in the background once
 * an opened index is used. They are derived and kept in memory only.
 */
import type { IndexCore } from './core';

/** After this many searches of an opened index its codes are worth their making, 20 us a row. */
const SEARCHES_BEFORE = 256;
/** Nodes that changed are searched by reading their neighbors: a sixteenth of them is felt by then. */
const DUE_SHARE = 16;

/** To be called as the one writer. Stops between steps when the index is being closed. */
export async function codeLinks(core: IndexCore, threads: number): Promise<void> {
  const { binding } = core;
  for (let node = 0; !core.isClosing && node < binding.count(core.handle);) {
    const next = await binding.codeLinks(core.handle, node, threads);
    if (next <= node) return;
    node = next;
  }
}

/** After an append: if enough nodes changed. */
export async function codeIfDue(core: IndexCore, threads: number): Promise<void> {
  if (core.storage !== 'inline' || core.isClosing) return;
  const due = core.binding.uncoded(core.handle);
  if (due * DUE_SHARE >= core.binding.count(core.handle) && due > 0) await codeLinks(core, threads);
}

/** Counts searches, and begins to make the codes when it is time. */
export function countSearches(core: IndexCore, searches: number): void {
  if (core.storage !== 'inline') return;
  const before = core.searches;
  core.searches += searches;
  if (before < SEARCHES_BEFORE && core.searches >= SEARCHES_BEFORE) core.warmUp();
}
