/** Resident memory including encoder processes: over a long run, and with and without a large model. */
import { openClip } from '../../lib/encode';
import { residentBytes } from '../resident';

const residentMb = (): number => Math.round(residentBytes() / 2 ** 20);

export interface LongRun {
  readonly images: number;
  readonly residentMb: Readonly<Record<string, number>>;
  /** Resident memory at the end divided by that after a tenth: 1 is flat. */
  readonly endToTenth: number;
}

/** Encodes as a sync does: 64 per call, two calls at once. */
export async function measureLongRun(
  pictures: readonly Buffer[],
  images: number,
): Promise<LongRun> {
  const clip = await openClip('builtin');
  const at: Record<string, number> = {};
  const marks = [0.1, 0.25, 0.5, 0.75, 1].map((share) => Math.round(images * share));
  let taken = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (taken < images) {
      const count = Math.min(64, images - taken);
      const from = taken;
      taken += count;
      const batch = Array.from({ length: count }, (_, i) => pictures[(from + i) % pictures.length]);
      await clip.image.encode(batch as Buffer[]);
      done += count;
      while (marks.length > 0 && done >= (marks[0] as number)) {
        at[String(marks.shift())] = residentMb();
      }
    }
  };
  await Promise.all([work(), work()]);
  await clip.close();
  const values = Object.values(at);
  return {
    images,
    residentMb: at,
    endToTenth: (values.at(-1) as number) / (values[0] as number),
  };
}

export interface ModelMemory {
  /** Before, with the model, after `close()`, twice. */
  readonly residentMb: readonly number[];
}

/** `close()` frees all memory of the model, because it ends its process. */
export async function measureModelMemory(model: string): Promise<ModelMemory> {
  const seen: number[] = [residentMb()];
  for (let i = 0; i < 2; i++) {
    const clip = await openClip(model);
    await clip.image.warm();
    seen.push(residentMb());
    await clip.close();
    seen.push(residentMb());
  }
  return { residentMb: seen };
}
