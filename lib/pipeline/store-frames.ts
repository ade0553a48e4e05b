/**
 * Stores decoded pictures and assigns frame ids. A frame is a position in the bytes of a media file: when
 * the same bytes are decoded again (repair, other sampling, a file that came back), the frame at the same
 * time keeps its id; if its picture is the same, it also keeps file and vector.
 */
import { crc32 } from 'node:zlib';
import type { Catalog, FormerMedia, IngestedFrame, StoredFrame } from '../catalog';
import type { DecodedFrame } from '../media';
import type { MediaId } from '../base/types';
import type { FrameStore } from './frame-store';

/** What is known of the bytes being decoded. */
export interface KnownBytes {
  /** Existing frames of the same bytes. */
  readonly stored: readonly StoredFrame[];
  readonly mediaId: MediaId | undefined;
  /** A forgotten file with the same bytes. */
  readonly former: FormerMedia | undefined;
}

export const UNKNOWN_BYTES: KnownBytes = { stored: [], mediaId: undefined, former: undefined };

/** Times of one frame, decoded twice, agree within rounding. */
const SAME_SECONDS = 1e-4;

export class FrameWriter {
  private readonly stored: StoredFrame[];
  private next = 0;
  private isMarked = false;

  constructor(
    private readonly catalog: Catalog,
    private readonly store: FrameStore,
    private readonly known: KnownBytes,
  ) {
    this.stored = [...known.stored];
  }

  /** Stores the next frame of the file, durably; the caller records it in the catalog. */
  async add({ jpeg, timestamp, width, height }: DecodedFrame): Promise<IngestedFrame> {
    const crc = crc32(jpeg);
    const old = this.takeStored(timestamp);
    if (old === undefined) {
      const frameId = this.known.former?.frameIds[this.next++] ?? this.catalog.nextFrameId();
      await this.store.write(frameId, jpeg);
      return { frameId, timestamp, width, height, crc };
    }
    const { frameId } = old;
    const onDisk = await this.store.read(frameId).catch(() => undefined);
    const isWhole = onDisk !== undefined && onDisk.equals(jpeg);
    if (!isWhole) {
      this.mark();
      await this.store.replace(frameId, jpeg);
    }
    const isSame = old.crc === null ? isWhole : old.crc === crc;
    return { frameId, timestamp, width, height, crc, kept: isSame ? 'same' : 'renewed' };
  }

  private takeStored(timestamp: number | null): StoredFrame | undefined {
    const at = this.stored.findIndex(
      (frame) =>
        frame.timestamp === timestamp ||
        (frame.timestamp !== null &&
          timestamp !== null &&
          Math.abs(frame.timestamp - timestamp) < SAME_SECONDS),
    );
    return at < 0 ? undefined : this.stored.splice(at, 1)[0];
  }

  /**
   * Before the first picture is overwritten: after a crash before the commit, the next sync decodes the
   * file again, and no picture mismatches its entry.
   */
  private mark(): void {
    if (this.isMarked || this.known.mediaId === undefined) return;
    this.catalog.markForDecoding([this.known.mediaId]);
    this.isMarked = true;
  }
}
