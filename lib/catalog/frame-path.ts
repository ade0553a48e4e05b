/** The path of a frame's JPEG, derived from its id and stored nowhere. */
import { FRAMES_FOLDER } from '../base/files/names';
import type { FrameId } from '../base/types';

/** Path inside the library's folder, with `/`; a thousand frames per folder. */
export function framePath(frameId: FrameId): string {
  return `${FRAMES_FOLDER}/${Math.floor(frameId / 1000)}/${frameId}.jpg`;
}
