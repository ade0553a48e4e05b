/**
 * What a sync leaves behind of its walk: what it could not take, so that `problems` can list it at
 * any time, and which disks it saw, so that the next walk notices when one is missing. One entry of
 * the catalog, as text.
 */
import { isError } from '../../base/errors';
import type { Catalog } from '../../catalog';
import type { MediaProblem } from '../../base/types';
import type { Volumes } from './absence';

export interface ScanMemory {
  /** Files and folders that the walk could not take; they have no entry as media. */
  readonly problems: readonly MediaProblem[];
  readonly problemsLeftOut: number;
  readonly heldBack: number;
  readonly heldBackReasons: readonly string[];
  readonly unreachable: number;
  readonly volumes: Volumes;
}

const KEY = 'scan';
/** More than a person reads; the rest is counted. */
const MAX_PROBLEMS = 10_000;

const NOTHING: ScanMemory = {
  problems: [],
  problemsLeftOut: 0,
  heldBack: 0,
  heldBackReasons: [],
  unreachable: 0,
  volumes: {},
};

export function recallScan(catalog: Catalog): ScanMemory {
  try {
    return { ...NOTHING, ...(JSON.parse(catalog.meta(KEY) ?? '{}') as Partial<ScanMemory>) };
  } catch (error) {
    // Damaged text costs the memory of one walk, which the next one makes anew.
    if (isError(error) && error.name === 'SyntaxError') return NOTHING;
    throw error;
  }
}

/** Written only when it differs: most walks find what the last one found. */
export function rememberScan(catalog: Catalog, scan: Omit<ScanMemory, 'problemsLeftOut'>): void {
  const { problems } = scan;
  const kept = {
    ...scan,
    problems: problems.slice(0, MAX_PROBLEMS),
    problemsLeftOut: Math.max(0, problems.length - MAX_PROBLEMS),
  };
  const text = JSON.stringify(kept);
  if (text !== catalog.meta(KEY)) catalog.setMeta(KEY, text);
}
