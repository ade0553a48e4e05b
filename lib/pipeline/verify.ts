/**
 * The full check of a library: catalog, engine, and whether the two and the frames on disk tell the
 * same story. Reads everything, so it takes as long as the library is large.
 */
import { stat } from 'node:fs/promises';
import type { Catalog } from '../catalog';
import { messageOf } from '../errors';
import type { MediaId, VerifyReport } from '../types';
import type { VectorStore } from '../stores/vectors';
import { FrameStore } from './frame-store';

export interface VerifyParts {
  readonly dir: string;
  readonly space: string;
  readonly catalog: Catalog;
  readonly index: VectorStore;
}

export interface VerifyOutcome extends VerifyReport {
  /** Media whose stored frames are damaged; taking them out makes the next sync decode them again. */
  readonly damagedMedia: readonly MediaId[];
  readonly isIndexSound: boolean;
}

/** Problems listed one by one; more of them are only counted. */
const MAX_LISTED = 200;

export async function verifyLibrary(parts: VerifyParts): Promise<VerifyOutcome> {
  const { catalog, index, space } = parts;
  const problems = catalog.integrityCheck();
  const engine = await index.verify();
  problems.push(...engine.problems.map((problem) => `index: ${problem}`));
  const store = new FrameStore(parts.dir);
  const damaged = new Set<MediaId>();
  let framesChecked = 0;
  let isIndexSound = engine.ok;
  try {
    const frames = [...catalog.frames()];
    const rows = await index.rowsOf(frames.map((frame) => frame.frameId));
    for (const [i, frame] of frames.entries()) {
      framesChecked++;
      const file = await stat(store.fileOf(frame.frameId)).catch(() => undefined);
      if (file === undefined || file.size === 0) {
        problems.push(`frame ${frame.frameId} of ${frame.mediaPath}: stored picture is missing`);
        damaged.add(frame.mediaId);
      }
      const row = catalog.rowOfFrame(space, frame.frameId);
      if (row !== undefined && rows[i] !== row) {
        problems.push(`frame ${frame.frameId}: the catalog says row ${row}, the index does not`);
        isIndexSound = false;
      }
    }
  } catch (error) {
    problems.push(messageOf(error));
  }
  const counted = catalog.counts(space).frames;
  if (index.liveCount !== counted) {
    problems.push(`the index has ${index.liveCount} live rows, the catalog counts ${counted}`);
    isIndexSound = false;
  }
  const more = problems.length - MAX_LISTED;
  return {
    ok: problems.length === 0,
    problems: more > 0 ? [...problems.slice(0, MAX_LISTED), `and ${more} more`] : problems,
    rowsChecked: engine.rowsChecked,
    framesChecked,
    damagedMedia: [...damaged],
    isIndexSound,
  };
}
