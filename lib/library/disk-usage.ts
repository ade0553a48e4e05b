/** Bytes that a library takes on disk, by what they are for. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { FRAMES_FOLDER, SPACES_FOLDER } from '../base/files/names';

/** Sizes of the files in the library's folder in bytes. */
export interface DiskUsage {
  /** Pictures of the frames. */
  readonly frames: number;
  /** Rows, graph and codes; 0 where they are in PostgreSQL. */
  readonly vectors: number;
  /** The catalog, `metadata.jsonl` and everything else. */
  readonly other: number;
  readonly total: number;
}

/** What a folder in the library's folder counts as. */
const PARTS: Readonly<Record<string, 'frames' | 'vectors'>> = {
  [FRAMES_FOLDER]: 'frames',
  [SPACES_FOLDER]: 'vectors',
};

/** Looks at every file. What vanishes meanwhile counts nothing. @throws what the system says */
export async function diskUsage(dir: string): Promise<DiskUsage> {
  const usage = { frames: 0, vectors: 0, other: 0 };
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const [folder = ''] = path.relative(dir, file).split(path.sep);
    usage[PARTS[folder] ?? 'other'] += await sizeOf(file);
  }
  return { ...usage, total: usage.frames + usage.vectors + usage.other };
}

const sizeOf = (file: string): Promise<number> =>
  lstat(file).then(
    ({ size }) => size,
    () => 0,
  );
