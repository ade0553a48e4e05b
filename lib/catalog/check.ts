/**
 * The full check of a catalog, for `verify`: SQLite's own check, every checksum, and consistency between
 * tables.
 */
import type { EncodingTable } from './tables/encoding-table';
import type { ExrTable } from './tables/exr-table';
import type { FormerTable } from './tables/former-table';
import type { FrameTable } from './tables/frame-table';
import type { MediaTable } from './tables/media-table';
import type { Statements } from './sqlite/statements';

/** Most findings per check: a broken disk would fill the screen. */
const MOST_FINDINGS = 100;

/** Queries that must return nothing, and the finding for each row; `{}` is the first column. */
const RULES: readonly (readonly [finding: string, sql: string])[] = [
  [
    'row {} is at or beyond the number of committed rows',
    `SELECT r.row FROM frame_rows r JOIN spaces s ON s.name = r.space WHERE r.row >= s.committed_rows`,
  ],
  [
    'frame {} is at or beyond the next frame id',
    `SELECT frame_id FROM frames WHERE frame_id >=
       CAST(coalesce((SELECT value FROM meta WHERE key = 'next_frame_id'), '0') AS INTEGER)`,
  ],
  [
    'media {} counts as indexed and has no frame',
    `SELECT m.path FROM media m WHERE m.state = 'indexed'
       AND NOT EXISTS (SELECT 1 FROM frames f WHERE f.media_id = m.media_id)`,
  ],
  [
    'media {} counts as failed or skipped and has a searchable frame',
    `SELECT m.path FROM media m WHERE m.state IN ('failed', 'skipped') AND EXISTS (
       SELECT 1 FROM frames f CROSS JOIN spaces s ON s.state = 'active'
       CROSS JOIN frame_rows r ON r.space = s.name AND r.frame_id = f.frame_id
       WHERE f.media_id = m.media_id)`,
  ],
  [
    'frame {} has no row and is not queued',
    `SELECT f.frame_id FROM frames f JOIN spaces s
       WHERE NOT EXISTS (SELECT 1 FROM frame_rows r WHERE r.space = s.name AND r.frame_id = f.frame_id)
         AND NOT EXISTS (SELECT 1 FROM pending_frames p WHERE p.space = s.name AND p.frame_id = f.frame_id)
         AND NOT EXISTS (SELECT 1 FROM failed_frames x WHERE x.space = s.name AND x.frame_id = f.frame_id)`,
  ],
  [
    'row {} refers to a batch that does not exist',
    `SELECT r.row FROM frame_rows r WHERE r.encoding_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM encodings e WHERE e.encoding_id = r.encoding_id)`,
  ],
  [
    'frame {} has a row and counts as failed',
    `SELECT x.frame_id FROM failed_frames x JOIN frame_rows r
       ON r.space = x.space AND r.frame_id = x.frame_id`,
  ],
  [
    'the list of failures refers to frame {}, which does not exist',
    `SELECT frame_id FROM failed_frames WHERE frame_id NOT IN (SELECT frame_id FROM frames)`,
  ],
  [
    'the queue refers to frame {}, which does not exist',
    `SELECT frame_id FROM pending_frames WHERE frame_id NOT IN (SELECT frame_id FROM frames)`,
  ],
];

export interface CheckedTables {
  readonly media: MediaTable;
  readonly frames: FrameTable;
  readonly encodings: EncodingTable;
  readonly former: FormerTable;
  readonly exr: ExrTable;
}

/** Each finding names the entry; empty when all is well. Reads everything. */
export function checkCatalog(sql: Statements, tables: CheckedTables): string[] {
  const findings: string[] = [];
  for (const finding of allFindings(sql, tables)) {
    findings.push(finding);
    if (findings.length < MOST_FINDINGS) continue;
    findings.push('there may be more: the check stopped here');
    break;
  }
  return findings;
}

function* allFindings(
  sql: Statements,
  { media, frames, encodings, former, exr }: CheckedTables,
): Generator<string> {
  let isReadable = true;
  for (const row of sql.all('PRAGMA integrity_check')) {
    if (row.integrity_check === 'ok') continue;
    isReadable = false;
    yield String(row.integrity_check);
  }
  // With a broken B-tree the other checks would repeat the finding, or fail midway.
  if (!isReadable) return;
  for (const row of sql.all('PRAGMA foreign_key_check'))
    yield `an entry of ${row.table} refers to a missing one of ${row.parent}`;
  yield* media.damage();
  yield* frames.damage();
  yield* encodings.damage();
  yield* former.damage();
  yield* exr.damage();
  for (const [finding, query] of RULES) {
    for (const row of sql.all(`${query} LIMIT ${MOST_FINDINGS}`))
      yield finding.replace('{}', () => String(Object.values(row)[0]));
  }
}
