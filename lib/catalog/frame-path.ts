/** The path of a frame's JPEG, derived from its id and stored nowhere. */
import type { FrameId } from '../base/types';

/** Path inside the library's folder, with `/`; a thousand frames per folder. */
export function framePath(frameId: FrameId): string {
  return `frames/${Math.floor(frameId / 1000)}/${frameId}.jpg`;
}
