/**
 * Forgotten files: when the same bytes come back (an unplugged disk, a restored backup, a file moved away
 * for a while), media and frames get their old ids. About 200 bytes a file; the oldest are dropped first.
 */
import { asFrameId, asMediaId, type FrameId, type MediaId } from '../../base/types';
import { assertChecksum, checksumOf, type Column } from '../sqlite/checksum';
import type { FormerMedia } from '../records';
import type { SqlRow } from '../sqlite/sqlite';
import type { Statements } from '../sqlite/statements';

/** Entries kept: some 20 MB. */
const MOST_ENTRIES = 100_000;

/** Identifies a forgotten file: the same bytes, sampled the same way, give the same frames. */
export interface Content {
  readonly contentHash: string;
  readonly sampling: string;
}

const columnsOf = (row: SqlRow): Column[] =>
  [row.media_id, row.content_hash, row.sampling, row.frame_ids] as Column[];

export class FormerTable {
  /** Returned since the last `reset` and not recorded yet: two copies must not get the same ids. */
  private readonly taken = new Set<number>();

  constructor(private readonly sql: Statements) {}

  /** Call in the transaction that forgets the file. */
  add(mediaId: MediaId, content: Content, frameIds: readonly FrameId[]): void {
    const row = {
      media_id: mediaId,
      content_hash: content.contentHash,
      sampling: content.sampling,
      frame_ids: JSON.stringify(toRuns(frameIds)),
    };
    this.sql.run(
      `INSERT INTO former_media (media_id, content_hash, sampling, frame_ids, checksum)
       VALUES (?, ?, ?, ?, ?)`,
      row.media_id,
      row.content_hash,
      row.sampling,
      row.frame_ids,
      checksumOf(columnsOf(row)),
    );
    this.sql.run(
      'DELETE FROM former_media WHERE number <= (SELECT max(number) FROM former_media) - ?',
      MOST_ENTRIES,
    );
  }

  /** The ids of a forgotten file with these bytes, returned once; undefined if there is none. */
  take({ contentHash, sampling }: Content): FormerMedia | undefined {
    const rows = this.sql.all(
      'SELECT * FROM former_media WHERE content_hash = ? AND sampling = ? ORDER BY number DESC',
      contentHash,
      sampling,
    );
    const row = rows.find(({ number }) => !this.taken.has(Number(number)));
    if (row === undefined) return undefined;
    assertChecksum(columnsOf(row), row.checksum, `forgotten media ${row.media_id as string}`);
    const number = Number(row.number);
    this.taken.add(number);
    return {
      number,
      mediaId: asMediaId(row.media_id as string),
      frameIds: fromRuns(JSON.parse(row.frame_ids as string) as Run[]),
    };
  }

  /** Call in the transaction that records the file again. */
  remove({ number }: FormerMedia): void {
    this.sql.run('DELETE FROM former_media WHERE number = ?', number);
  }

  reset(): void {
    this.taken.clear();
  }

  /** One finding per damaged entry. */
  *damage(): IterableIterator<string> {
    const query = 'SELECT * FROM former_media WHERE number > ? ORDER BY number LIMIT ?';
    for (const row of this.sql.pages(query, 'number', -1)) {
      try {
        assertChecksum(columnsOf(row), row.checksum, `forgotten media ${row.media_id as string}`);
      } catch (error) {
        yield (error as Error).message;
      }
    }
  }
}

type Run = [first: number, count: number];

/** Frame ids of one file are mostly consecutive. */
function toRuns(frameIds: readonly FrameId[]): Run[] {
  const runs: Run[] = [];
  for (const id of frameIds) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === id) last[1]++;
    else runs.push([id, 1]);
  }
  return runs;
}

const fromRuns = (runs: readonly Run[]): FrameId[] =>
  runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => asFrameId(first + i)));
