/**
 * Unlinks removed rows from the graph, in the background after the writes that removed them. Until then
 * searches traverse such rows, which is slower but correct, so no call waits for this.
 */
import { inBackground, type IndexCore } from '../core';
import { codeIfDue } from '../warm';

/** Each step of some thousand nodes is a write of its own, so that other writers get their turn. */
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
    // Nothing to do after a compaction.
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
