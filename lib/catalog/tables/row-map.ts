/**
 * Maps each row of a space to its media file, in memory: a filter calls the predicate once per media file
 * and scans one array instead of joining three tables per search (100,000 rows: 0.5 s by SQL, 2 ms here). 4
 * bytes per row and one string per media file.
 *
 * Commits of new rows are appended; any other change (removal, rename, dropped rows) raises
 * `meta.row_generation`, and the map is reloaded.
 */
import { makeError } from '../../base/errors';
import { foldPath, type Pattern } from '../../base/patterns';
import type { MediaKind } from '../../base/types';
import { assertFrameRow } from './encoding-table';
import { toIdentity } from './media-table';
import type { RowFilter } from '../records';
import type { Statements } from '../sqlite/statements';

/** Patterns whose matches are cached: users page through one result and switch between a few. */
const KEPT_PATTERNS = 8;

/** Longest time that matching paths blocks other work. */
const STEP_MS = 8;

/** A row without media file: removed, or never committed. */
const NO_MEDIA = 0xffff_ffff;

export class RowMap {
  private generation: string | undefined;
  /** Folded, as patterns need them. */
  private media: { path: string; kind: MediaKind }[] = [];
  /** For each media file whether a pattern matches it; by the pattern's text, in LRU order. */
  private readonly verdicts = new Map<string, boolean[]>();
  private numbers = new Map<string, number>();
  private owners = new Uint32Array(0);
  private known = 0;

  constructor(
    private readonly sql: Statements,
    private readonly space: string,
  ) {}

  /** Bit `row & 7` of byte `row >> 3` is set if the row's media file passes the filter. */
  bitset(rows: number, filter: RowFilter): Uint8Array {
    this.refresh(rows);
    const covered = filter.path && this.cover(filter.path);
    const isOutside = filter.path?.isNegated === true;
    const passing = this.media.map(
      ({ kind }, i) =>
        (filter.kind === undefined || filter.kind === kind) &&
        (covered === undefined || covered[i] !== isOutside),
    );
    const bits = new Uint8Array((rows + 7) >> 3);
    const count = Math.min(rows, this.known);
    for (let row = 0; row < count; row++) {
      if (passing[this.owners[row] as number] === true)
        bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
    }
    return bits;
  }

  /**
   * Matches the pattern of a filter against every path in small steps that let other work run: patterns are
   * untrusted, and a library may be large.
   */
  async prepare(rows: number, filter: RowFilter): Promise<void> {
    if (filter.path === undefined) return;
    for (;;) {
      this.refresh(rows);
      if (this.cover(filter.path, performance.now() + STEP_MS) !== undefined) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** For each media file whether the pattern matches it; undefined when time ran out. */
  private cover(pattern: Pattern, until = Infinity): boolean[] | undefined {
    const covered = this.verdicts.get(pattern.text) ?? [];
    this.verdicts.delete(pattern.text);
    this.verdicts.set(pattern.text, covered);
    for (const text of this.verdicts.keys()) {
      if (this.verdicts.size <= KEPT_PATTERNS) break;
      this.verdicts.delete(text);
    }
    // Media files are only appended, until `refresh` starts over.
    for (let i = covered.length; i < this.media.length; i++) {
      covered.push(pattern.covers((this.media[i] as { path: string }).path));
      if (i % 64 === 0 && performance.now() > until) return undefined;
    }
    return covered;
  }

  private refresh(rows: number): void {
    const generation = rowGeneration(this.sql);
    if (generation !== this.generation || rows < this.known) {
      this.generation = generation;
      this.media = [];
      this.verdicts.clear();
      this.numbers.clear();
      this.owners = new Uint32Array(0);
      this.known = 0;
    }
    if (rows > this.known) this.append(rows);
  }

  /** Reads rows `known` to `rows - 1`. */
  private append(rows: number): void {
    if (rows > this.owners.length) {
      // Spare capacity, so that a search during a sync does not copy the whole each time.
      const grown = new Uint32Array(rows + (rows >> 3)).fill(NO_MEDIA);
      grown.set(this.owners);
      this.owners = grown;
    }
    const query = `SELECT r.row, r.frame_id, r.encoding_id, r.checksum, f.media_id FROM frame_rows r
      JOIN frames f ON f.frame_id = r.frame_id WHERE r.space = ? AND r.row > ? ORDER BY r.row LIMIT ?`;
    for (const found of this.sql.pages(query, 'row', this.known - 1, this.space)) {
      const row = Number(found.row);
      if (row >= rows) break;
      assertFrameRow(this.space, row, found);
      this.owners[row] = this.numberOf(found.media_id as string);
    }
    this.known = rows;
  }

  private numberOf(mediaId: string): number {
    let number = this.numbers.get(mediaId);
    if (number === undefined) {
      const row = this.sql.get('SELECT * FROM media WHERE media_id = ?', mediaId);
      if (row === undefined) throw makeError('ERR_CATALOG', `media ${mediaId} has no entry`);
      const { path, kind } = toIdentity(row);
      number = this.media.push({ path: foldPath(path), kind }) - 1;
      this.numbers.set(mediaId, number);
    }
    return number;
  }
}

/** Searchable frames of a space that pass a filter; reads the whole space, see `Catalog.filterFrames`. */
export function framesThatPass(sql: Statements, space: string, filter: RowFilter): number[] {
  const query = `SELECT r.row, r.frame_id, r.encoding_id, r.checksum, m.media_id, m.path, m.kind,
      m.identity_checksum FROM frame_rows r JOIN frames f ON f.frame_id = r.frame_id
    JOIN media m ON m.media_id = f.media_id WHERE r.space = ? AND r.row > ? ORDER BY r.row LIMIT ?`;
  const passing: number[] = [];
  for (const found of sql.pages(query, 'row', -1, space)) {
    assertFrameRow(space, Number(found.row), found);
    if (passes(filter, toIdentity(found))) passing.push(Number(found.frame_id));
  }
  return passing;
}

export function passes(filter: RowFilter, media: { path: string; kind: MediaKind }): boolean {
  return (
    (filter.kind === undefined || filter.kind === media.kind) &&
    (filter.path === undefined ||
      filter.path.covers(foldPath(media.path)) !== filter.path.isNegated)
  );
}

const KEY = 'row_generation';

function rowGeneration(sql: Statements): string {
  const row = sql.get('SELECT value FROM meta WHERE key = ?', KEY);
  return (row?.value as string | undefined) ?? '0';
}

/** Call in the transaction of every change other than an append of rows. */
export function raiseRowGeneration(sql: Statements): void {
  sql.run(
    `INSERT INTO meta (key, value) VALUES (?, '1')
     ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)`,
    KEY,
  );
}
