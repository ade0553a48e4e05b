/**
 * Keeps `metadata.jsonl` equal to the catalog: one frame per line in id order, with the fields of spec 004
 * section 3.1 and those of spec 003 about its embedding or failure (`embedding`, null while the frame
 * waits).
 *
 * `metadata-mark.ts` knows the first frame whose line is wrong. None: the file is left alone. New frames
 * only: lines are appended. Otherwise the file is rewritten.
 */
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { isDiskFull } from '../base/files/system-errors';
import { isError, makeError, messageOf } from '../base/errors';
import { syncFolder } from '../base/files/safe-file';
import type { FrameRecord } from '../base/types';
import { EMBEDDING_COLUMNS, EMBEDDING_JOINS, EncodingTable } from './tables/encoding-table';
import { framePath } from './frame-path';
import { frameQuery, toFrame } from './tables/frame-columns';
import { dirtyFrom, metadataIsWritten, writtenMetadata } from './tables/metadata-mark';
import type { EmbeddingMetadata, SpaceRecord } from './records';
import type { Statements } from './sqlite/statements';

const CHUNK_CHARACTERS = 64 * 1024;

/**
 * Writes what is missing, flushes, and then marks the file as up to date in the catalog. After a crash in
 * between the next call repeats the work.
 *
 * @param space describes the embeddings of this space; undefined: none
 * @param beforeWrite throws when the folder is no longer the one that was opened
 * @throws ERR_DISK_FULL | ERR_IO; the old file, or its old lines, stay
 */
export async function exportMetadata(
  sql: Statements,
  file: string,
  space: SpaceRecord | undefined,
  beforeWrite: () => void,
): Promise<void> {
  const spaceName = space?.name ?? '';
  const written = writtenMetadata(sql);
  const dirty = dirtyFrom(sql);
  try {
    const size = await sizeOf(file);
    const isOurs = written?.space === spaceName && written.bytes === size;
    if (isOurs && dirty === undefined) return;
    beforeWrite();
    // Two flushes of a page cost more than rewriting a few kilobytes, so lines are never patched.
    const canAppend = isOurs && dirty !== undefined && dirty > written.lastId;
    const lastId = canAppend
      ? await append(linesOf(sql, space, written.lastId), file, written.bytes)
      : await replace(linesOf(sql, space, -1), file, beforeWrite);
    const bytes = await sizeOf(file);
    const last = lastId ?? (canAppend ? written.lastId : -1);
    metadataIsWritten(sql, { bytes: bytes ?? 0, lastId: last, space: spaceName });
  } catch (error) {
    if (!isError(error) || !('syscall' in error)) throw error;
    throw makeError(
      isDiskFull(error) ? 'ERR_DISK_FULL' : 'ERR_IO',
      `${file} could not be written: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

interface Line {
  readonly frameId: number;
  readonly text: string;
}

function* linesOf(sql: Statements, space: SpaceRecord | undefined, after: number): Generator<Line> {
  const encodings = new EncodingTable(sql);
  const query = `${frameQuery(EMBEDDING_COLUMNS, EMBEDDING_JOINS)}
    WHERE f.frame_id > ? ORDER BY f.frame_id LIMIT ?`;
  const name = space?.name ?? '';
  for (const row of sql.pages(query, 'frame_id', after, name, name)) {
    const frame = toFrame(row);
    const embedding = space && { embedding: encodings.metadataIn(space, row) ?? null };
    yield { frameId: frame.frameId, text: lineOf(frame, embedding) };
  }
}

function lineOf(
  frame: FrameRecord,
  embedding: { embedding: EmbeddingMetadata | null } | undefined,
): string {
  const line = {
    frame_id: frame.frameId,
    video_id: frame.kind === 'video' ? frame.mediaId : null,
    frame_path: framePath(frame.frameId),
    timestamp: frame.timestamp,
    width: frame.width,
    height: frame.height,
    ...embedding,
  };
  return `${JSON.stringify(line)}\n`;
}

/** Writes a temporary file, flushes, renames: a reader sees the old list or the new one. */
async function replace(
  lines: Iterable<Line>,
  file: string,
  beforeWrite: () => void,
): Promise<number | undefined> {
  const temporary = `${file}.tmp`;
  try {
    const lastId = await writeTo(await open(temporary, 'w'), lines);
    beforeWrite();
    await rename(temporary, file);
    await syncFolder(path.dirname(file));
    return lastId;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Appends: a reader sees the old lines, then more. */
async function append(
  lines: Iterable<Line>,
  file: string,
  bytes: number,
): Promise<number | undefined> {
  try {
    return await writeTo(await open(file, 'a'), lines);
  } catch (error) {
    await cut(file, bytes).catch(() => undefined);
    throw error;
  }
}

async function cut(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
}

/** @returns id of the last frame written */
async function writeTo(handle: FileHandle, lines: Iterable<Line>): Promise<number | undefined> {
  let lastId: number | undefined;
  try {
    let text = '';
    for (const line of lines) {
      lastId = line.frameId;
      text += line.text;
      if (text.length < CHUNK_CHARACTERS) continue;
      await handle.writeFile(text);
      text = '';
    }
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return lastId;
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size;
}
