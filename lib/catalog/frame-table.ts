/** Frames and the rows they have in each space; the only place that converts between the two. */
import { crc32 } from 'node:zlib';
import { makeError } from '../errors';
import {
  asFrameId,
  asMediaId,
  asRow,
  type FrameId,
  type FrameRecord,
  type MediaId,
  type MediaKind,
  type Row,
} from '../types';
import type { EncodeFailure, FrameRow, IngestedFrame, RowFilter } from './records';
import type { SqlRow } from './sqlite';
import type { Statements } from './statements';

/** After this many attempts a frame that cannot be encoded is left alone. */
const MAX_ENCODE_ATTEMPTS = 3;

const SELECT_FRAME = `SELECT f.frame_id, f.media_id, f.timestamp, f.width, f.height, f.checksum,
  m.kind, m.path FROM frames f JOIN media m ON m.media_id = f.media_id`;

function checksumOf(
  frameId: number,
  mediaId: string,
  timestamp: number | null,
  width: number,
  height: number,
): number {
  return crc32(`${frameId}|${mediaId}|${timestamp ?? ''}|${width}|${height}`);
}

/** @throws ERR_CATALOG when the row's checksum does not fit its columns */
function toFrame(row: SqlRow): FrameRecord {
  const frameId = Number(row.frame_id);
  const mediaId = row.media_id as string;
  const timestamp = row.timestamp as number | null;
  const width = Number(row.width);
  const height = Number(row.height);
  if (checksumOf(frameId, mediaId, timestamp, width, height) !== Number(row.checksum)) {
    throw makeError('ERR_CATALOG', `the catalog's entry of frame ${frameId} is damaged`, {
      details: { frameId },
    });
  }
  return {
    frameId: asFrameId(frameId),
    mediaId: asMediaId(mediaId),
    kind: row.kind as MediaKind,
    mediaPath: row.path as string,
    timestamp,
    width,
    height,
  };
}

export class FrameTable {
  constructor(private readonly sql: Statements) {}

  /** Adds frames and queues them for every space. */
  add(mediaId: MediaId, frames: readonly IngestedFrame[]): void {
    for (const { frameId, timestamp, width, height } of frames) {
      this.sql.run(
        'INSERT INTO frames (frame_id, media_id, timestamp, width, height, checksum) VALUES (?, ?, ?, ?, ?, ?)',
        frameId,
        mediaId,
        timestamp,
        width,
        height,
        checksumOf(frameId, mediaId, timestamp, width, height),
      );
      this.sql.run(
        'INSERT INTO pending_frames (space, frame_id) SELECT name, ? FROM spaces',
        frameId,
      );
    }
  }

  /** Takes all frames of a media file out; rows they had become graves. */
  removeOfMedia(mediaId: MediaId): FrameId[] {
    const ids = this.idsOfMedia(mediaId);
    for (const frameId of ids) {
      this.sql.run(
        'INSERT OR IGNORE INTO graves (space, frame_id) SELECT space, frame_id FROM frame_rows WHERE frame_id = ?',
        frameId,
      );
      for (const table of ['frame_rows', 'pending_frames', 'failed_frames', 'frames'] as const) {
        this.sql.run(`DELETE FROM ${table} WHERE frame_id = ?`, frameId);
      }
    }
    return ids;
  }

  idsOfMedia(mediaId: MediaId): FrameId[] {
    return this.sql
      .all('SELECT frame_id FROM frames WHERE media_id = ? ORDER BY frame_id', mediaId)
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  byId(frameId: FrameId): FrameRecord | undefined {
    const row = this.sql.get(`${SELECT_FRAME} WHERE f.frame_id = ?`, frameId);
    return row && toFrame(row);
  }

  byRow(space: string, row: Row): FrameRecord | undefined {
    const found = this.sql.get(
      `${SELECT_FRAME} JOIN frame_rows r ON r.frame_id = f.frame_id WHERE r.space = ? AND r.row = ?`,
      space,
      row,
    );
    return found && toFrame(found);
  }

  rowOf(space: string, frameId: FrameId): Row | undefined {
    const row = this.sql.get(
      'SELECT row FROM frame_rows WHERE space = ? AND frame_id = ?',
      space,
      frameId,
    );
    return row && asRow(Number(row.row));
  }

  /** All frames in id order, streamed; do not write while iterating. */
  *all(): IterableIterator<FrameRecord> {
    for (const row of this.sql.iterate(`${SELECT_FRAME} ORDER BY f.frame_id`)) yield toFrame(row);
  }

  withoutRow(space: string, after: number, limit: number): FrameId[] {
    return this.sql
      .all(
        'SELECT frame_id FROM pending_frames WHERE space = ? AND frame_id > ? ORDER BY frame_id LIMIT ?',
        space,
        after,
        limit,
      )
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  /** Records rows and failures; returns the media whose last waiting frame this was. */
  settle(space: string, rows: readonly FrameRow[], failures: readonly EncodeFailure[]): MediaId[] {
    const touched = new Set<string>();
    const leaveQueue = (frameId: FrameId): void => {
      this.sql.run('DELETE FROM pending_frames WHERE space = ? AND frame_id = ?', space, frameId);
      const media = this.sql.get('SELECT media_id FROM frames WHERE frame_id = ?', frameId);
      if (media !== undefined) touched.add(media.media_id as string);
    };
    for (const { frameId, row } of rows) {
      this.sql.run(
        'INSERT INTO frame_rows (space, row, frame_id) VALUES (?, ?, ?)',
        space,
        row,
        frameId,
      );
      this.sql.run('DELETE FROM failed_frames WHERE space = ? AND frame_id = ?', space, frameId);
      leaveQueue(frameId);
    }
    for (const { frameId, reason } of failures) {
      this.sql.run(
        `INSERT INTO failed_frames (space, frame_id, reason, attempts) VALUES (?, ?, ?, 1)
         ON CONFLICT (space, frame_id) DO UPDATE SET reason = excluded.reason, attempts = attempts + 1`,
        space,
        frameId,
        reason,
      );
      leaveQueue(frameId);
    }
    return [...touched].filter((mediaId) => !this.isWaiting(space, mediaId)).map(asMediaId);
  }

  private isWaiting(space: string, mediaId: string): boolean {
    return (
      this.sql.get(
        `SELECT 1 FROM frames f JOIN pending_frames p ON p.frame_id = f.frame_id
         WHERE f.media_id = ? AND p.space = ? LIMIT 1`,
        mediaId,
        space,
      ) !== undefined
    );
  }

  /** How many frames of a media file have a row, and why the first one that failed did. */
  outcomeOf(space: string, mediaId: MediaId): { rows: number; failure: string | undefined } {
    const rows = this.sql.get(
      `SELECT count(*) AS n FROM frames f JOIN frame_rows r ON r.frame_id = f.frame_id
       WHERE f.media_id = ? AND r.space = ?`,
      mediaId,
      space,
    );
    const failed = this.sql.get(
      `SELECT x.reason FROM frames f JOIN failed_frames x ON x.frame_id = f.frame_id
       WHERE f.media_id = ? AND x.space = ? ORDER BY x.frame_id LIMIT 1`,
      mediaId,
      space,
    );
    return { rows: Number(rows?.n ?? 0), failure: failed?.reason as string | undefined };
  }

  /** Queues frames again that failed and have attempts left. */
  retryFailed(space: string): void {
    this.sql.run(
      `INSERT OR IGNORE INTO pending_frames (space, frame_id)
       SELECT space, frame_id FROM failed_frames WHERE space = ? AND attempts < ?`,
      space,
      MAX_ENCODE_ATTEMPTS,
    );
  }

  /** Forgets rows from `firstRow` on; their frames wait again. */
  forgetRows(space: string, firstRow: number): void {
    this.sql.run(
      `INSERT OR IGNORE INTO pending_frames (space, frame_id)
       SELECT space, frame_id FROM frame_rows WHERE space = ? AND row >= ?`,
      space,
      firstRow,
    );
    this.sql.run('DELETE FROM frame_rows WHERE space = ? AND row >= ?', space, firstRow);
  }

  /** Bit `row & 7` of byte `row >> 3` is set where the row's media file passes the filter. */
  bitset(space: string, rows: number, filter: RowFilter): Uint8Array {
    const bits = new Uint8Array((rows + 7) >> 3);
    const verdicts = new Map<string, boolean>();
    const query = `SELECT r.row, m.path FROM media m JOIN frames f ON f.media_id = m.media_id
      JOIN frame_rows r ON r.frame_id = f.frame_id AND r.space = ? WHERE m.kind = ? OR ? IS NULL`;
    const kind = filter.kind ?? null;
    for (const found of this.sql.iterate(query, space, kind, kind)) {
      const row = Number(found.row);
      const path = found.path as string;
      let verdict = verdicts.get(path);
      if (verdict === undefined) verdicts.set(path, (verdict = filter.path?.(path) ?? true));
      if (verdict && row < rows) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
    }
    return bits;
  }
}
