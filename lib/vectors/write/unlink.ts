/**
 * Takes removed rows out of the graph, in the background of the writes that removed them. Searches
 * pass through such rows, which makes them slower but not wrong; so nobody waits for this.
 */
import { inBackground, type IndexCore } from '../core';
import { codeIfDue } from '../warm';

/** As a writer of its own for each step of some thousand nodes, so that others come between. */
export function unlinkIfDue(core: IndexCore): void {
  if (core.info.readOnly || core.isUnlinking || core.isClosing) return;
  if (!core.binding.unlinkIsDue(core.handle)) return;
  core.isUnlinking = true;
  inBackground(core, () => unlinkFrom(core, core.handle, 0));
}

async function unlinkFrom(
  core: IndexCore,
  handle: IndexCore['handle'],
  first: number,
): Promise<void> {
  try {
    // A compaction meanwhile left nothing to do.
    if (!core.isClosing && core.handle === handle) {
      const next = await core.binding.unlink(handle, first, 1);
      if (next > first && next < core.binding.count(handle)) {
        inBackground(core, () => unlinkFrom(core, handle, next));
        return;
      }
      await codeIfDue(core, 1);
    }
  } catch (error) {
    core.isUnlinking = false;
    throw error;
  }
  core.isUnlinking = false;
  // Removed meanwhile.
  unlinkIfDue(core);
}
