/** Recall on different distributions in every storage, compared with hnswlib. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Storage } from '../../lib/vectors';
import { drawDistributions, labelOf } from '../distributions';
import { STORAGES, type BenchOptions } from '../options';
import {
  askEngine,
  askHnswlib,
  DistributionJudge,
  SETTINGS,
  type EngineAnswer,
} from '../peers/on-distribution';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

/** Enough for every kind of code; takes some minutes. */
const ROWS = 5000;
const QUERIES = 200;
/** The table marks a recall below that of hnswlib by more than this. */
const ALLOWED = 0.01;

export async function distributionsSuite(options: BenchOptions): Promise<SuiteResult> {
  const storages = options.storages.length > 0 ? options.storages : STORAGES;
  const folder = mkdtempSync(path.join(tmpdir(), 'sightline-distributions-'));
  const sets = [];
  const cells: string[][] = [];
  try {
    for (const set of drawDistributions(ROWS, QUERIES)) {
      const judge = new DistributionJudge(set);
      const peer = await askHnswlib(set, judge, path.join(folder, 'set'), options.threads);
      const ours = new Map<Storage, EngineAnswer>();
      for (const storage of storages) {
        ours.set(storage, await askEngine(set, storage, judge, options.threads));
      }
      const answers = [...ours.entries()];
      sets.push({
        ...{ set: labelOf(set), hnswlib: peer ?? null, storages: Object.fromEntries(ours) },
      });
      const below = peer === undefined ? Infinity : peer.recall - ALLOWED;
      cells.push([
        labelOf(set),
        ...answers.map(([, { recall }]) => `${recall.toFixed(3)}${recall < below ? ' <' : ''}`),
        peer?.recall.toFixed(3) ?? '-',
        Math.max(...answers.map(([, { buildSeconds }]) => buildSeconds)).toFixed(1),
        peer?.buildSeconds.toFixed(1) ?? '-',
        answers
          .filter(([, { codes }]) => codes.used)
          .map(([storage]) => storage)
          .join(' ') || 'none',
      ]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { M, efConstruction, efSearch, k } = SETTINGS;
  return {
    data: { rows: ROWS, queries: QUERIES, ...SETTINGS, sets },
    tables: [
      formatTable(
        `distributions: recall@${k} at efSearch ${efSearch}, M ${M}, efConstruction ${efConstruction}, ${ROWS} rows, ` +
          `${QUERIES} queries; < is under hnswlib by more than ${ALLOWED}; build s: the slowest storage`,
        ['rows', ...storages, 'hnswlib', 'build s', 'its build s', 'codes used'],
        cells,
      ),
    ],
  };
}
