/** Finds the marked examples of a Markdown text and runs one of them in a sandbox folder. */
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { CLI, cleanEnv, type CliResult } from './cli';
import { scaled } from './deadline';
import { freePort } from './free-port';
import { makeTempDir } from './temp';
import { textOf, typeErrors } from './typescript';

const PACKAGE_ROOT = path.resolve(__dirname, '../../..');
const EXAMPLE_TIMEOUT_MS = 180_000;

export interface Example {
  readonly language: 'bash' | 'js' | 'ts';
  readonly code: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/** Blocks whose info string is `bash test`, `js test` or `ts test`. */
export function findExamples(markdown: string): Example[] {
  const examples: Example[] = [];
  let open: { language: Example['language']; line: number; code: string[] } | undefined;
  for (const [i, text] of markdown.split('\n').entries()) {
    if (open === undefined) {
      const language = /^```(bash|js|ts) test\s*$/.exec(text)?.[1] as Example['language'];
      if (language !== undefined) open = { language, line: i + 1, code: [] };
    } else if (text.startsWith('```')) {
      examples.push({ language: open.language, line: open.line, code: open.code.join('\n') });
      open = undefined;
    } else open.code.push(text);
  }
  return examples;
}

/** What `console.log(...); // text` promises, in order. */
export function promisedOutput(example: Example): string[] {
  if (example.language === 'bash') return [];
  return [...example.code.matchAll(/^\s*console\.log\(.*\);\s*\/\/ (.+?)\s*$/gm)].map(
    (match) => match[1] ?? '',
  );
}

/**
 * A fresh folder with `pictures/` copied from `pictures`, `sightline` and `npx` on the PATH, and
 * the package under `node_modules/`.
 */
export function makeSandbox(pictures: string): { dir: string; env: NodeJS.ProcessEnv } {
  const dir = makeTempDir('readme');
  cpSync(pictures, path.join(dir, 'pictures'), { recursive: true });
  mkdirSync(path.join(dir, 'node_modules'));
  symlinkSync(PACKAGE_ROOT, path.join(dir, 'node_modules', 'sightline'), 'dir');
  const bin = makeTempDir('readme-bin');
  writeScript(path.join(bin, 'sightline'), `exec "${process.execPath}" "${CLI}" "$@"`);
  // Only what an example can mean: flags of npx itself, then the command.
  writeScript(path.join(bin, 'npx'), 'while [[ "$1" == -* ]]; do shift; done; exec "$@"');
  return { dir, env: cleanEnv({ PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` }) };
}

function writeScript(file: string, body: string): void {
  writeFileSync(file, `#!/usr/bin/env bash\n${body}\n`);
  chmodSync(file, 0o755);
}

/** Runs the example; for `ts` its type errors come first, as a result with exit code 1. */
export async function runExample(
  example: Example,
  { dir, env }: { dir: string; env: NodeJS.ProcessEnv },
): Promise<CliResult> {
  if (example.language === 'bash')
    return run('bash', ['-euo', 'pipefail', '-c', await onFreePorts(example.code)], dir, env);
  const isModule = /^\s*import\s/m.test(example.code);
  const file = path.join(dir, `example.${isModule ? 'm' : 'c'}js`);
  let { code } = example;
  if (example.language === 'ts') {
    const problems = typeErrorsIn(code, dir, isModule);
    if (problems !== '') return { code: 1, signal: null, stdout: '', stderr: problems };
    code = ts.transpileModule(code, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    }).outputText;
  }
  // A CommonJS example may use await at its top, as a REPL allows.
  writeFileSync(file, isModule ? code : `(async () => {\n${code}\n})();\n`);
  return run(process.execPath, [file], dir, env);
}

/** Each port that a server is started on is exchanged for a free one: it may be in use here. */
async function onFreePorts(code: string): Promise<string> {
  let changed = code;
  for (const port of new Set(Array.from(code.matchAll(/--port (\d+)/g), ([, number]) => number)))
    changed = changed.replaceAll(`${port}`, String(await freePort()));
  return changed;
}

function typeErrorsIn(code: string, dir: string, isModule: boolean): string {
  const file = path.join(dir, `example.${isModule ? 'm' : 'c'}ts`);
  writeFileSync(file, code);
  const problems = typeErrors([file], {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.Node20,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [path.join(PACKAGE_ROOT, 'node_modules', '@types')],
  });
  return problems.map((problem) => textOf(problem)).join('\n');
}

/**
 * Ends when the example itself ends, and then takes along what it left running: a server it started
 * would keep the pipes open, and with them the test, for ever.
 */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let stdout = '';
    let stderr = '';
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing of the group is left.
      }
    };
    const limitMs = scaled(EXAMPLE_TIMEOUT_MS);
    const timer = setTimeout(() => {
      stderr += `\nkilled after ${limitMs / 1000} s`;
      killGroup();
    }, limitMs);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      killGroup();
    });
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
