/** The media table: one row per media file, its state and the reason for it. */
import { randomBytes } from 'node:crypto';
import { asMediaId, type MediaId, type MediaKind, type MediaState } from '../types';
import type { IngestedItem, MediaRow } from './records';
import type { SqlRow } from './sqlite';
import type { Statements } from './statements';

function toMediaRow(row: SqlRow): MediaRow {
  return {
    mediaId: asMediaId(row.media_id as string),
    path: row.path as string,
    kind: row.kind as MediaKind,
    sizeBytes: Number(row.size_bytes),
    mtimeMs: Number(row.mtime_ms),
    contentHash: row.content_hash as string | null,
    state: row.state as MediaState,
    code: row.code as string | null,
    reason: row.reason as string | null,
    width: row.width as number | null,
    height: row.height as number | null,
    capturedAt: row.captured_at as string | null,
    attempts: Number(row.attempts),
  };
}

export class MediaTable {
  constructor(private readonly sql: Statements) {}

  /** All media in path order, streamed; do not write while iterating. */
  *all(): IterableIterator<MediaRow> {
    for (const row of this.sql.iterate('SELECT * FROM media ORDER BY path')) yield toMediaRow(row);
  }

  byId(mediaId: MediaId): MediaRow | undefined {
    const row = this.sql.get('SELECT * FROM media WHERE media_id = ?', mediaId);
    return row && toMediaRow(row);
  }

  byPath(path: string): MediaRow | undefined {
    const row = this.sql.get('SELECT * FROM media WHERE path = ?', path);
    return row && toMediaRow(row);
  }

  /** Inserts or replaces what is known of a file; an earlier version keeps its id. */
  put(item: IngestedItem): MediaId {
    const mediaId = item.replaces ?? asMediaId(randomBytes(16).toString('hex'));
    this.sql.run(
      `INSERT INTO media (media_id, path, kind, size_bytes, mtime_ms, content_hash, state, code,
         reason, width, height, captured_at, attempts)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (media_id) DO UPDATE SET path = excluded.path, kind = excluded.kind,
         size_bytes = excluded.size_bytes, mtime_ms = excluded.mtime_ms,
         content_hash = excluded.content_hash, state = excluded.state, code = excluded.code,
         reason = excluded.reason, width = excluded.width, height = excluded.height,
         captured_at = excluded.captured_at, attempts = excluded.attempts`,
      mediaId,
      item.path,
      item.kind,
      item.sizeBytes,
      item.mtimeMs,
      item.contentHash,
      item.state,
      item.code,
      item.reason,
      item.width,
      item.height,
      item.capturedAt,
      item.attempts,
    );
    return mediaId;
  }

  setState(mediaId: MediaId, state: MediaState): void {
    this.sql.run('UPDATE media SET state = ? WHERE media_id = ?', state, mediaId);
  }

  setReason(mediaId: MediaId, code: string, reason: string): void {
    this.sql.run('UPDATE media SET code = ?, reason = ? WHERE media_id = ?', code, reason, mediaId);
  }

  rename(mediaId: MediaId, path: string, mtimeMs: number): void {
    this.sql.run(
      'UPDATE media SET path = ?, mtime_ms = ? WHERE media_id = ?',
      path,
      mtimeMs,
      mediaId,
    );
  }

  remove(mediaId: MediaId): void {
    this.sql.run('DELETE FROM media WHERE media_id = ?', mediaId);
  }

  /** Numbers of media by state and by kind. */
  counts(): { states: Record<MediaState, number>; images: number; videos: number } {
    const states: Record<MediaState, number> = { pending: 0, indexed: 0, skipped: 0, failed: 0 };
    const kinds: Record<MediaKind, number> = { image: 0, video: 0 };
    for (const row of this.sql.all('SELECT state, kind, count(*) AS n FROM media GROUP BY 1, 2')) {
      states[row.state as MediaState] += Number(row.n);
      kinds[row.kind as MediaKind] += Number(row.n);
    }
    return { states, images: kinds.image, videos: kinds.video };
  }
}
