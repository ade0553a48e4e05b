/**
 * The full check of a library: catalog, engine, stored pictures and original files, and whether they agree.
 * Reads everything, so the time grows with the library.
 */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { SyncParts } from './sync';
import { throwIfAborted } from '../base/abort';
import type { MediaRow } from '../catalog';
import { codeOf, messageOf } from '../base/errors';
import { contentHash } from '../media';
import type { MediaId, VerifyReport } from '../base/types';
import { FrameStore } from './frame-store';

export interface VerifyParts extends Omit<SyncParts, 'encoder'> {
  readonly signal?: AbortSignal;
}

export interface VerifyOutcome extends VerifyReport {
  /** Media files to be decoded again: a stored picture is damaged, or the file's bytes changed. */
  readonly damagedMedia: readonly MediaId[];
  /** The engine finds no damage in itself. */
  readonly isIndexSound: boolean;
  /** Engine and catalog agree on rows. */
  readonly rowsAgree: boolean;
}

/** Most problems listed; more are only counted. */
const MAX_LISTED = 200;
const FRAMES_AT_ONCE = 1000;

export async function verifyLibrary(parts: VerifyParts): Promise<VerifyOutcome> {
  const { catalog, index, space } = parts;
  // If the folder was replaced, all frames would seem lost.
  catalog.home.assertOurs();
  const problems = catalog.integrityCheck();
  const engine = await index.verify();
  problems.push(...engine.problems.map((problem) => `index: ${problem}`));
  const damagedMedia = new Set<MediaId>();
  const found = { problems, damagedMedia };
  let framesChecked = 0;
  let rowsAgree = true;
  try {
    framesChecked = await checkPictures(parts, found);
    await checkOriginals(parts, found);
    rowsAgree = await checkRows(parts, found);
  } catch (error) {
    if (codeOf(error) === 'ERR_ABORTED') throw error;
    problems.push(messageOf(error));
  }
  const counted = catalog.counts(space).frames;
  if (index.liveCount !== counted) {
    problems.push(`the index has ${index.liveCount} live rows, the catalog counts ${counted}`);
    rowsAgree = false;
  }
  const { recovered } = index.figures();
  if (!rowsAgree && recovered !== undefined) problems.unshift(`index: ${recovered}`);
  const more = problems.length - MAX_LISTED;
  return {
    ok: problems.length === 0,
    problems: more > 0 ? [...problems.slice(0, MAX_LISTED), `and ${more} more`] : problems,
    rowsChecked: engine.rowsChecked,
    framesChecked,
    damagedMedia: [...damagedMedia],
    isIndexSound: engine.ok,
    rowsAgree,
  };
}

interface Found {
  readonly problems: string[];
  readonly damagedMedia: Set<MediaId>;
}

async function checkPictures(parts: VerifyParts, found: Found): Promise<number> {
  const { catalog, dir, signal } = parts;
  const store = new FrameStore(dir);
  let checked = 0;
  for (const frame of catalog.frames()) {
    throwIfAborted(signal, 'the check was interrupted');
    checked++;
    const jpeg = await store.read(frame.frameId).catch(() => undefined);
    const what = pictureProblem(jpeg, catalog.frameCrc(frame.frameId));
    if (what === undefined) continue;
    found.problems.push(`frame ${frame.frameId} of ${frame.mediaPath}: stored picture is ${what}`);
    found.damagedMedia.add(frame.mediaId);
  }
  return checked;
}

/** @param crc null in a library of an older version: then only the ends of the file are checked */
function pictureProblem(jpeg: Buffer | undefined, crc: number | null): string | undefined {
  if (jpeg === undefined) return 'missing';
  const isWhole =
    crc === null
      ? jpeg.length > 4 &&
        jpeg.readUInt16BE(0) === 0xffd8 &&
        jpeg.readUInt16BE(jpeg.length - 2) === 0xffd9
      : crc32(jpeg) === crc;
  return isWhole ? undefined : 'damaged';
}

/** Other bytes with the recorded size and times: the one change that a sync cannot see. */
async function checkOriginals(parts: VerifyParts, found: Found): Promise<void> {
  for (const media of parts.catalog.media()) {
    throwIfAborted(parts.signal, 'the check was interrupted');
    if (media.contentHash === null || !(await isAsRecorded(parts.root, media))) continue;
    const absPath = path.join(parts.root, media.path);
    // A file that is unreadable or changes now is left to the next sync.
    const hash = await contentHash({ absPath }).catch(() => media.contentHash);
    if (hash === media.contentHash) continue;
    found.problems.push(`${media.path}: the file's bytes differ from those that were indexed`);
    found.damagedMedia.add(media.mediaId);
  }
}

async function isAsRecorded(root: string, media: MediaRow): Promise<boolean> {
  const stats = await lstat(path.join(root, media.path)).catch(() => undefined);
  return (
    stats?.isFile() === true &&
    stats.size === media.sizeBytes &&
    stats.mtimeMs === media.mtimeMs &&
    (media.ctimeMs === null || media.ctimeMs === stats.ctimeMs)
  );
}

async function checkRows({ catalog, index, space }: VerifyParts, found: Found): Promise<boolean> {
  const frameIds = catalog.framesOfSpace(space);
  let agree = true;
  for (let at = 0; at < frameIds.length; at += FRAMES_AT_ONCE) {
    const some = frameIds.slice(at, at + FRAMES_AT_ONCE);
    const rows = await index.rowsOf(some);
    for (const [i, frameId] of some.entries()) {
      const row = catalog.rowOfFrame(space, frameId);
      if (row === undefined || rows[i] === row) continue;
      found.problems.push(`frame ${frameId}: the catalog says row ${row}, the index does not`);
      agree = false;
    }
  }
  return agree;
}
