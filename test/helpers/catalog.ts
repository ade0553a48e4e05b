/** Catalogs with a few files in them, for tests. */
import { openCatalog, type Catalog, type IngestedItem } from '../../lib/catalog';
import type { SqliteDatabase } from '../../lib/catalog/sqlite/sqlite';
import { asRow } from '../../lib/base/types';

/** A picture, or with `.mp4` a video, as the decoder would hand it over. */
export function picture(catalog: Catalog, name: string, frames = 1): IngestedItem {
  const isVideo = name.endsWith('.mp4');
  return {
    replaces: undefined,
    path: name,
    kind: isVideo ? 'video' : 'image',
    sizeBytes: 10,
    mtimeMs: 1234.5678,
    contentHash: 'ab',
    state: 'pending',
    code: null,
    reason: null,
    width: 20,
    height: 10,
    capturedAt: '2020-01-02T03:04:05',
    attempts: 1,
    ...{ needsDecoding: false, fault: null, note: null, ctimeMs: 1234.5678, sampling: 'max=512' },
    frames: Array.from({ length: frames }, (_, i) => ({
      frameId: catalog.nextFrameId(),
      timestamp: isVideo ? i / 3 : null,
      width: 20,
      height: 10,
      crc: 1000 + i,
    })),
  };
}

/** A catalog with the space `clip` and a row for every frame of the files named. */
export async function filled(dir: string, names: readonly string[]): Promise<Catalog> {
  const catalog = await openCatalog(dir);
  catalog.spaces.create('clip', { id: 'm', revision: '1', sha256: 'ab', preprocessVersion: 1 }, 4);
  add(catalog, names);
  return catalog;
}

/** Records files and gives each frame the next row. */
export function add(catalog: Catalog, names: readonly string[]): void {
  const items = names.map((name) => picture(catalog, name, name.endsWith('.mp4') ? 3 : 1));
  catalog.recordIngested(items);
  const first = catalog.spaces.byName('clip')?.committedRows ?? 0;
  const ids = items.flatMap((item) => item.frames.map((frame) => frame.frameId));
  catalog.recordRows(
    'clip',
    ids.map((frameId, i) => ({ frameId, row: asRow(first + i) })),
    [],
    first + ids.length,
    { device: 'cpu', inferenceMs: 1.5, createdAt: '2026-01-02T03:04:05.000Z' },
  );
}

/** The database behind a catalog: past the interface, as damage would come. */
export const raw = (catalog: Catalog): SqliteDatabase =>
  (catalog as unknown as { db: SqliteDatabase }).db;
