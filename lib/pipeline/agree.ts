/**
 * Engine and catalog by the keys of their rows, where their counts do not tell: they were restored apart, a
 * compaction renumbered one of them, or the index is a copy that lacks what came last.
 */
import type { SyncParts } from './sync';
import { takeOverRows } from './reclaim';

type Books = Pick<SyncParts, 'catalog' | 'index' | 'space'>;

/** What the catalog does not count leaves the engine; frames without a row wait again. */
export async function agreeByKeys(parts: Books): Promise<void> {
  const { catalog, index, space } = parts;
  const counted = new Set<number>(catalog.framesOfSpace(space));
  const unknown = (await index.keys()).filter((key) => !counted.has(key));
  if (unknown.length > 0) await index.remove(unknown);
  await takeOverRows(parts);
}

/** Frames that the catalog counts and a copied index lacks; 0 for an index that is no such copy. */
export async function framesLacking({ catalog, index, space }: Books): Promise<number> {
  if (index.figures().recovered === undefined) return 0;
  const rows = await index.rowsOf(catalog.framesOfSpace(space));
  return rows.filter((row) => row === undefined).length;
}
