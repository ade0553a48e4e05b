/**
 * From which frame on `metadata.jsonl` is out of date. Set in the transaction of every change, cleared once
 * the file is written. An unchanged catalog has no mark, so that nothing needs to be read or written to
 * know that the file is right.
 */
import type { Statements } from '../sqlite/statements';

const DIRTY = 'metadata_dirty_from';
const WRITTEN = 'metadata_written';

/** State of the file when it was last written. */
export interface WrittenMetadata {
  readonly bytes: number;
  /** Highest frame id in it; -1 for none. */
  readonly lastId: number;
  /** The space whose embeddings it describes. */
  readonly space: string;
}

/** Call in the transaction that changes these frames. */
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

/** The first frame whose line may be wrong or missing; undefined if the file is right. */
export function dirtyFrom(sql: Statements): number | undefined {
  const value = read(sql, DIRTY);
  return value === undefined ? undefined : Number(value);
}

/** Undefined if never written, or written by an older version. */
export function writtenMetadata(sql: Statements): WrittenMetadata | undefined {
  const value = read(sql, WRITTEN);
  return value === undefined ? undefined : (JSON.parse(value) as WrittenMetadata);
}

/** Call once the file is durable; the library's one writer changes nothing in between. */
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
