/** Where a frame's JPEG lies, derived from its id so that it is stored nowhere. */
import type { FrameId } from '../base/types';

/** Path below the library's folder, with `/`; a thousand frames to a folder. */
export function framePath(frameId: FrameId): string {
  return `frames/${Math.floor(frameId / 1000)}/${frameId}.jpg`;
}
