/** A sync in a child that may be killed, and what a library must still be afterwards. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { VectorIndex } from '../../lib/engine';
import type { Library } from '../../lib/library';

export interface ChildSync {
  /** Milliseconds after the library was opened; left out: the child runs to its end. */
  readonly killAfterMs?: number;
  /** Where vectors go; left out: into the library's folder. */
  readonly vectorStore?: string;
}

/** @returns whether the child ended by itself */
export function syncInChild(root: string, options: ChildSync = {}): Promise<boolean> {
  const { killAfterMs, vectorStore } = options;
  const script = path.join(__dirname, 'sync-child.js');
  const args = vectorStore === undefined ? [root] : [root, vectorStore];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    let isArmed = false;
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
    child.stdout.on('data', () => {
      if (isArmed || killAfterMs === undefined) return;
      isArmed = true;
      setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    });
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(false);
      else if (code === 0) resolve(true);
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
}

/**
 * `path@timestamp vector` of every frame, sorted: the bits of the vector as the index holds them. A frame
 * that is there twice is there twice.
 */
export async function fingerprint(library: Library): Promise<string[]> {
  const { results } = await library.search({ text: 'a white circle' }, { k: 1000, exact: true });
  await using index = await VectorIndex.open(path.join(library.dir, 'spaces', 'clip'), {
    readOnly: true,
  });
  return results
    .map((hit) => {
      const row = index.rowOf(hit.frame_id);
      if (row === undefined) throw new Error(`frame ${hit.frame_id} has no row`);
      const vector = Buffer.from(index.vectors([row]).buffer).toString('base64');
      return `${hit.media_path}@${hit.timestamp} ${vector}`;
    })
    .sort();
}

/** `path@timestamp` -> cosine to a fixed query, over all frames. @throws if a frame is there twice */
export async function cosines(library: Library): Promise<Map<string, number>> {
  const { results } = await library.search({ text: 'a white circle' }, { k: 1000, exact: true });
  const all = new Map(results.map((hit) => [`${hit.media_path}@${hit.timestamp}`, hit.cosine]));
  if (all.size !== results.length) throw new Error(`${results.length - all.size} frames twice`);
  return all;
}
