/** A sync in a child that may be killed, and what a library must still be afterwards. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import * as assert from 'uvu/assert';
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

/** A frame's `path@timestamp`, and its vector as the index holds it. */
export interface FrameVector {
  readonly name: string;
  readonly vector: Float32Array;
}

/** Every frame of a library with its vector, by name. A frame that is there twice is there twice. */
export async function fingerprint(library: Library): Promise<FrameVector[]> {
  const query = new Float32Array(library.stats().dim).fill(1);
  const { results } = await library.search({ vector: query }, { k: 1000, exact: true });
  await using index = await VectorIndex.open(path.join(library.dir, 'spaces', 'clip'), {
    readOnly: true,
  });
  return results
    .map((hit) => {
      const row = index.rowOf(hit.frame_id);
      if (row === undefined) throw new Error(`frame ${hit.frame_id} has no row`);
      return { name: `${hit.media_path}@${hit.timestamp}`, vector: index.vectors([row]) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The last bits of a vector depend on the size of the batch in which it was encoded: 1e-6 here. */
const SAME = 1e-4;

/** The same frames, each once, with the vectors of the same pictures. */
export function assertSameFrames(
  actual: readonly FrameVector[],
  expected: readonly FrameVector[],
  where = '',
): void {
  const names = (frames: readonly FrameVector[]): string[] => frames.map(({ name }) => name);
  assert.equal(names(actual), names(expected), where);
  for (const [i, { name, vector }] of actual.entries()) {
    const other = expected[i]?.vector ?? new Float32Array();
    const far = vector.findIndex((value, at) => !(Math.abs(value - (other[at] ?? NaN)) < SAME));
    assert.is(far, -1, `${where} ${name}: value ${far} differs`);
  }
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
