/** The check of EXR facts: vectors are what the payload gives, and the engine has them all. */
import type { Catalog } from '../../catalog';
import { EXR_SPACE_KINDS, type ExrSpaces } from './spaces';
import { vectorsOf } from './stage';

const MOST_FINDINGS = 100;

/** Reads everything. Each finding names the file. */
export async function checkExr(catalog: Catalog, spaces: ExrSpaces): Promise<string[]> {
  const problems: string[] = [];
  const { version } = spaces;
  for (const file of catalog.exr.all()) {
    if (problems.length >= MOST_FINDINGS) return problems;
    const stored = catalog.exr.vectorsOf(version, file.fileId);
    if (stored === undefined || file.payload === null) continue;
    const right = vectorsOf(file.fileId, file.payload, version);
    for (const kind of EXR_SPACE_KINDS)
      if (Buffer.compare(stored[kind], right[kind]) !== 0)
        problems.push(`${file.path}: its EXR ${kind} vector is not that of its facts`);
  }
  const wanted = catalog.exr.countOf(version);
  if (wanted === 0) return problems;
  for (const kind of EXR_SPACE_KINDS) {
    const index = await spaces.index(kind);
    if (index === undefined) {
      problems.push(`the space exr-${kind} is missing`);
      continue;
    }
    const report = await index.verify();
    problems.push(...report.problems.map((problem) => `exr-${kind}: ${problem}`));
    if (index.liveCount !== wanted)
      problems.push(`exr-${kind} has ${index.liveCount} live rows, the catalog counts ${wanted}`);
  }
  return problems;
}
