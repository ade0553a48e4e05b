/** Frames and their rows in each space; the only file that converts between frame ids and rows. */
import {
  asFrameId,
  asMediaId,
  asRow,
  type FrameId,
  type FrameRecord,
  type MediaId,
  type Row,
} from '../../base/types';
import { checksumOf } from '../sqlite/checksum';
import { assertFrameRow, frameRowColumns } from './encoding-table';
import { columnsOf, frameQuery, toFrame } from './frame-columns';
import type {
  EncodeFailure,
  EncodeRun,
  FrameFailure,
  FrameRow,
  IngestedFrame,
  StoredFrame,
} from '../records';
import type { SqlRow } from '../sqlite/sqlite';
import type { Statements } from '../sqlite/statements';

/** After this many attempts a frame is no longer encoded. */
const MAX_ENCODE_ATTEMPTS = 3;

const SELECT_FRAME = frameQuery();
const SELECT_WITH_ROW = frameQuery(
  'r.row, r.encoding_id, r.checksum AS row_checksum',
  'JOIN frame_rows r ON r.frame_id = f.frame_id',
);

/** The keys of these tables begin with the space: without it SQLite scans the whole table. */
const IN_ANY_SPACE = 'space IN (SELECT name FROM spaces) AND frame_id = ?';

const toStored = (row: SqlRow): StoredFrame => ({
  frameId: asFrameId(Number(row.frame_id)),
  timestamp: row.timestamp as number | null,
  crc: row.jpeg_crc as number | null,
});

const toFailure = (row: SqlRow): FrameFailure => ({
  code: row.code as string,
  reason: row.reason as string,
  needsDecoding: Number(row.needs_decoding) === 1,
});

export class FrameTable {
  constructor(private readonly sql: Statements) {}

  /** Adds or updates frames, and queues those to be encoded for every space. */
  put(mediaId: MediaId, frames: readonly IngestedFrame[]): void {
    for (const frame of frames) {
      const { frameId, timestamp, width, height, crc } = frame;
      this.sql.run(
        `INSERT INTO frames (frame_id, media_id, timestamp, width, height, jpeg_crc, checksum)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (frame_id) DO UPDATE SET media_id = excluded.media_id,
           timestamp = excluded.timestamp, width = excluded.width, height = excluded.height,
           jpeg_crc = excluded.jpeg_crc, checksum = excluded.checksum`,
        frameId,
        mediaId,
        timestamp,
        width,
        height,
        crc ?? null,
        checksumOf(columnsOf(frame, mediaId)),
      );
      // A frame that keeps its vector may have none, because it failed or the space is being built.
      const isLacking = `WHERE NOT EXISTS (SELECT 1 FROM frame_rows r
        WHERE r.space = s.name AND r.frame_id = f.frame_id)`;
      this.sql.run(
        `INSERT OR IGNORE INTO pending_frames (space, frame_id)
         SELECT s.name, f.frame_id FROM frames f CROSS JOIN spaces s ON f.frame_id = ?
         ${frame.kept === 'same' ? isLacking : ''}`,
        frameId,
      );
    }
  }

  /** Whether a frame of a media file waits to be encoded for the active space. */
  hasWaiting(mediaId: MediaId): boolean {
    const waiting = `SELECT 1 FROM frames f CROSS JOIN spaces s ON s.state = 'active'
      CROSS JOIN pending_frames p ON p.space = s.name AND p.frame_id = f.frame_id
      WHERE f.media_id = ? LIMIT 1`;
    return this.sql.get(waiting, mediaId) !== undefined;
  }

  /** Removes the frames of a media file, except `but`; their rows become tombstones. */
  removeOfMedia(mediaId: MediaId, but: ReadonlySet<FrameId> = new Set()): FrameId[] {
    const ids = this.idsOfMedia(mediaId).filter((frameId) => !but.has(frameId));
    for (const frameId of ids) {
      this.removeRow(frameId);
      for (const table of ['pending_frames', 'failed_frames'] as const) {
        this.sql.run(`DELETE FROM ${table} WHERE ${IN_ANY_SPACE}`, frameId);
      }
      this.sql.run('DELETE FROM frames WHERE frame_id = ?', frameId);
    }
    return ids;
  }

  /** Deletes a frame's rows, of one space or of all, and leaves tombstones (stored in the table `graves`). */
  private removeRow(frameId: FrameId, space?: string): void {
    const [where, values] =
      space === undefined
        ? [IN_ANY_SPACE, [frameId]]
        : ['space = ? AND frame_id = ?', [space, frameId]];
    this.sql.run(
      `INSERT OR IGNORE INTO graves (space, frame_id)
       SELECT space, frame_id FROM frame_rows WHERE ${where}`,
      ...values,
    );
    this.sql.run(`DELETE FROM frame_rows WHERE ${where}`, ...values);
  }

  /** Frames of a media file with the checksums of their pictures, by time. */
  storedOfMedia(mediaId: MediaId): StoredFrame[] {
    return this.sql
      .all(
        'SELECT frame_id, timestamp, jpeg_crc FROM frames WHERE media_id = ? ORDER BY timestamp, frame_id',
        mediaId,
      )
      .map(toStored);
  }

  /** Checksum of a frame's picture; null where none was recorded. */
  crcOf(frameId: FrameId): number | null {
    const row = this.sql.get('SELECT jpeg_crc FROM frames WHERE frame_id = ?', frameId);
    return (row?.jpeg_crc ?? null) as number | null;
  }

  idsOfMedia(mediaId: MediaId): FrameId[] {
    return this.sql
      .all('SELECT frame_id FROM frames WHERE media_id = ? ORDER BY frame_id', mediaId)
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  hasRows(space: string): boolean {
    return this.sql.get('SELECT 1 FROM frame_rows WHERE space = ? LIMIT 1', space) !== undefined;
  }

  idsInSpace(space: string): FrameId[] {
    return this.sql
      .all('SELECT frame_id FROM frame_rows WHERE space = ? ORDER BY row', space)
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  byId(frameId: FrameId): FrameRecord | undefined {
    const row = this.sql.get(`${SELECT_FRAME} WHERE f.frame_id = ?`, frameId);
    return row && toFrame(row);
  }

  /** Undefined unless the frame is searchable in the space. */
  inSpace(space: string, frameId: FrameId): FrameRecord | undefined {
    const query = `${SELECT_WITH_ROW} WHERE r.space = ? AND r.frame_id = ?`;
    const found = this.sql.get(query, space, frameId);
    if (found === undefined) return undefined;
    const checksum = found.row_checksum as SqlRow[string];
    assertFrameRow(space, Number(found.row), { ...found, checksum });
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

  /** All frames in id order. Writing in between is allowed; later pages show it. */
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

  /** @param isDecoding leaves out frames of files that are about to be decoded again */
  waiting(space: string, limit: number, isDecoding: boolean): FrameId[] {
    // CROSS JOIN: see `isWaiting`.
    const untouched = `CROSS JOIN frames f ON f.frame_id = p.frame_id
       CROSS JOIN media m ON m.media_id = f.media_id AND m.needs_decoding = 0`;
    return this.sql
      .all(
        `SELECT p.frame_id FROM pending_frames p ${isDecoding ? untouched : ''}
         WHERE p.space = ? ORDER BY p.frame_id LIMIT ?`,
        space,
        limit,
      )
      .map((row) => asFrameId(Number(row.frame_id)));
  }

  /**
   * Records rows and failures; returns media whose last waiting frame this was.
   *
   * @param encodingId of the rows; null when their encoding is unknown
   */
  settle(
    space: string,
    rows: readonly FrameRow[],
    failures: readonly EncodeFailure[],
    encodingId: number | null,
    run: EncodeRun | undefined,
  ): MediaId[] {
    const touched = new Set<string>();
    const leaveQueue = (frameId: FrameId, crc?: number): void => {
      const media = this.sql.get(
        'SELECT media_id, jpeg_crc FROM frames WHERE frame_id = ?',
        frameId,
      );
      // The picture was renewed while its old version was encoded: the frame stays queued.
      const isOutdated =
        crc !== undefined && media !== undefined && crc !== (media.jpeg_crc ?? crc);
      if (isOutdated) return;
      this.sql.run('DELETE FROM pending_frames WHERE space = ? AND frame_id = ?', space, frameId);
      if (media !== undefined) touched.add(media.media_id as string);
    };
    for (const { frameId, row, crc } of rows) {
      // A renewed frame has an old row, which the engine dropped for the new one.
      this.sql.run('DELETE FROM frame_rows WHERE space = ? AND frame_id = ?', space, frameId);
      this.insertRow(space, row, frameId, encodingId);
      this.sql.run('DELETE FROM failed_frames WHERE space = ? AND frame_id = ?', space, frameId);
      leaveQueue(frameId, crc);
    }
    for (const failure of failures) {
      const { frameId, reason, code = 'ERR_ENCODE', isEncoderFault = false } = failure;
      this.removeRow(frameId, space);
      this.sql.run(
        `INSERT INTO failed_frames (space, frame_id, reason, attempts, code, device, created_at,
           needs_decoding)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (space, frame_id) DO UPDATE SET reason = excluded.reason,
           attempts = attempts + excluded.attempts, code = excluded.code,
           device = excluded.device, created_at = excluded.created_at,
           needs_decoding = excluded.needs_decoding`,
        space,
        frameId,
        reason,
        isEncoderFault ? 0 : 1,
        code,
        run?.device ?? null,
        run?.createdAt ?? null,
        failure.needsDecoding === true ? 1 : 0,
      );
      leaveQueue(frameId);
    }
    return [...touched].filter((mediaId) => !this.isWaiting(space, mediaId)).map(asMediaId);
  }

  // CROSS JOIN here and below makes SQLite start with the few frames of the media file. Otherwise it may
  // start with the whole queue, which made a sync of 100,000 frames quadratic.
  isWaiting(space: string, mediaId: string): boolean {
    return (
      this.sql.get(
        `SELECT 1 FROM frames f CROSS JOIN pending_frames p ON p.frame_id = f.frame_id
         WHERE f.media_id = ? AND p.space = ? LIMIT 1`,
        mediaId,
        space,
      ) !== undefined
    );
  }

  /**
   * Media files with frames whose state may differ when this space becomes the active one: those that are
   * not simply indexed now, and those with a frame that has no row in it.
   */
  mediaToSettle(space: string): MediaId[] {
    const lacking = (table: string): string =>
      `SELECT f.media_id FROM ${table} t CROSS JOIN frames f ON f.frame_id = t.frame_id WHERE t.space = ?`;
    return this.sql
      .all(
        `SELECT m.media_id FROM media m WHERE (m.state IN ('pending', 'failed') OR m.fault = 'encode')
           AND EXISTS (SELECT 1 FROM frames f WHERE f.media_id = m.media_id)
         UNION ${lacking('pending_frames')} UNION ${lacking('failed_frames')}`,
        space,
        space,
      )
      .map((row) => asMediaId(row.media_id as string));
  }

  /** How many frames of a media file have a row, and why the first failure happened. */
  outcomeOf(space: string, mediaId: MediaId): { rows: number; failure: FrameFailure | undefined } {
    const rows = this.sql.get(
      `SELECT count(*) AS n FROM frames f CROSS JOIN frame_rows r ON r.frame_id = f.frame_id
       WHERE f.media_id = ? AND r.space = ?`,
      mediaId,
      space,
    );
    const failed = this.sql.get(
      `SELECT x.code, x.reason, x.needs_decoding FROM frames f
       CROSS JOIN failed_frames x ON x.frame_id = f.frame_id
       WHERE f.media_id = ? AND x.space = ? ORDER BY x.needs_decoding DESC, x.frame_id LIMIT 1`,
      mediaId,
      space,
    );
    return {
      rows: Number(rows?.n ?? 0),
      failure: failed && toFailure(failed),
    };
  }

  /** The first failure of a space; with `ofEncoder` the first that was not a frame's own. */
  failureOf(space: string, { ofEncoder = false } = {}): FrameFailure | undefined {
    const found = this.sql.get(
      `SELECT code, reason, needs_decoding FROM failed_frames
       WHERE space = ? AND (attempts = 0 OR ?) ORDER BY frame_id LIMIT 1`,
      space,
      ofEncoder ? 0 : 1,
    );
    return found && toFailure(found);
  }

  /** Requeues failed frames that have attempts left, or all failed ones. */
  retryFailed(space: string, all: boolean): void {
    this.sql.run(
      `INSERT OR IGNORE INTO pending_frames (space, frame_id)
       SELECT space, frame_id FROM failed_frames WHERE space = ? AND attempts < ?`,
      space,
      all ? Number.MAX_SAFE_INTEGER : MAX_ENCODE_ATTEMPTS,
    );
  }

  /** Deletes frames' rows; the frames wait again. */
  requeue(space: string, frameIds: readonly FrameId[]): void {
    for (const frameId of frameIds) {
      this.removeRow(frameId, space);
      this.sql.run(
        'INSERT OR IGNORE INTO pending_frames (space, frame_id) VALUES (?, ?)',
        space,
        frameId,
      );
    }
  }

  /** Assigns new rows to frames; frames that have none now wait again. */
  renumber(space: string, rowOf: (frameId: FrameId) => Row | undefined): void {
    const rows = this.sql.all(
      'SELECT frame_id, row, encoding_id, checksum FROM frame_rows WHERE space = ?',
      space,
    );
    this.sql.run('DELETE FROM frame_rows WHERE space = ?', space);
    const lost: FrameId[] = [];
    for (const found of rows) {
      assertFrameRow(space, Number(found.row), found);
      const frameId = asFrameId(Number(found.frame_id));
      const row = rowOf(frameId);
      if (row === undefined) lost.push(frameId);
      else this.insertRow(space, row, frameId, found.encoding_id as number | null);
    }
    this.requeue(space, lost);
  }

  private insertRow(space: string, row: Row, frameId: FrameId, encodingId: number | null): void {
    this.sql.run(
      'INSERT INTO frame_rows (space, row, frame_id, encoding_id, checksum) VALUES (?, ?, ?, ?, ?)',
      space,
      row,
      frameId,
      encodingId,
      checksumOf(frameRowColumns(space, row, frameId, encodingId)),
    );
  }
}
