/**
 * Runs a vision model: one picture or one clip per item. Decodes, preprocesses, skips failed items, runs
 * the rest. Loads the image library; only in workers.
 */
import { makeError } from '../../base/errors';
import { decodeRgb } from '../preprocess/decode-rgb';
import { normalizeTable, preprocessInto } from '../preprocess/preprocess';
import { TowerSession } from './session';
import { fromWire, toWire, type Packed, type WorkerSetup } from '../task';
import { fail, type ItemErrors, type Tower } from './tower';

/** One picture is resized on this thread while another is decoded on a libuv thread. */
const DECODES_AT_ONCE = 2;

type PictureSetup = WorkerSetup & { modality: 'image' | 'video' };

export async function loadPictureTower(setup: PictureSetup): Promise<Tower> {
  const session = await TowerSession.load(setup);
  const perItem = setup.modality === 'video' ? setup.frames : 1;
  return {
    session,
    embed: async ({ pictures, clips }, errors) => {
      if (pictures === undefined) return { vectors: new Float32Array(0) };
      const slots = clips === undefined ? undefined : slotsOf(clips, perItem, errors);
      const items = (clips ?? pictures.offsets).length - 1;
      const work = { pictures, slots, items, perItem };
      const pixels = await decodeAll(setup, work, errors);
      return { vectors: await runGood(session, setup, { pixels, items, perItem }, errors) };
    },
  };
}

interface Decoding {
  readonly pictures: Packed<ArrayBuffer>;
  /** Slots of each picture, as item and frame; undefined: picture i is item i. */
  readonly slots: readonly (readonly Slot[])[] | undefined;
  readonly items: number;
  readonly perItem: number;
}

interface Slot {
  readonly item: number;
  readonly frame: number;
}

/** Where each picture goes: the last one of a short clip goes to all slots behind it as well. */
function slotsOf(clips: Uint32Array, frames: number, errors: ItemErrors): Slot[][] {
  const slots: Slot[][] = Array.from({ length: clips[clips.length - 1] ?? 0 }, () => []);
  for (let item = 0; item + 1 < clips.length; item++) {
    const from = clips[item] as number;
    const count = (clips[item + 1] as number) - from;
    if (count === 0) {
      fail(errors, item, makeError('ERR_MEDIA_UNSUPPORTED', 'the clip has no frames'));
      continue;
    }
    for (let frame = 0; frame < frames; frame++) {
      slots[from + Math.min(frame, count - 1)]?.push({ item, frame });
    }
  }
  return slots;
}

/** Tensors of all items, shape [items, perItem, 3, size, size]; those of failed items are incomplete. */
async function decodeAll(
  { preprocess: spec }: PictureSetup,
  { pictures, slots, items, perItem }: Decoding,
  errors: ItemErrors,
): Promise<Float32Array> {
  const { bytes, offsets } = pictures;
  const count = offsets.length - 1;
  const each = 3 * spec.size * spec.size;
  const table = normalizeTable(spec);
  const pixels = new Float32Array(items * perItem * each);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const from = offsets[i] as number;
      const [first, ...more] = slots === undefined ? [{ item: i, frame: 0 }] : (slots[i] ?? []);
      if (first === undefined || errors[first.item] !== undefined) continue;
      const offsetOf = ({ item, frame }: Slot): number => (item * perItem + frame) * each;
      try {
        const encoded = new Uint8Array(bytes, from, (offsets[i + 1] as number) - from);
        preprocessInto(await decodeRgb(encoded), spec, table, pixels, offsetOf(first));
      } catch (error) {
        fail(errors, first.item, slots === undefined ? error : frameError(first.frame, error));
        continue;
      }
      const done = offsetOf(first);
      for (const slot of more) pixels.copyWithin(offsetOf(slot), done, done + each);
    }
  };
  await Promise.all(Array.from({ length: DECODES_AT_ONCE }, work));
  return pixels;
}

function frameError(frame: number, error: unknown): Error {
  const wire = toWire(error, 'ERR_MEDIA_DECODE');
  return fromWire({ ...wire, message: `frame ${frame}: ${wire.message}` }, { frame });
}

/** Runs the items that did not fail and puts the results in their rows. */
async function runGood(
  session: TowerSession,
  { dim, preprocess }: PictureSetup,
  { pixels, items, perItem }: { pixels: Float32Array; items: number; perItem: number },
  errors: ItemErrors,
): Promise<Float32Array> {
  const { size } = preprocess;
  const each = perItem * 3 * size * size;
  const good: number[] = [];
  for (let i = 0; i < items; i++) {
    if (errors[i] !== undefined) continue;
    if (good.length !== i) pixels.copyWithin(good.length * each, i * each, (i + 1) * each);
    good.push(i);
  }
  if (good.length === 0) return new Float32Array(items * dim);
  const rows = await session.runImages(pixels, good.length, size);
  if (good.length === items) return rows;
  const vectors = new Float32Array(items * dim);
  good.forEach((item, row) => {
    vectors.set(rows.subarray(row * dim, (row + 1) * dim), item * dim);
  });
  return vectors;
}
