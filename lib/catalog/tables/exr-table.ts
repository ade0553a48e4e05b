/** Facts of OpenEXR files and the vectors made of them. Knows the columns, not what a payload means. */
import { assertChecksum, checksumOf } from '../sqlite/checksum';
import type { SqlRow } from '../sqlite/sqlite';
import type { Statements } from '../sqlite/statements';
import { asMediaId, type MediaId } from '../../base/types';

/** A media file whose facts are missing or out of date. */
export interface ExrToInspect {
  readonly mediaId: MediaId;
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** What queries ask for often, beside the payload. */
export interface ExrFacts {
  /** JSON. */
  readonly payload: string;
  readonly multipartCount: number;
  readonly channelCount: number;
  readonly isTiled: boolean;
  readonly isDeep: boolean;
  readonly isMultiview: boolean;
}

export interface ExrFailure {
  readonly code: string;
  readonly reason: string;
}

export interface ExrFileRow {
  readonly fileId: number;
  readonly mediaId: MediaId;
  readonly path: string;
  /** JSON; null when the file could not be inspected. */
  readonly payload: string | null;
  readonly code: string | null;
  readonly reason: string | null;
}

export interface ExrVectors {
  readonly fileId: number;
  readonly schemaVersion: string;
  /** Float32, little-endian. */
  readonly metadata: Uint8Array;
  readonly channels: Uint8Array;
}

export interface ExrCounts {
  readonly files: number;
  /** Files without facts. */
  readonly failed: number;
}

const IS_EXR = "lower(substr(m.path, -4)) = '.exr'";

function toRow(row: SqlRow): ExrFileRow {
  const file = {
    fileId: Number(row.file_id),
    mediaId: asMediaId(row.media_id as string),
    path: row.path as string,
    payload: row.payload as string | null,
    code: row.code as string | null,
    reason: row.reason as string | null,
  };
  assertChecksum([file.mediaId, file.path, file.payload], row.checksum, `EXR file ${file.path}`);
  return file;
}

const toVectors = (row: SqlRow): ExrVectors => ({
  fileId: Number(row.file_id),
  schemaVersion: row.schema_version as string,
  metadata: row.metadata_embedding as Uint8Array,
  channels: row.channel_fingerprint as Uint8Array,
});

export class ExrTable {
  constructor(private readonly sql: Statements) {}

  /** Media files named `.exr` whose facts are missing, or of another state of the file or another inspector. */
  toInspect(inspectorVersion: string): ExrToInspect[] {
    const rows = this.sql.all(
      `SELECT m.media_id, m.path, m.size_bytes, m.mtime_ms FROM media m
         LEFT JOIN exr_files e ON e.media_id = m.media_id
       WHERE ${IS_EXR} AND (e.media_id IS NULL OR e.path <> m.path OR e.size_bytes <> m.size_bytes
         OR e.mtime_ms <> m.mtime_ms OR e.inspector_version <> ?) ORDER BY m.path`,
      inspectorVersion,
    );
    return rows.map((row) => ({
      mediaId: asMediaId(row.media_id as string),
      path: row.path as string,
      sizeBytes: Number(row.size_bytes),
      mtimeMs: Number(row.mtime_ms),
    }));
  }

  /** Replaces what was known of the file; its id stays, its vectors go. */
  put(file: ExrToInspect, inspectorVersion: string, found: ExrFacts | ExrFailure): void {
    const facts = 'payload' in found ? found : undefined;
    const failure = 'code' in found ? found : undefined;
    const payload = facts?.payload ?? null;
    const flag = (value: boolean | undefined): number | null =>
      value === undefined ? null : value ? 1 : 0;
    this.sql.transaction(() => {
      this.sql.run(
        `INSERT INTO exr_files (media_id, path, size_bytes, mtime_ms, inspector_version, code, reason,
           payload, multipart_count, channel_count, is_tiled, is_deep, is_multiview, checksum)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (media_id) DO UPDATE SET path = excluded.path, size_bytes = excluded.size_bytes,
           mtime_ms = excluded.mtime_ms, inspector_version = excluded.inspector_version,
           code = excluded.code, reason = excluded.reason, payload = excluded.payload,
           multipart_count = excluded.multipart_count, channel_count = excluded.channel_count,
           is_tiled = excluded.is_tiled, is_deep = excluded.is_deep,
           is_multiview = excluded.is_multiview, checksum = excluded.checksum`,
        file.mediaId,
        file.path,
        file.sizeBytes,
        file.mtimeMs,
        inspectorVersion,
        failure?.code ?? null,
        failure?.reason ?? null,
        payload,
        facts?.multipartCount ?? null,
        facts?.channelCount ?? null,
        flag(facts?.isTiled),
        flag(facts?.isDeep),
        flag(facts?.isMultiview),
        checksumOf([file.mediaId, file.path, payload]),
      );
      this.sql.run(
        'DELETE FROM exr_vectors WHERE file_id = (SELECT file_id FROM exr_files WHERE media_id = ?)',
        file.mediaId,
      );
    });
  }

  byPath(path: string): ExrFileRow | undefined {
    const row = this.sql.get('SELECT * FROM exr_files WHERE path = ?', path);
    return row && toRow(row);
  }

  byId(fileId: number): ExrFileRow | undefined {
    const row = this.sql.get('SELECT * FROM exr_files WHERE file_id = ?', fileId);
    return row && toRow(row);
  }

  /** In the order of their ids. */
  *all(): IterableIterator<ExrFileRow> {
    const query = 'SELECT * FROM exr_files WHERE file_id > ? ORDER BY file_id LIMIT ?';
    for (const row of this.sql.pages(query, 'file_id', -1)) yield toRow(row);
  }

  /** As `all`, without damaged entries. */
  *intact(): IterableIterator<ExrFileRow> {
    for (const { row } of this.checked()) if (row !== undefined) yield row;
  }

  /** One finding for each damaged entry. */
  *damage(): IterableIterator<string> {
    for (const { finding } of this.checked()) if (finding !== undefined) yield finding;
  }

  private *checked(): IterableIterator<{ fileId: number; row?: ExrFileRow; finding?: string }> {
    const query = 'SELECT * FROM exr_files WHERE file_id > ? ORDER BY file_id LIMIT ?';
    for (const row of this.sql.pages(query, 'file_id', -1)) {
      const fileId = Number(row.file_id);
      try {
        yield { fileId, row: toRow(row) };
      } catch (error) {
        yield { fileId, finding: (error as Error).message };
      }
    }
  }

  /** Damaged entries are inspected next time and keep their ids; those of no media file go. */
  outdateDamaged(): void {
    const query = "UPDATE exr_files SET inspector_version = '' WHERE file_id = ?";
    this.sql.transaction(() => {
      this.sql.run('DELETE FROM exr_files WHERE media_id NOT IN (SELECT media_id FROM media)');
      for (const { fileId, finding } of this.checked())
        if (finding !== undefined) this.sql.run(query, fileId);
    });
  }

  counts(): ExrCounts {
    const row = this.sql.get('SELECT count(*) AS files, count(code) AS failed FROM exr_files');
    return { files: Number(row?.files), failed: Number(row?.failed) };
  }

  /** Up to `limit` files that have facts and no vectors of the version. */
  withoutVectors(version: number, limit: number): ExrFileRow[] {
    return this.sql
      .all(
        `SELECT e.* FROM exr_files e WHERE e.payload IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM exr_vectors v WHERE v.version = ? AND v.file_id = e.file_id)
         ORDER BY e.file_id LIMIT ?`,
        version,
        limit,
      )
      .map(toRow);
  }

  putVectors(version: number, vectors: readonly ExrVectors[]): void {
    this.sql.transaction(() => {
      for (const { fileId, schemaVersion, metadata, channels } of vectors) {
        this.sql.run(
          `INSERT OR REPLACE INTO exr_vectors (version, file_id, schema_version, metadata_embedding,
             channel_fingerprint) VALUES (?, ?, ?, ?, ?)`,
          version,
          fileId,
          schemaVersion,
          metadata,
          channels,
        );
      }
    });
  }

  vectorsOf(version: number, fileId: number): ExrVectors | undefined {
    const query = 'SELECT * FROM exr_vectors WHERE version = ? AND file_id = ?';
    const row = this.sql.get(query, version, fileId);
    return row && toVectors(row);
  }

  /** Up to `limit` vectors that the engine may lack. */
  unindexed(version: number, limit: number): ExrVectors[] {
    const query =
      'SELECT * FROM exr_vectors WHERE version = ? AND is_indexed = 0 ORDER BY file_id LIMIT ?';
    return this.sql.all(query, version, limit).map(toVectors);
  }

  setIndexed(version: number, fileIds: readonly number[], isIndexed: boolean): void {
    const query = 'UPDATE exr_vectors SET is_indexed = ? WHERE version = ? AND file_id = ?';
    this.sql.transaction(() => {
      for (const fileId of fileIds) this.sql.run(query, isIndexed ? 1 : 0, version, fileId);
    });
  }

  /** Files with vectors of the version, in the order of their ids; or those alone that the engine has. */
  idsOf(version: number, onlyIndexed = false): number[] {
    const query =
      'SELECT file_id FROM exr_vectors WHERE version = ? AND is_indexed >= ? ORDER BY file_id';
    return this.sql.all(query, version, onlyIndexed ? 1 : 0).map((row) => Number(row.file_id));
  }

  countOf(version: number): number {
    const query = 'SELECT count(*) AS n FROM exr_vectors WHERE version = ?';
    return Number(this.sql.get(query, version)?.n);
  }

  dropVersion(version: number): void {
    this.sql.run('DELETE FROM exr_vectors WHERE version = ?', version);
  }
}
