/**
 * The kill loop: a child works on an index until it is killed, at any moment, and the next child says
 * what is there. What must be there is known here, outside the process that died.
 *
 *   node dist/test/helpers/engine-kill.js [--kills=N] [--seed=N] [--most-ms=N] [--strings]
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { VectorIndex, type KeyType } from '../../lib/engine';
import { queriesOf, QUERIES, type Opened, type Report } from './engine-churn';
import {
  afterOperation,
  CRASH_DIM,
  KINDS,
  planOperation,
  vectorOf,
  type Kind,
  type OracleRow,
} from './engine-oracle';
import { randomOf } from './vectors';

const NAMES = ['LOCK', 'embeddings.dat', 'embeddings.idx', 'hnsw_index.bin', 'tuning.json'];

export interface KillReport {
  kills: number;
  operations: number;
  /** Deaths in the middle of an operation of each kind, or (`open`) before the first. */
  duringOf: Record<Kind | 'open', number>;
}

/** Squared distances of the nearest ten live rows, by brute force. */
function nearest(rows: readonly OracleRow[], query: Float32Array): number[] {
  const distances: number[] = [];
  for (const row of rows) {
    if (!row.live) continue;
    const vector = vectorOf(row.key, row.version);
    distances.push(vector.reduce((sum, x, i) => sum + (x - query[i]!) ** 2, 0));
  }
  return distances.sort((a, b) => a - b).slice(0, 10);
}

/** @returns what differs between an index and what it must hold, or undefined */
function differs(report: Report, rows: readonly OracleRow[]): string | undefined {
  if (report.keys.length !== rows.length) return `${report.keys.length} rows, not ${rows.length}`;
  const bytes = Buffer.from(report.vectors, 'base64');
  for (const [i, row] of rows.entries()) {
    if (report.keys[i] !== row.key) return `row ${i} has key ${report.keys[i]}, not ${row.key}`;
    const noted = report.noted[i] as number | null;
    if (noted !== null && noted !== row.noted) return `row ${i} has metadata of ${noted}`;
    if (report.live[i] !== row.live) return `row ${i} is ${row.live ? 'removed' : 'live'}`;
    const vector = Buffer.from(vectorOf(row.key, row.version).buffer);
    const at = i * CRASH_DIM * 4;
    if (!bytes.subarray(at, at + CRASH_DIM * 4).equals(vector)) return `row ${i} has other bytes`;
  }
  return undefined;
}

/** @returns what is wrong with its answers, or undefined */
function answersWrong(report: Report, rows: readonly OracleRow[], seed: number) {
  if (report.problems.length > 0) return `verify: ${report.problems[0]}`;
  const queries = queriesOf(seed);
  let found = 0;
  let wanted = 0;
  for (let q = 0; q < QUERIES; q++) {
    const query = queries.subarray(q * CRASH_DIM, (q + 1) * CRASH_DIM);
    const truth = nearest(rows, query);
    const far = (node: number) => {
      const row = rows[node];
      if (!row?.live) return Infinity;
      const vector = vectorOf(row.key, row.version);
      return vector.reduce((sum, x, i) => sum + (x - query[i]!) ** 2, 0);
    };
    const exact = (report.exact[q] as number[]).map(far);
    if (exact.length !== truth.length) return `query ${q} has ${exact.length} results`;
    if (exact.some((d, i) => Math.abs(d - truth[i]!) > 1e-5)) return `query ${q} is not exact`;
    const walked = (report.walked[q] as number[]).map(far);
    if (walked.length !== truth.length || walked.includes(Infinity)) return `query ${q} is wrong`;
    found += walked.filter((d) => d <= truth.at(-1)! + 1e-5).length;
    wanted += truth.length;
  }
  return wanted === 0 || found / wanted > 0.85 ? undefined : `recall is ${found / wanted}`;
}

/** Runs one child until it is dead; `onLine` may ask for the end. */
async function live(args: string[], onLine: (line: string, end: () => void) => void) {
  const child = spawn(process.execPath, [path.join(__dirname, 'engine-churn.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let pending = '';
  let problem = '';
  const end = () => child.kill('SIGKILL');
  child.stderr.on('data', (chunk) => (problem += chunk));
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() as string;
    for (const line of lines) onLine(line, end);
  });
  onLine('', end);
  const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)));
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself: ${problem}`);
}

/** @throws Error that says what was lost, with the seed */
export async function killLoop(
  folder: string,
  {
    kills,
    seed,
    mostMs,
    keyType = 'integer',
  }: { kills: number; seed: number; mostMs: number; keyType?: KeyType },
): Promise<KillReport> {
  const made = await VectorIndex.create({
    dim: CRASH_DIM,
    metric: 'euclidean',
    path: folder,
    efConstruction: 30,
    M: 6,
    keyType,
  });
  await made.close();
  const random = randomOf(seed);
  const duringOf = Object.fromEntries([...KINDS, 'open'].map((kind) => [kind, 0]));
  const report = { kills: 0, operations: 0, duringOf } as KillReport;
  let rows: OracleRow[] = [];
  // Rows if what was under way at the last death is there.
  let perhaps: OracleRow[] | undefined;
  let number = 0;
  for (; report.kills < kills; report.kills++) {
    const inOpen = random() < 0.2;
    const delay = 1 + random() * (inOpen ? 250 : mostMs);
    let under: number | undefined;
    let isOpen = false;
    let wrong: string | undefined;
    await live([folder, String(seed), String(number)], (line, end) => {
      if (line === '') {
        if (inOpen) setTimeout(end, delay);
      } else if (line.startsWith('> ')) {
        under = Number(line.slice(2));
      } else if (line.startsWith('< ')) {
        rows = afterOperation(rows, planOperation(seed, number, rows), number);
        number++;
        under = undefined;
        report.operations++;
      } else {
        const { reader, writer, names } = JSON.parse(line) as Opened;
        const missing = differs(writer, rows);
        if (missing !== undefined && perhaps !== undefined) {
          wrong = differs(writer, perhaps) && `lost: ${missing}`;
          rows = perhaps;
        } else wrong = missing;
        perhaps = undefined;
        wrong ??= answersWrong(writer, rows, seed);
        if (JSON.stringify(reader.exact) !== JSON.stringify(writer.exact)) {
          wrong ??= 'a reader before the repair sees something else';
        }
        wrong ??= differs(reader, rows) ?? answersWrong(reader, rows, seed);
        const left = names.filter((name) => !NAMES.includes(name));
        if (left.length > 0) wrong ??= `left in the folder: ${left.join(', ')}`;
        isOpen = true;
        if (wrong !== undefined) end();
        else if (!inOpen) setTimeout(end, delay);
      }
    });
    if (wrong !== undefined) throw new Error(`seed ${seed}, kill ${report.kills}: ${wrong}`);
    if (under !== undefined) {
      const operation = planOperation(seed, under, rows);
      perhaps = afterOperation(rows, operation, under);
      number = under + 1;
      report.duringOf[operation.kind]++;
    } else if (!isOpen) report.duringOf.open++;
  }
  return report;
}

async function main(args: string[]): Promise<void> {
  const value = (name: string, otherwise: number) =>
    Number(args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise);
  const options = {
    kills: value('kills', 30),
    seed: value('seed', 31),
    mostMs: value('most-ms', 500),
    keyType: args.includes('--strings') ? ('string' as const) : ('integer' as const),
  };
  let place = process.env['TMPDIR'] ?? '/dev/shm';
  try {
    accessSync(place, constants.W_OK);
  } catch {
    place = tmpdir();
  }
  const dir = mkdtempSync(path.join(place, 'sightline-kill-'));
  console.log(`seed ${options.seed}`);
  try {
    const { kills, operations, duringOf } = await killLoop(path.join(dir, 'index'), options);
    console.log(`kill: ${kills} kills, ${operations} operations acknowledged, 0 lost`, duringOf);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
