/**
 * The second half of a sync: frames without a row -> encoder -> engine -> catalog. Runs beside the
 * first half and is woken by its commits; run alone it is `sightline index`. Rows are durable before
 * the catalog counts them.
 */
import type { Catalog } from '../catalog';
import type { ImageEncoder } from '../encode';
import { makeError, messageOf } from '../errors';
import { asRow, type FrameId } from '../types';
import type { VectorStore } from '../stores/vectors';
import type { FrameStore } from './frame-store';
import type { WakeUp } from './ordered';

export interface EmbedParts {
  readonly catalog: Catalog;
  readonly store: FrameStore;
  readonly index: VectorStore;
  readonly encoder: ImageEncoder;
  readonly space: string;
  /** Run before rows are appended, by the same loop: the engine has one writer at a time. */
  readonly beforeAppend: () => Promise<void>;
  readonly onEmbedded: (frames: number) => void;
}

/** Frames encoded and committed together. */
export const EMBED_BATCH = 64;
/** Rows between two graph snapshots, so that the next open has at most this many to link. */
const SNAPSHOT_EVERY_ROWS = 50_000;

interface Encoded {
  readonly good: FrameId[];
  readonly vectors: Float32Array;
  readonly bad: { frameId: FrameId; reason: string }[];
}

/**
 * Encodes every frame that has no row, until there is none left and `more()` is false.
 *
 * @param wake  notified by whoever makes frames, and once more when it is done
 */
export async function embedPending(
  parts: EmbedParts,
  more: () => boolean,
  wake: WakeUp,
  signal?: AbortSignal,
): Promise<void> {
  let after = -1;
  let unsaved = 0;
  // One batch is being encoded while the one before it is appended.
  let encoding: Promise<Encoded> | undefined;
  try {
    for (;;) {
      if (signal?.aborted === true) throw makeError('ERR_ABORTED', 'the sync was interrupted');
      const hadMore = more();
      const ids = parts.catalog.framesWithoutRow(parts.space, after, EMBED_BATCH);
      after = ids.at(-1) ?? after;
      const next = ids.length > 0 ? encode(parts, ids, signal) : undefined;
      // A rejection is seen when it is awaited; until then it must not count as unhandled.
      next?.catch(() => undefined);
      if (encoding !== undefined) unsaved += await append(parts, await encoding);
      encoding = next;
      if (unsaved >= SNAPSHOT_EVERY_ROWS) {
        await parts.index.save();
        unsaved = 0;
      }
      if (next !== undefined) continue;
      if (!hadMore) break;
      await wake.wait();
    }
  } finally {
    await encoding?.catch(() => undefined);
    if (unsaved > 0) await parts.index.save();
  }
}

async function encode(
  parts: EmbedParts,
  ids: readonly FrameId[],
  signal: AbortSignal | undefined,
): Promise<Encoded> {
  const good: FrameId[] = [];
  const bad: { frameId: FrameId; reason: string }[] = [];
  const pictures: Uint8Array[] = [];
  const present: FrameId[] = [];
  for (const frameId of ids) {
    try {
      pictures.push(await parts.store.read(frameId));
      present.push(frameId);
    } catch (error) {
      bad.push({ frameId, reason: `stored frame cannot be read: ${messageOf(error)}` });
    }
  }
  const { dim } = parts.encoder;
  const { vectors, errors } = await parts.encoder.encodeEach(pictures, signal ? { signal } : {});
  const kept = new Float32Array(vectors.length);
  present.forEach((frameId, i) => {
    const error = errors[i];
    if (error === undefined) {
      kept.set(vectors.subarray(i * dim, (i + 1) * dim), good.length * dim);
      good.push(frameId);
    } else {
      bad.push({ frameId, reason: error.message });
    }
  });
  return { good, vectors: kept.subarray(0, good.length * dim), bad };
}

async function append(parts: EmbedParts, encoded: Encoded): Promise<number> {
  const { good, vectors, bad } = encoded;
  await parts.beforeAppend();
  if (good.length === 0) {
    parts.catalog.recordRows(parts.space, [], bad, parts.index.count);
    return 0;
  }
  const { firstRow } = await parts.index.add(vectors, { keys: good });
  const rows = good.map((frameId, i) => ({ frameId, row: asRow(firstRow + i) }));
  parts.catalog.recordRows(parts.space, rows, bad, firstRow + good.length);
  parts.onEmbedded(good.length);
  return good.length;
}
