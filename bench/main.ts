/**
 * The benchmarks: `npm run bench -- [root] [options]` or `sightline bench`; `--help` lists options.
 *
 * Suites run one after another, each in its own process. Tables go to stdout, the JSON document (at its top
 * level as in spec 004 section 10.2, the rest under `suites`) to `--output`. A suite that cannot run is
 * reported with the reason.
 */
import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { readEnvironment } from './environment';
import { readOptions, USAGE, UsageError, type BenchOptions, type SuiteName } from './options';
import { removeRun } from './engine-index';
import type { SuiteResult } from './suite';

function runSuite(name: SuiteName, options: BenchOptions): Promise<SuiteResult | string> {
  return new Promise((resolve) => {
    const child = fork(path.join(__dirname, 'suite-process.js'), [name, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    let errors = '';
    let result: SuiteResult | undefined;
    child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('message', (message) => (result = message as SuiteResult));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) =>
      resolve(result ?? `ended with ${signal ?? code}: ${errors.trim()}`),
    );
  });
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const defaults = {
    threads: availableParallelism(),
    output: path.join('bench-results', 'latest.json'),
    run: `${process.pid}-${Date.now().toString(36)}`,
  };
  const options = readOptions(args, defaults, (file) => readFileSync(file, 'utf8').split('\n'));
  const environment = readEnvironment();
  process.stdout.write(
    `${environment.cpu}, ${environment.cores} cores, load ${environment.loadAverage.toFixed(1)}, ` +
      `Node ${environment.node}, commit ${environment.commit}\n\n`,
  );
  let top: Record<string, unknown> = {};
  const suites: Record<string, unknown> = {};
  let failed = 0;
  for (const name of options.suites) {
    const result = await runSuite(name, options);
    if (typeof result === 'string') {
      failed++;
      suites[name] = { failed: result };
      process.stderr.write(`${name}: ${result}\n\n`);
      continue;
    }
    top = { ...top, ...result.top };
    suites[name] = result.data;
    if (result.skipped !== undefined) process.stdout.write(`skip: ${name}: ${result.skipped}\n\n`);
    for (const table of result.tables) process.stdout.write(`${table}\n`);
  }
  removeRun(options.run);
  const document = { ...top, environment, options, suites };
  mkdirSync(path.dirname(path.resolve(options.output)), { recursive: true });
  writeFileSync(options.output, `${JSON.stringify(document, null, 2)}\n`);
  process.stdout.write(`written: ${options.output}\n`);
  return failed === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof UsageError ? `${error.message}\n${USAGE}` : error}\n`);
    process.exitCode = 2;
  },
);
