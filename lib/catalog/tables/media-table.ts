/** The media table: one row per media file, its state and the reason for it. */
import { randomBytes } from 'node:crypto';
import { asMediaId, type MediaId, type MediaKind, type MediaState } from '../../base/types';
import { assertChecksum, checksumOf, type Column } from '../sqlite/checksum';
import type { FrameFailure, IngestedItem, MediaLocation, MediaRow } from '../records';
import type { SqlRow } from '../sqlite/sqlite';
import type { Statements } from '../sqlite/statements';

type Identity = Pick<MediaRow, 'mediaId' | 'path' | 'kind'>;

const identityOf = (row: Identity): Column[] => [row.mediaId, row.path, row.kind];

/** Columns in the order of `write`. */
const stateOf = (row: MediaRow): Column[] => [
  row.mediaId,
  row.sizeBytes,
  row.mtimeMs,
  row.contentHash,
  row.state,
  row.code,
  row.reason,
  row.width,
  row.height,
  row.capturedAt,
  row.attempts,
  row.needsDecoding ? 1 : 0,
  row.fault,
  row.note,
  row.ctimeMs,
  row.sampling,
];

/** Reads the media columns of a row joined with the media table. @throws ERR_CATALOG when damaged */
export function toIdentity(row: SqlRow): Identity {
  const identity = {
    mediaId: asMediaId(row.media_id as string),
    path: row.path as string,
    kind: row.kind as MediaKind,
  };
  assertChecksum(identityOf(identity), row.identity_checksum, `media ${identity.mediaId}`);
  return identity;
}

function toMediaRow(row: SqlRow): MediaRow {
  const media: MediaRow = {
    ...toIdentity(row),
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
    needsDecoding: Number(row.needs_decoding) === 1,
    fault: row.fault as MediaRow['fault'],
    note: row.note as string | null,
    ctimeMs: row.ctime_ms as number | null,
    sampling: row.sampling as string | null,
  };
  assertChecksum(stateOf(media), row.state_checksum, `media ${media.mediaId} (${media.path})`);
  return media;
}

export class MediaTable {
  constructor(private readonly sql: Statements) {}

  /** All media in path order. Writing in between is allowed; later pages show it. */
  *all(): IterableIterator<MediaRow> {
    for (const row of this.rows()) yield toMediaRow(row);
  }

  /** One finding per damaged entry. */
  *damage(): IterableIterator<string> {
    for (const row of this.rows()) {
      try {
        toMediaRow(row);
      } catch (error) {
        yield (error as Error).message;
      }
    }
  }

  private rows(): Generator<SqlRow> {
    return this.sql.pages('SELECT * FROM media WHERE path > ? ORDER BY path LIMIT ?', 'path', '');
  }

  byId(mediaId: MediaId): MediaRow | undefined {
    const row = this.sql.get('SELECT * FROM media WHERE media_id = ?', mediaId);
    return row && toMediaRow(row);
  }

  byPath(path: string): MediaRow | undefined {
    const row = this.sql.get('SELECT * FROM media WHERE path = ?', path);
    return row && toMediaRow(row);
  }

  /** Inserts or replaces a file's entry; an earlier version keeps its id. */
  put(item: IngestedItem): MediaId {
    const mediaId = item.replaces ?? this.freeId(item.former?.mediaId);
    this.write({ ...item, mediaId });
    return mediaId;
  }

  /** The id that a file had before it was forgotten, unless another file has it now. */
  private freeId(former: MediaId | undefined): MediaId {
    if (former !== undefined && this.byId(former) === undefined) return former;
    return asMediaId(randomBytes(16).toString('hex'));
  }

  setState(mediaId: MediaId, state: MediaState): void {
    this.change(mediaId, { state });
  }

  /**
   * Records why frames of a file have no embedding; with undefined, that all have one again. A decoder's
   * remark about the file (a damaged end) is never overwritten or removed.
   */
  setEncodeReason(mediaId: MediaId, failure: FrameFailure | undefined): void {
    const row = this.byId(mediaId);
    if (row === undefined) return;
    const needsDecoding = row.needsDecoding || failure?.needsDecoding === true;
    const said: Partial<MediaRow> =
      row.fault === 'decode'
        ? {}
        : failure === undefined
          ? { code: null, reason: null, fault: null }
          : { code: failure.code, reason: `not embedded: ${failure.reason}`, fault: 'encode' };
    this.write({ ...row, ...said, needsDecoding });
  }

  setNeedsDecoding(mediaId: MediaId): void {
    this.change(mediaId, { needsDecoding: true });
  }

  /** Records another path or other times of the same bytes. */
  setLocation(mediaId: MediaId, location: MediaLocation): void {
    this.change(mediaId, location);
  }

  remove(mediaId: MediaId): void {
    this.sql.run('DELETE FROM media WHERE media_id = ?', mediaId);
  }

  /** Reads, changes and writes one row, so that its checksums match. */
  private change(mediaId: MediaId, over: Partial<MediaRow>): void {
    const row = this.byId(mediaId);
    if (row !== undefined) this.write({ ...row, ...over });
  }

  private write(row: MediaRow): void {
    this.sql.run(
      `INSERT INTO media (media_id, path, kind, size_bytes, mtime_ms, content_hash, state, code,
         reason, width, height, captured_at, attempts, needs_decoding, fault, note, ctime_ms,
         sampling, identity_checksum, state_checksum)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (media_id) DO UPDATE SET path = excluded.path, kind = excluded.kind,
         size_bytes = excluded.size_bytes, mtime_ms = excluded.mtime_ms,
         content_hash = excluded.content_hash, state = excluded.state, code = excluded.code,
         reason = excluded.reason, width = excluded.width, height = excluded.height,
         captured_at = excluded.captured_at, attempts = excluded.attempts,
         needs_decoding = excluded.needs_decoding, fault = excluded.fault, note = excluded.note,
         ctime_ms = excluded.ctime_ms, sampling = excluded.sampling,
         identity_checksum = excluded.identity_checksum,
         state_checksum = excluded.state_checksum`,
      ...identityOf(row),
      ...stateOf(row).slice(1), // without the media id again
      checksumOf(identityOf(row)),
      checksumOf(stateOf(row)),
    );
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
