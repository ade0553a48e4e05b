/** Libraries whose model is changed, by this process or by one that stops or dies on the way. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { Library } from '../../lib/library';
import { writePictures } from './media';
import { makeTempDir } from './temp';

/** More than one batch. */
export const PICTURES = 70;

/** A folder with pictures, and no library. */
export async function pictureFolder(name: string): Promise<string> {
  const root = makeTempDir(name);
  await writePictures(root, PICTURES);
  return root;
}

/** What searches find: the model, and each file with its cosine to fixed words. */
export interface Answers {
  readonly model: string;
  readonly cosines: ReadonlyMap<string, number>;
}

export async function answersOf(library: Library): Promise<Answers> {
  const { model, results } = await library.search(
    { text: 'a white circle' },
    { k: 1000, exact: true },
  );
  return { model, cosines: new Map(results.map((hit) => [hit.media_path, hit.cosine])) };
}

export interface ChangeInChild {
  /** Resolves when the output matches. */
  until(pattern: RegExp): Promise<void>;
  /** Goes on from where `wait` blocks. */
  goOn(): void;
  kill(): void;
  /** Whether it ended by itself, with success; false: it was killed. */
  readonly ended: Promise<boolean>;
}

export function changeInChild(root: string, model: string, ...how: string[]): ChangeInChild {
  const script = path.join(__dirname, 'change-child.js');
  const child = spawn(process.execPath, [script, root, model, ...how]);
  let output = '';
  let errors = '';
  const looks = new Set<() => void>();
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
    for (const look of looks) look();
  });
  const ended = new Promise<boolean>((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(false);
      else if (code === 0) resolve(true);
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!pattern.test(output)) return;
        looks.delete(look);
        resolve();
      };
      looks.add(look);
      const early = (): void => reject(new Error(`ended before ${pattern}: ${output}${errors}`));
      ended.then(early, early);
      look();
    });
  return {
    until,
    goOn: () => child.stdin.end(),
    kill: () => child.kill('SIGKILL'),
    ended,
  };
}
