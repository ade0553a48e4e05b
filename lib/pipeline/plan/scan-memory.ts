/**
 * What a sync remembers of its walk: files it could not take, for `problems`, and the volumes it saw, so
 * that the next walk notices a missing one. One `meta` entry of the catalog, as text.
 */
import { isError } from '../../base/errors';
import type { Catalog } from '../../catalog';
import type { MediaProblem } from '../../base/types';
import type { Volumes } from './absence';

export interface ScanMemory {
  /** Files and folders that the walk could not take; they have no media entry. */
  readonly problems: readonly MediaProblem[];
  readonly problemsLeftOut: number;
  readonly heldBack: number;
  readonly heldBackReasons: readonly string[];
  readonly unreachable: number;
  readonly volumes: Volumes;
}

const KEY = 'scan';
/** Most problems listed; the rest is counted. */
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
    // Damaged text loses the memory of one walk; the next one restores it.
    if (isError(error) && error.name === 'SyntaxError') return NOTHING;
    throw error;
  }
}

/** Written only if it differs: most walks find the same. */
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
