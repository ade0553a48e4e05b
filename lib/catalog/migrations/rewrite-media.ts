/**
 * The part of the migration from catalog version 2 to 3 that SQL cannot do: fills the new columns of
 * `media` from the codes and reasons of older versions, and extends the checksums to them.
 *
 * Frozen: its output must stay what version 3 defined.
 */
import { checksumOf, type Column } from '../sqlite/checksum';
import type { SqliteDatabase, SqlRow } from '../sqlite/sqlite';

const PAGE = 500;

/** Codes that meant "try again", and the code for a stored frame that could not be read. */
const TRY_AGAIN: ReadonlySet<unknown> = new Set([
  'ERR_MEDIA_CHANGED',
  'ERR_MEDIA_MISSING',
  'ERR_FFMPEG_MISSING',
]);
const FRAME_UNREADABLE = 'ERR_IO';

const version2Columns = (row: SqlRow): Column[] =>
  [
    row.media_id,
    row.size_bytes,
    row.mtime_ms,
    row.content_hash,
    row.state,
    row.code,
    row.reason,
    row.width,
    row.height,
    row.captured_at,
    row.attempts,
  ] as Column[];

export function rewriteMedia(db: SqliteDatabase): void {
  const page = db.prepare('SELECT * FROM media WHERE media_id > ? ORDER BY media_id LIMIT ?');
  const hasFrames = db.prepare('SELECT 1 FROM frames WHERE media_id = ? LIMIT 1');
  const update = db.prepare(
    'UPDATE media SET needs_decoding = ?, fault = ?, state_checksum = ? WHERE media_id = ?',
  );
  for (let after = ''; ;) {
    const rows = page.all(after, PAGE) as SqlRow[];
    for (const row of rows) {
      const isWhole = checksumOf(version2Columns(row)) === Number(row.state_checksum);
      const needsDecoding = needs(row, hasFrames.get(row.media_id ?? null) !== undefined) ? 1 : 0;
      const fault = faultOf(row);
      const more: Column[] = [needsDecoding, fault, null, null, null];
      // A damaged entry keeps a checksum that does not match.
      const checksum = checksumOf([...version2Columns(row), ...more]);
      const kept = isWhole ? checksum : (checksum ^ 1) >>> 0;
      update.run(needsDecoding, fault, kept, row.media_id ?? null);
    }
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.media_id as string;
  }
}

function needs(row: SqlRow, hasFrames: boolean): boolean {
  if (row.state === 'pending') return !hasFrames || TRY_AGAIN.has(row.code);
  return row.state === 'failed' && row.code === FRAME_UNREADABLE;
}

function faultOf({ code, reason }: SqlRow): 'decode' | 'encode' | null {
  if (code === null) return null;
  const isEncoders = code === 'ERR_ENCODE' || String(reason).startsWith('not embedded: ');
  return isEncoders ? 'encode' : 'decode';
}
