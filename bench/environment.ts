/** The context of a result: machine, versions, commit. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');

export interface Environment {
  readonly date: string;
  readonly version: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Before the first suite: results of a busy machine are not comparable. */
  readonly loadAverage: number;
  readonly node: string;
  readonly platform: string;
  readonly compiler: string;
}

function outputOf(command: string, args: readonly string[]): string {
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return run.status === 0 ? run.stdout.trim() : '';
}

function commitId(): string {
  const id = outputOf('git', ['rev-parse', '--short=12', 'HEAD']);
  if (id === '') return 'unknown';
  return outputOf('git', ['status', '--porcelain', '-uno']) === '' ? id : `${id} with changes`;
}

export function readEnvironment(): Environment {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    date: new Date().toISOString(),
    version: manifest.version,
    commit: commitId(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    loadAverage: loadavg()[0] ?? 0,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    compiler: outputOf(process.env.CXX ?? 'c++', ['--version']).split('\n')[0] ?? '',
  };
}
