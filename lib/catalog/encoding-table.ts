/**
 * How each frame was encoded, or why it was not: the metadata of spec 003. Batches that were encoded
 * share one entry, so that 100,000 frames need some 1,600 of them. The only place that knows what the
 * checksum of a row covers.
 */
import type { FrameId } from '../types';
import { assertChecksum, checksumOf, type Column } from './checksum';
import type { EmbeddingMetadata, EncodeRun, SpaceRecord } from './records';
import type { SqlRow } from './sqlite';
import type { Statements } from './statements';

/** Columns of a row of `frame_rows` under its checksum; version 1 had no encoding. */
export const frameRowColumns = (
  space: string,
  row: number,
  frameId: number,
  encodingId: number | null,
): Column[] => (encodingId === null ? [space, row, frameId] : [space, row, frameId, encodingId]);

/**
 * @param row   that was asked for: a search in a damaged tree may end at another one
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

export class EncodingTable {
  constructor(private readonly sql: Statements) {}

  /** Records a batch; returns what its rows name. */
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
    const done = this.sql.get(
      'SELECT row, encoding_id, checksum FROM frame_rows WHERE space = ? AND frame_id = ?',
      space.name,
      frameId,
    );
    if (done !== undefined) {
      assertFrameRow(space.name, Number(done.row), { ...done, frame_id: frameId });
      return describe(space, this.runOf(done.encoding_id), null);
    }
    const failed = this.sql.get(
      'SELECT code, reason, device, created_at FROM failed_frames WHERE space = ? AND frame_id = ?',
      space.name,
      frameId,
    );
    if (failed === undefined) return undefined;
    const { device, created_at: createdAt } = failed as Record<string, string | null>;
    return describe(space, { device, createdAt }, `${failed.code}: ${failed.reason}`);
  }

  private runOf(encodingId: SqlRow[string] | undefined): EncodeRun | undefined {
    if (encodingId === null || encodingId === undefined) return undefined;
    const row = this.sql.get('SELECT * FROM encodings WHERE encoding_id = ?', encodingId);
    return row && toRun(row);
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
    // Encoders give unit rows, always.
    normalized: true,
    device: run?.device ?? null,
    inference_time_ms: run?.inferenceMs ?? null,
    created_at: run?.createdAt ?? null,
    error,
  };
}
