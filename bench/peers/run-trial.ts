/** Starts the process of a trial and reads its result. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { BuildFigures, SearchFigures, TrialJob } from './contract';
import { PYTHON, PYTHON_PEERS, type PeerName } from './names';

const LIMIT_MS = 30 * 60_000;

export function runTrial<Task extends TrialJob['task']>(
  peer: PeerName,
  job: TrialJob & { readonly task: Task },
): Promise<Task extends 'build' ? BuildFigures : SearchFigures> {
  const [command, script] =
    peer.runtime === 'python'
      ? [PYTHON, PYTHON_PEERS]
      : [process.execPath, path.join(__dirname, 'trial.js')];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [script], {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      // Limits libraries that start threads by themselves, such as NumPy.
      env: {
        ...process.env,
        OMP_NUM_THREADS: String(job.threads),
        OPENBLAS_NUM_THREADS: String(job.threads),
      },
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const last = output.trim().split('\n').at(-1) ?? '';
      if (code === 0 && last.startsWith('{')) resolve(JSON.parse(last));
      else reject(new Error(`${peer.name} ${job.task}: ended with ${signal ?? code}: ${errors}`));
    });
    child.stdin.end(JSON.stringify(job));
  });
}
