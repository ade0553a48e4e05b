/** Distance kernels, exact scan and checksum, by the C++ program of bench/native. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { skipSuite, type SuiteResult } from '../suite';
import { formatTable } from '../table';

const root = path.resolve(__dirname, '../../..');

interface Nanoseconds {
  readonly median_ns: number;
  readonly best_ns: number;
}
interface Rate {
  readonly median_gb_s: number;
  readonly best_gb_s: number;
}
interface Figures {
  readonly kernel: string;
  readonly rows: number;
  readonly dim: number;
  readonly kernels: Readonly<Record<string, Readonly<Record<string, Nanoseconds>>>>;
  readonly [rate: string]: unknown;
}

const isRate = (value: unknown): value is Rate =>
  typeof value === 'object' && value !== null && 'median_gb_s' in value;

export async function kernelsSuite(): Promise<SuiteResult> {
  const tool = path.join(root, 'tools/build-native.mjs');
  if (!existsSync(tool)) return skipSuite('comes with the source, not with the package');
  const build = spawnSync(process.execPath, [tool, '--target=sightline_bench'], {
    encoding: 'utf8',
  });
  if (build.status !== 0) throw new Error(build.stderr);
  const run = spawnSync(path.join(root, 'build/sightline_bench'), [], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  const figures = JSON.parse(run.stdout) as Figures;
  const kernels = Object.entries(figures.kernels);
  const names = Object.keys(kernels[0]?.[1] ?? {});
  const rates = Object.entries(figures).filter((entry): entry is [string, Rate] =>
    isRate(entry[1]),
  );
  return {
    data: { ...figures },
    tables: [
      formatTable(
        `kernels: ns per ${figures.dim}-d distance, rows in the second cache level (in use: ${figures.kernel})`,
        ['kernel', ...names],
        kernels.map(([name, times]) => [name, ...names.map((key) => times[key]?.median_ns ?? 0)]),
      ),
      formatTable(
        `memory: GB/s over ${figures.rows} rows of ${figures.dim} floats`,
        ['', 'median', 'best'],
        rates.map(([name, rate]) => [name, rate.median_gb_s, rate.best_gb_s]),
      ),
    ],
  };
}
