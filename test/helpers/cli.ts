/** Runs the real `sightline` command in a process of its own, away from the developer's settings. */
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { scaled } from './deadline';
import { makeTempDir } from './temp';

export const CLI = path.resolve(__dirname, '../../lib/cli/main.js');
/** Longer than any command of the tests takes. */
const LIMIT_MS = 180_000;

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** In a process group of its own, as a shell starts it. */
  readonly ownGroup?: boolean;
}

export interface RunningCli {
  readonly child: ChildProcess;
  /** Resolves when stderr or stdout has matched; rejects when the process ends before. */
  until(pattern: RegExp): Promise<RegExpMatchArray>;
  readonly ended: Promise<CliResult>;
  /** What Ctrl-C in a terminal does: SIGINT to every process of the group. Needs `ownGroup`. */
  ctrlC(): void;
}

let home: string | undefined;

/** PATH and nothing of ours: no settings, no model cache, no colours. */
export function cleanEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  home ??= makeTempDir('home');
  const keep = [
    'PATH',
    'SystemRoot',
    'TMPDIR',
    'LD_LIBRARY_PATH',
    'SIGHTLINE_FFMPEG',
    'FFMPEG_PATH',
    'NODE_V8_COVERAGE',
  ];
  const env: NodeJS.ProcessEnv = { HOME: home, NO_COLOR: '1' };
  for (const name of keep) if (process.env[name] !== undefined) env[name] = process.env[name];
  return { ...env, ...extra };
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: cleanEnv(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup === true,
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const heard = (): void => waiting.forEach((look) => look());
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    heard();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    heard();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), scaled(LIMIT_MS));
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
  const until = (pattern: RegExp): Promise<RegExpMatchArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stdout) ?? pattern.exec(stderr);
        if (match === null) return;
        waiting.delete(look);
        resolve(match);
      };
      waiting.add(look);
      void ended.then(() => reject(new Error(`ended before ${pattern}:\n${stdout}\n${stderr}`)));
      look();
    });
  const ctrlC = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  };
  return { child, until, ended, ctrlC };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}

/** The one JSON document of a command; the assertion is that stdout holds nothing else. */
export function documentOf<T>(result: CliResult): T {
  const document = parse(result);
  if ('error' in document) throw new Error(`exit ${result.code}: ${JSON.stringify(document)}`);
  return document as T;
}

/** The error of a command that was run with `--json` and failed. */
export function errorOf(result: CliResult): { code: string; message: string } {
  const { error } = parse(result) as { error?: { code: string; message: string } };
  if (error === undefined) throw new Error(`no error document: ${result.stdout}`);
  return error;
}

function parse(result: CliResult): object {
  try {
    return JSON.parse(result.stdout) as object;
  } catch {
    throw new Error(
      `stdout is not one JSON document (exit ${result.code}):\n${result.stdout}\n--\n${result.stderr}`,
    );
  }
}
