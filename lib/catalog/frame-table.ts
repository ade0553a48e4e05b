/** Frames and the rows they have in each space; the only place that converts between the two. */
import {
  asFrameId,
  asMediaId,
  asRow,
  type FrameId,
  type FrameRecord,
  type MediaId,
  type Row,
} from '../types';
import { assertChecksum, checksumOf, type Column } from './checksum';
import { assertFrameRow, frameRowColumns } from './encoding-table';
import { toIdentity } from './media-table';
import type { EncodeFailure, EncodeRun, FrameRow, IngestedFrame } from './records';
import type { SqlRow } from './sqlite';
import type { Statements } from './statements';

/** After this many attempts a frame that cannot be encoded is left alone. */
const MAX_ENCODE_ATTEMPTS = 3;

const SELECT_FRAME = `SELECT f.frame_id, f.media_id, f.timestamp, f.width, f.height, f.checksum,
  m.kind, m.path, m.identity_checksum FROM frames f JOIN media m ON m.media_id = f.media_id`;

const SELECT_WITH_ROW = `${SELECT_FRAME.replace(
  'f.checksum',
  'f.checksum, r.encoding_id, r.checksum AS row_checksum',
)}
  JOIN frame_rows r ON r.frame_id = f.frame_id`;

const columnsOf = (frame: IngestedFrame, mediaId: MediaId): Column[] => [
  frame.frameId,
  mediaId,
  frame.timestamp,
  frame.width,
  frame.height,
];

/** @throws ERR_CATALOG when a checksum does not fit the columns */
function toFrame(row: SqlRow): FrameRecord {
  const { mediaId, path, kind } = toIdentity(row);
  const frame: IngestedFrame = {
    frameId: asFrameId(Number(row.frame_id)),
    timestamp: row.timestamp as number | null,
    width: Number(row.width),
    height: Number(row.height),
  };
  assertChecksum(columnsOf(frame, mediaId), row.checksum, `frame ${frame.frameId}`);
  return { ...frame, mediaId, kind, mediaPath: path };
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
        checksumOf(columnsOf({ frameId, timestamp, width, height }, mediaId)),
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
    const found = this.sql.get(`${SELECT_WITH_ROW} WHERE r.space = ? AND r.row = ?`, space, row);
    if (found === undefined) return undefined;
    assertFrameRow(space, row, { ...found, checksum: found.row_checksum as SqlRow['checksum'] });
    return toFrame(found);
  }

  rowOf(space: string, frameId: FrameId): Row | undefined {
    const found = this.sql.get(
      'SELECT row, encoding_id, checksum FROM frame_rows WHERE space = ? AND frame_id = ?',
      space,
      frameId,
    );
    if (found === undefined) return undefined;
    assertFrameRow(space, Number(found.row), { ...found, frame_id: frameId });
    return asRow(Number(found.row));
  }

  /** All frames in id order. Writing meanwhile is allowed; later pages show it. */
  *all(): IterableIterator<FrameRecord> {
    for (const row of this.rows()) yield toFrame(row);
  }

  /** One finding per damaged entry. */
  *damage(): IterableIterator<string> {
    for (const row of this.rows()) {
      try {
        toFrame(row);
      } catch (error) {
        yield (error as Error).message;
      }
    }
    for (const { name } of this.sql.all('SELECT name FROM spaces')) {
      const query = 'SELECT * FROM frame_rows WHERE space = ? AND row > ? ORDER BY row LIMIT ?';
      for (const found of this.sql.pages(query, 'row', -1, name as string)) {
        try {
          assertFrameRow(name as string, Number(found.row), found);
        } catch (error) {
          yield (error as Error).message;
        }
      }
    }
  }

  private rows(): Generator<SqlRow> {
    const query = `${SELECT_FRAME} WHERE f.frame_id > ? ORDER BY f.frame_id LIMIT ?`;
    return this.sql.pages(query, 'frame_id', -1);
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

  /**
   * Records rows and failures; returns the media whose last waiting frame this was.
   *
   * @param encodingId of the rows; null when nothing is known of how they came about
   */
  settle(
    space: string,
    rows: readonly FrameRow[],
    failures: readonly EncodeFailure[],
    encodingId: number | null,
    run: EncodeRun | undefined,
  ): MediaId[] {
    const touched = new Set<string>();
    const leaveQueue = (frameId: FrameId): void => {
      this.sql.run('DELETE FROM pending_frames WHERE space = ? AND frame_id = ?', space, frameId);
      const media = this.sql.get('SELECT media_id FROM frames WHERE frame_id = ?', frameId);
      if (media !== undefined) touched.add(media.media_id as string);
    };
    for (const { frameId, row } of rows) {
      this.sql.run(
        'INSERT INTO frame_rows (space, row, frame_id, encoding_id, checksum) VALUES (?, ?, ?, ?, ?)',
        space,
        row,
        frameId,
        encodingId,
        checksumOf(frameRowColumns(space, row, frameId, encodingId)),
      );
      this.sql.run('DELETE FROM failed_frames WHERE space = ? AND frame_id = ?', space, frameId);
      leaveQueue(frameId);
    }
    for (const { frameId, reason, code = 'ERR_ENCODE', isEncoderFault = false } of failures) {
      this.sql.run(
        `INSERT INTO failed_frames (space, frame_id, reason, attempts, code, device, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (space, frame_id) DO UPDATE SET reason = excluded.reason,
           attempts = attempts + excluded.attempts, code = excluded.code,
           device = excluded.device, created_at = excluded.created_at`,
        space,
        frameId,
        reason,
        isEncoderFault ? 0 : 1,
        code,
        run?.device ?? null,
        run?.createdAt ?? null,
      );
      leaveQueue(frameId);
    }
    return [...touched].filter((mediaId) => !this.isWaiting(space, mediaId)).map(asMediaId);
  }

  // CROSS JOIN here and below: SQLite then starts with the few frames of the media file. Left to
  // itself it may start with the whole queue, which made a sync of 100,000 frames quadratic.
  private isWaiting(space: string, mediaId: string): boolean {
    return (
      this.sql.get(
        `SELECT 1 FROM frames f CROSS JOIN pending_frames p ON p.frame_id = f.frame_id
         WHERE f.media_id = ? AND p.space = ? LIMIT 1`,
        mediaId,
        space,
      ) !== undefined
    );
  }

  /** How many frames of a media file have a row, and why the first one that failed did. */
  outcomeOf(
    space: string,
    mediaId: MediaId,
  ): { rows: number; failure: { code: string; reason: string } | undefined } {
    const rows = this.sql.get(
      `SELECT count(*) AS n FROM frames f CROSS JOIN frame_rows r ON r.frame_id = f.frame_id
       WHERE f.media_id = ? AND r.space = ?`,
      mediaId,
      space,
    );
    const failed = this.sql.get(
      `SELECT x.code, x.reason FROM frames f CROSS JOIN failed_frames x ON x.frame_id = f.frame_id
       WHERE f.media_id = ? AND x.space = ? ORDER BY x.frame_id LIMIT 1`,
      mediaId,
      space,
    );
    return {
      rows: Number(rows?.n ?? 0),
      failure: failed && { code: failed.code as string, reason: failed.reason as string },
    };
  }

  /** Queues frames again that failed and have attempts left, or all that failed. */
  retryFailed(space: string, all: boolean): void {
    this.sql.run(
      `INSERT OR IGNORE INTO pending_frames (space, frame_id)
       SELECT space, frame_id FROM failed_frames WHERE space = ? AND attempts < ?`,
      space,
      all ? Number.MAX_SAFE_INTEGER : MAX_ENCODE_ATTEMPTS,
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
}
