/** Orders for the faulty worker (faulty-encode-worker.ts), and a call that stands inside it. */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClipModel } from '../../lib/encode';
import { makeTempDir } from './temp';

/** The worker file to open a CLIP with. */
export const FAULTY = path.resolve(__dirname, 'faulty-encode-worker.js');

export const order = (text: string): Uint8Array => Buffer.from(text);

/** A call that stands inside a worker until `open()`; resolves once the worker has it. */
export async function heldCall(
  clip: ClipModel,
  signal?: AbortSignal,
): Promise<{ call: Promise<unknown>; open: () => void }> {
  const gate = path.join(makeTempDir('gate'), 'gate');
  const call = clip.image.encodeEach([order(`#gate ${gate}`)], signal ? { signal } : {});
  call.catch(() => undefined);
  while (!existsSync(`${gate}.entered`)) await new Promise((resolve) => setTimeout(resolve, 2));
  // Its word that it runs takes another way, and may be slower than the file.
  while (clip.image.stats().runningItems === 0)
    await new Promise((resolve) => setTimeout(resolve, 2));
  return { call, open: () => writeFileSync(`${gate}.open`, '') };
}
