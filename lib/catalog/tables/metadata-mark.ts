/**
 * From which frame on `metadata.jsonl` no longer says what the catalog says. Set in the transaction of
 * every change, taken away by whoever has written the file: an unchanged catalog has no mark, so that
 * nothing needs to be read or written to know that the file is right.
 */
import type { Statements } from '../sqlite/statements';

const DIRTY = 'metadata_dirty_from';
const WRITTEN = 'metadata_written';

/** What the file was when it was last written. */
export interface WrittenMetadata {
  readonly bytes: number;
  /** Highest frame id in it; -1 when it has none. */
  readonly lastId: number;
  /** The space whose embeddings it tells of. */
  readonly space: string;
}

/** To be called in the transaction that changes what is said of these frames. */
export function markMetadata(sql: Statements, frameIds: readonly number[]): void {
  if (frameIds.length === 0) return;
  const lowest = frameIds.reduce((low, id) => Math.min(low, id));
  sql.run(
    `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE
       SET value = CAST(min(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER)) AS TEXT)`,
    DIRTY,
    String(lowest),
  );
}

export function markAllMetadata(sql: Statements): void {
  markMetadata(sql, [0]);
}

/** The first frame whose line may be wrong or missing; undefined: the file is right. */
export function dirtyFrom(sql: Statements): number | undefined {
  const value = read(sql, DIRTY);
  return value === undefined ? undefined : Number(value);
}

/** Undefined when it was never written, or by an older version. */
export function writtenMetadata(sql: Statements): WrittenMetadata | undefined {
  const value = read(sql, WRITTEN);
  return value === undefined ? undefined : (JSON.parse(value) as WrittenMetadata);
}

/** To be called with the file durable; the one writer of a library changes nothing meanwhile. */
export function metadataIsWritten(sql: Statements, written: WrittenMetadata): void {
  sql.transaction(() => {
    sql.run('DELETE FROM meta WHERE key = ?', DIRTY);
    sql.run(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      WRITTEN,
      JSON.stringify(written),
    );
  });
}

function read(sql: Statements, key: string): string | undefined {
  return sql.get('SELECT value FROM meta WHERE key = ?', key)?.value as string | undefined;
}
