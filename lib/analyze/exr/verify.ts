/** The check of EXR facts: vectors are what the payload gives, and the engine has them all, as they are. */
import type { Catalog, ExrFileRow, ExrVectors } from '../../catalog';
import type { VectorIndex } from '../../vectors';
import { EXR_SPACE_KINDS, floatsOf, type ExrSpaceKind, type ExrSpaces } from './spaces';
import { vectorsOf } from './stage';

const MOST_FINDINGS = 100;
/** The engine keeps cosine vectors at unit length, which rounds. */
const ROUNDING = 1e-5;

type Indexes = ReadonlyMap<ExrSpaceKind, VectorIndex>;

/** Reads everything. Each finding names the file; damaged entries are findings of the catalog's own check. */
export async function checkExr(catalog: Catalog, spaces: ExrSpaces): Promise<string[]> {
  const problems: string[] = [];
  const { version } = spaces;
  const wanted = catalog.exr.countOf(version);
  const indexes = new Map<ExrSpaceKind, VectorIndex>();
  for (const kind of wanted === 0 ? [] : EXR_SPACE_KINDS) {
    const index = await spaces.index(kind);
    if (index === undefined) {
      problems.push(`the space exr-${kind} is missing`);
      continue;
    }
    indexes.set(kind, index);
    const report = await index.verify();
    problems.push(...report.problems.map((problem) => `exr-${kind}: ${problem}`));
    if (index.liveCount !== wanted)
      problems.push(`exr-${kind} has ${index.liveCount} live rows, the catalog counts ${wanted}`);
  }
  for (const file of catalog.exr.intact()) {
    if (problems.length >= MOST_FINDINGS) break;
    const stored = catalog.exr.vectorsOf(version, file.fileId);
    if (stored !== undefined) problems.push(...problemsOf(file, stored, version, indexes));
  }
  return problems;
}

function problemsOf(
  { fileId, path, payload }: ExrFileRow,
  stored: ExrVectors,
  version: ExrSpaces['version'],
  indexes: Indexes,
): string[] {
  if (payload === null) return [];
  const right = vectorsOf(fileId, payload, version);
  return EXR_SPACE_KINDS.flatMap((kind) => {
    if (Buffer.compare(stored[kind], right[kind]) !== 0)
      return [`${path}: its EXR ${kind} vector is not that of its facts`];
    const index = indexes.get(kind);
    const row = index?.rowOf(fileId);
    if (index === undefined) return [];
    if (row === undefined) return [`${path}: exr-${kind} has no vector of it`];
    const wanted = floatsOf([stored], kind);
    const isSame = index
      .vectors([row])
      .every((value, i) => Math.abs(value - (wanted[i] as number)) < ROUNDING);
    return isSame ? [] : [`${path}: exr-${kind} has another vector of it`];
  });
}
