/**
 * Writes `metadata.jsonl`: one frame a line, in the fields of spec 004 section 3.1, and how it was
 * embedded, or why it was not, in those of spec 003 (`embedding`, null while the frame waits).
 */
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeError, messageOf } from '../errors';
import type { FrameId, FrameRecord } from '../types';
import { framePath } from './frame-path';
import type { EmbeddingMetadata } from './records';

const CHUNK_CHARACTERS = 64 * 1024;

/**
 * Writes beside, flushes, renames: a reader sees the old list or the new one.
 *
 * @throws ERR_DISK_FULL | ERR_IO; the old file stays then
 */
export async function exportMetadata(
  frames: Iterable<FrameRecord>,
  file: string,
  embeddingOf?: (frameId: FrameId) => EmbeddingMetadata | undefined,
): Promise<void> {
  const temporary = `${file}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      let text = '';
      for (const frame of frames) {
        const embedding = embeddingOf && { embedding: embeddingOf(frame.frameId) ?? null };
        text += `${JSON.stringify({ ...toLine(frame), ...embedding })}\n`;
        if (text.length < CHUNK_CHARACTERS) continue;
        await handle.writeFile(text);
        text = '';
      }
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(path.dirname(file));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    const isFull = 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
    throw makeError(
      isFull ? 'ERR_DISK_FULL' : 'ERR_IO',
      `${file} could not be written: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function toLine(frame: FrameRecord): Record<string, unknown> {
  return {
    frame_id: frame.frameId,
    video_id: frame.kind === 'video' ? frame.mediaId : null,
    frame_path: framePath(frame.frameId),
    timestamp: frame.timestamp,
    width: frame.width,
    height: frame.height,
  };
}

/** Makes the rename itself durable. Windows cannot open a folder, and does it by itself. */
async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
