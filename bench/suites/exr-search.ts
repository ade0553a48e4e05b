/**
 * A library of many drawn OpenEXR files, without pixels: how long the engine and SQL take to find what is like one of them
 * (docs/guide/SQL.md says which statements go through the engine), and all pairs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCatalog } from '../../lib/catalog';
import { INSPECTOR_VERSION } from '../../lib/exr';
import { openLibrary } from '../../lib/library';
import type { SqlOptions } from '../../lib/sql';
import { median } from '../curves';
import { drawnShots } from '../exr-families';
import { comparedRows, type BenchOptions } from '../options';
import { round } from '../statistics';
import type { SuiteResult } from '../suite';
import { formatTable } from '../table';

const SEED = 5;
const BATCH = 2000;
const QUERIES = 200;
const K = 20;
const TOP = "SELECT file_path, DISTANCE(metadata_embedding, ?, 'cosine') AS d FROM files";

/** Records files as a sync does, without the files. */
async function fillCatalog(dir: string, files: number): Promise<void> {
  const catalog = await openCatalog(dir);
  const skipped = {
    kind: 'image',
    state: 'skipped',
    fault: 'decode',
    code: 'ERR_MEDIA_UNSUPPORTED',
    reason: 'drawn',
    attempts: 1,
    needsDecoding: false,
    sizeBytes: 1000,
    mtimeMs: 1,
    ctimeMs: null,
    contentHash: null,
    width: null,
    height: null,
    capturedAt: null,
    note: null,
    sampling: null,
    replaces: undefined,
    frames: [],
  } as const;
  let batch: { path: string; payload: string; channels: number }[] = [];
  const write = (): void => {
    catalog.recordIngested(batch.map((one) => ({ ...skipped, path: one.path })));
    for (const [i, file] of catalog.exr.toInspect(INSPECTOR_VERSION).entries()) {
      const one = batch[i];
      if (one === undefined) throw new Error('the catalog has another file');
      catalog.exr.put(file, INSPECTOR_VERSION, {
        payload: one.payload,
        multipartCount: 1,
        channelCount: one.channels,
        isTiled: false,
        isDeep: false,
        isMultiview: false,
      });
    }
    batch = [];
  };
  let number = 0;
  for (const payload of drawnShots(files, SEED)) {
    // In the order of `toInspect`.
    const name = `shots/${String(number++).padStart(8, '0')}.exr`;
    payload.file.path = name;
    batch.push({
      path: name,
      payload: JSON.stringify(payload),
      channels: payload.channels.length,
    });
    if (batch.length === BATCH) write();
  }
  write();
  catalog.close();
}

async function timed(times: number, work: (i: number) => unknown): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    await work(i);
    taken.push(performance.now() - started);
  }
  return taken;
}

export async function exrSearchSuite(options: BenchOptions): Promise<SuiteResult> {
  const files = comparedRows(options);
  const root = mkdtempSync(path.join(tmpdir(), 'sightline-bench-exr-search-'));
  try {
    await fillCatalog(path.join(root, '.sightline'), files);
    await using library = await openLibrary(root);
    const [embed] = await timed(1, () => library.index());
    const similar = (exact: boolean) => (i: number) =>
      library.exr.similar(1 + Math.floor((i * files) / QUERIES), { k: K, exact });
    const sql =
      (tail: string, how: SqlOptions = {}) =>
      (i: number) =>
        library.sql(`${TOP} ${tail}`, [{ file: 1 + Math.floor((i * files) / QUERIES) }], how);
    await similar(false)(0);
    const { repeat } = options;
    const p50 = (samples: number[]): number => round(median(samples), 2);
    const near = p50(await timed(QUERIES, similar(false)));
    const exact = p50(await timed(repeat, similar(true)));
    const byIndex = p50(await timed(repeat, sql(`ORDER BY d LIMIT ${K}`)));
    const byScan = p50(await timed(repeat, sql(`WHERE is_tiled = 0 ORDER BY d LIMIT ${K}`)));
    const inSql = p50(
      await timed(
        Math.min(2, repeat),
        sql(`ORDER BY d LIMIT ${K}`, { exact: true, timeoutMs: 3.6e6 }),
      ),
    );
    const started = performance.now();
    const pairs = await library.exr.pairs({ maxDistance: 0.2 });
    const pairsSeconds = round((performance.now() - started) / 1000, 1);
    const found = {
      files,
      embedSeconds: round((embed ?? 0) / 1000, 1),
      similarMs: near,
      similarExactMs: exact,
      sqlIndexMs: byIndex,
      sqlScanMs: byScan,
      sqlRowsMs: inSql,
      pairsSeconds,
      pairs: pairs.pairs.length,
      clusters: pairs.clusters.length,
    };
    return {
      data: found,
      tables: [
        formatTable(
          `exr-search: ${files} files, k ${K}, medians`,
          ['what', 'took', 'goal'],
          [
            ['library.exr.similar by the index', `${near} ms`, '< 1 ms'],
            ['library.exr.similar, exact', `${exact} ms`, '< 150 ms'],
            ['SQL, ORDER BY DISTANCE LIMIT', `${byIndex} ms`, ''],
            ['SQL, the same with WHERE (exact scan)', `${byScan} ms`, '< 150 ms'],
            ['SQL, exact: every row in SQL', `${inSql} ms`, ''],
            [
              `pairs within 0.2: ${found.pairs} kept, ${found.clusters} clusters`,
              `${pairsSeconds} s`,
              '< 60 s of 100,000',
            ],
            ['both embeddings and both spaces', `${found.embedSeconds} s`, ''],
          ],
        ),
      ],
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
