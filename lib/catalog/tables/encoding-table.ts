/**
 * How each frame was encoded, or why not: the metadata of spec 003. Frames of a batch share one entry:
 * 100,000 frames need some 1,600. The only file that knows which columns the checksum of a row covers.
 */
import type { FrameId } from '../../base/types';
import { assertChecksum, checksumOf, type Column } from '../sqlite/checksum';
import type { EmbeddingMetadata, EncodeRun, SpaceRecord } from '../records';
import type { SqlRow } from '../sqlite/sqlite';
import type { Statements } from '../sqlite/statements';

/** Columns of `frame_rows` under the checksum; version 1 had no encoding. */
export const frameRowColumns = (
  space: string,
  row: number,
  frameId: number,
  encodingId: number | null,
): Column[] => (encodingId === null ? [space, row, frameId] : [space, row, frameId, encodingId]);

/**
 * @param row   the requested row: in a damaged B-tree a search may return another one
 * @param found with `frame_id`, `encoding_id` and `checksum`
 * @throws ERR_CATALOG when the entry that ties a row to a frame is damaged
 */
export function assertFrameRow(space: string, row: number, found: SqlRow): void {
  const encodingId = found.encoding_id === null ? null : Number(found.encoding_id);
  const columns = frameRowColumns(space, row, Number(found.frame_id), encodingId);
  assertChecksum(columns, found.checksum, `row ${row}`);
}

const columnsOf = (space: string, run: EncodeRun): Column[] => [
  space,
  run.device,
  run.inferenceMs,
  run.createdAt,
];

function toRun(row: SqlRow): EncodeRun {
  const run: EncodeRun = {
    device: row.device as string,
    inferenceMs: row.inference_ms as number | null,
    createdAt: row.created_at as string,
  };
  assertChecksum(
    columnsOf(row.space as string, run),
    row.checksum,
    `encoding ${row.encoding_id as number}`,
  );
  return run;
}

/** Columns for `metadataIn`, for queries over `frames f`; both joins take the space as parameter. */
export const EMBEDDING_COLUMNS = `r.row, r.encoding_id, r.checksum AS row_checksum,
  x.code AS failure_code, x.reason AS failure_reason, x.device AS failure_device,
  x.created_at AS failed_at`;
export const EMBEDDING_JOINS = `LEFT JOIN frame_rows r ON r.space = ? AND r.frame_id = f.frame_id
  LEFT JOIN failed_frames x ON x.space = ? AND x.frame_id = f.frame_id`;

export class EncodingTable {
  private lastRun: { readonly id: SqlRow[string]; readonly run: EncodeRun } | undefined;

  constructor(private readonly sql: Statements) {}

  /** Records a batch; returns the id that its rows refer to. */
  add(space: string, run: EncodeRun): number {
    this.sql.run(
      'INSERT INTO encodings (space, device, inference_ms, created_at, checksum) VALUES (?, ?, ?, ?, ?)',
      space,
      run.device,
      run.inferenceMs,
      run.createdAt,
      checksumOf(columnsOf(space, run)),
    );
    return Number(this.sql.get('SELECT last_insert_rowid() AS id')?.id);
  }

  /**
   * The metadata of a frame's embedding; undefined while the frame waits for its first attempt.
   *
   * @throws ERR_CATALOG when an entry is damaged
   */
  metadataOf(space: SpaceRecord, frameId: FrameId): EmbeddingMetadata | undefined {
    const found = this.sql.get(
      `SELECT f.frame_id, ${EMBEDDING_COLUMNS} FROM frames f ${EMBEDDING_JOINS} WHERE f.frame_id = ?`,
      space.name,
      space.name,
      frameId,
    );
    return found && this.metadataIn(space, found);
  }

  /** The same from a result row with `frame_id` and `EMBEDDING_COLUMNS`. */
  metadataIn(space: SpaceRecord, found: SqlRow): EmbeddingMetadata | undefined {
    if (found.row !== null) {
      const checksum = found.row_checksum as SqlRow[string];
      assertFrameRow(space.name, Number(found.row), { ...found, checksum });
      return describe(space, this.runOf(found.encoding_id), null);
    }
    if (found.failure_code === null) return undefined;
    const { failure_device: device, failed_at: createdAt } = found as Record<string, string | null>;
    return describe(space, { device, createdAt }, `${found.failure_code}: ${found.failure_reason}`);
  }

  /** Adjacent frames are mostly of one batch, and a batch never changes. */
  private runOf(encodingId: SqlRow[string] | undefined): EncodeRun | undefined {
    if (encodingId === null || encodingId === undefined) return undefined;
    if (this.lastRun?.id !== encodingId) {
      const row = this.sql.get('SELECT * FROM encodings WHERE encoding_id = ?', encodingId);
      this.lastRun = row && { id: encodingId, run: toRun(row) };
    }
    return this.lastRun?.run;
  }

  /** One finding per damaged entry. */
  *damage(): IterableIterator<string> {
    const query = 'SELECT * FROM encodings WHERE encoding_id > ? ORDER BY encoding_id LIMIT ?';
    for (const row of this.sql.pages(query, 'encoding_id', -1)) {
      try {
        toRun(row);
      } catch (error) {
        yield (error as Error).message;
      }
    }
  }
}

function describe(
  space: SpaceRecord,
  run: { [Key in keyof EncodeRun]?: EncodeRun[Key] | null } | undefined,
  error: string | null,
): EmbeddingMetadata {
  return {
    model_name: space.model.id,
    pretrained: space.model.revision,
    embed_dim: space.dim,
    // Encoders always return unit vectors.
    normalized: true,
    device: run?.device ?? null,
    inference_time_ms: run?.inferenceMs ?? null,
    created_at: run?.createdAt ?? null,
    error,
  };
}
