/**
 * Whether the built-in model suits a library's pictures. It knows drawn scenes; in photographs it finds little.
 * The pictures decide, not their folder: a sync looks at some stored frames, and searches read what it saw.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { framePath, type Catalog } from '../../catalog';
import { isPhotograph } from '../../media';
import type { FrameId } from '../../base/types';

/** `meta` entry of the catalog: a `Look` as JSON. */
const LOOK = 'photographs';
const LOOKED_AT = 48;
/** The model is good for the rest: fewer photographs deserve no note. */
const MANY = 0.2;

interface Look {
  /** Frames of the library at that time. */
  readonly frames: number;
  readonly looked: number;
  readonly photographs: number;
}

/**
 * Looks at frames evenly over the library, again when it has doubled or halved since.
 *
 * @param hasChanged  whether frames came or went: after a sync without news the question costs nothing
 */
export async function lookForPhotographs(
  catalog: Catalog,
  { dir, space, hasChanged }: { dir: string; space: string; hasChanged: boolean },
): Promise<void> {
  const last = lastLook(catalog);
  if (!hasChanged && last !== undefined) return;
  const ids = catalog.framesOfSpace(space);
  const isSimilar =
    last !== undefined && ids.length < 2 * last.frames && ids.length > last.frames / 2;
  if (ids.length === 0 || isSimilar) return;
  let looked = 0;
  let photographs = 0;
  for (const frameId of evenly(ids, LOOKED_AT)) {
    // A frame that cannot be read is for `verify` to report.
    const found = await readFile(path.join(dir, framePath(frameId)))
      .then(isPhotograph)
      .catch(() => undefined);
    if (found === undefined) continue;
    looked++;
    if (found) photographs++;
  }
  catalog.setMeta(LOOK, JSON.stringify({ frames: ids.length, looked, photographs }));
}

const evenly = (ids: readonly FrameId[], n: number): readonly FrameId[] =>
  ids.length <= n
    ? ids
    : Array.from({ length: n }, (_, i) => ids[Math.floor((i * ids.length) / n)] as FrameId);

function lastLook(catalog: Catalog): Look | undefined {
  try {
    return JSON.parse(catalog.meta(LOOK) ?? '') as Look;
  } catch {
    return undefined; // nobody looked, or another version wrote something else
  }
}

/** The hint for answers of the built-in model; undefined where it suits the pictures, or nobody looked. */
export function hintOf(catalog: Catalog): string | undefined {
  const look = lastLook(catalog);
  const isSuited = look === undefined || look.photographs < MANY * look.looked;
  return isSuited || look.photographs === 0 ? undefined : HINT;
}

const HINT =
  'These are photographs, and the built-in model knows drawn scenes: it finds little in them. For a model ' +
  'of photographs: sightline models pull clip-vit-base-patch32, then sightline sync --model clip-vit-base-patch32';
