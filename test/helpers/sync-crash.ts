/** A sync in a child that may be killed, and what a library must still be afterwards. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { VectorIndex } from '../../lib/engine';
import type { SyncOptions } from '../../lib/base/types';
import type { Library, OpenLibraryOptions } from '../../lib/library';

/** What the child does with the library that it opens. */
export interface ChildWork {
  readonly open?: OpenLibraryOptions;
  /** Options of its sync; false: it only opens the library. Default: four frames a second. */
  readonly sync?: SyncOptions | false;
  /** Repairs instead of a sync. */
  readonly repair?: boolean;
}

export interface ChildSync extends ChildWork {
  /** Milliseconds after the library was opened; left out: the child runs to its end. */
  readonly killAfterMs?: number;
  /** Counts from before the library is opened. */
  readonly isKilledOpening?: boolean;
}

/** @returns whether the child ended by itself */
export function syncInChild(root: string, options: ChildSync = {}): Promise<boolean> {
  const { killAfterMs, isKilledOpening = false, ...work } = options;
  const script = path.join(__dirname, 'sync-child.js');
  const args = [root, JSON.stringify(work)];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    let isArmed = false;
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
      if (isArmed || killAfterMs === undefined) return;
      if (!output.includes(isKilledOpening ? 'start' : 'open')) return;
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
  const vector = new Float32Array(library.stats().dim).fill(1);
  const { results } = await library.search({ vector }, { k: 1000, exact: true });
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

/** `path@timestamp` -> id of every frame that is stored, embedded or not. */
export function idsOf(library: Library): Record<string, number> {
  const frames = [...library.frames()];
  return Object.fromEntries(
    frames.map(({ mediaPath, timestamp, frameId }) => [`${mediaPath}@${timestamp}`, frameId]),
  );
}

/** `path@timestamp` -> cosine to a fixed query, over all frames. @throws if a frame is there twice */
export async function cosines(library: Library): Promise<Map<string, number>> {
  const { results } = await library.search({ text: 'a white circle' }, { k: 1000, exact: true });
  const all = new Map(results.map((hit) => [`${hit.media_path}@${hit.timestamp}`, hit.cosine]));
  if (all.size !== results.length) throw new Error(`${results.length - all.size} frames twice`);
  return all;
}
