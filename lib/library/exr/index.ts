/** What an open library offers about OpenEXR files, and SQL over all it knows. */
import type { Catalog } from '../../catalog';
import { asFrameId } from '../../base/types';
import type { NearRows } from '../../sql';
import type { CurrentSpace } from '../spaces/current-space';
import type { LibraryPlace } from '../spaces/vectors';
import { ExrOfLibrary, type ExrHost } from './library-exr';
import { SqlOfLibrary } from './library-sql';

export type { ExrPairFiles, ExrSimilarFile, ExrStats, LibraryExr } from './library-exr';
export type { ExrAnomaly, ExrDifference } from '../../analyze/exr';
export type {
  ExrBy,
  ExrMigrateOptions,
  ExrPairsRequest,
  ExrSimilarOptions,
  SqlParam,
  SqlVector,
} from './options';
export type { SqlOptions, SqlResult, SqlValue } from '../../sql';
export type { ExrOfLibrary } from './library-exr';
export type { SqlOfLibrary } from './library-sql';

export interface ExrParts {
  readonly exr: ExrOfLibrary;
  readonly sql: SqlOfLibrary;
  close(): Promise<void>;
}

/** @param how  of the library that is open */
export function exrPartsOf(
  { root, dir, readOnly }: LibraryPlace,
  catalog: Catalog,
  current: CurrentSpace,
  how: Pick<ExrHost, 'assertOpen' | 'inTurn'>,
): ExrParts {
  const frameVector = (frameId: number): Promise<Float32Array | undefined> =>
    current.answer(async ({ name, store }) => {
      const isSearchable = catalog.rowOfFrame(name, asFrameId(frameId)) !== undefined;
      return isSearchable ? (await store.get([frameId]))[0] : undefined;
    });
  const searchFrames = (vector: Float32Array, k: number, exact: boolean): Promise<NearRows> =>
    current.answer(async ({ store }) => {
      const hits = await (exact ? store.searchExact(vector, k) : store.search(vector, k));
      return { ids: Float64Array.from(hits.keys), distances: hits.distances };
    });
  const exr = new ExrOfLibrary({
    root,
    dir,
    readOnly,
    catalog,
    ...how,
    lookOf: async (mediaId) => {
      const [frame] = catalog.framesOfMedia(mediaId);
      return frame === undefined ? undefined : frameVector(frame);
    },
    searchLook: async (vector, k) => {
      const { ids, distances } = await searchFrames(vector, k, false);
      return [...ids].flatMap((id, i) => {
        const mediaId = catalog.frame(asFrameId(id))?.mediaId;
        return mediaId === undefined ? [] : [{ mediaId, distance: distances[i] as number }];
      });
    },
  });
  const sql = new SqlOfLibrary({ dir, exr, frameVector, searchFrames });
  return {
    exr,
    sql,
    close: () => {
      sql.close();
      return exr.close();
    },
  };
}
