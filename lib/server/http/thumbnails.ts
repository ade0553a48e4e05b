/**
 * Smaller copies of frames, made when asked for and kept in memory within a byte budget. Input is
 * always a JPEG this library wrote itself.
 */
import { LRUCache } from 'lru-cache';
import { Gate } from '../guards/gate';

/** Widths that are made; others are rounded up, so that a client cannot fill the cache with variants. */
const WIDTHS = [96, 160, 256, 384, 512, 768, 1024] as const;
const QUALITY = 80;
/** More at once would only take processor time from searches. */
const MAX_ACTIVE = 2;
const MAX_WAITING = 512;

/** The width that will be made for a wish; undefined when the frame itself is the answer. */
export function widthStep(wish: number, frameWidth: number): number | undefined {
  const step = WIDTHS.find((width) => width >= wish);
  return step === undefined || step >= frameWidth ? undefined : step;
}

export class Thumbnails {
  readonly #ready: LRUCache<string, Buffer>;
  readonly #running = new Map<string, Promise<Buffer>>();
  readonly #gate = new Gate(MAX_ACTIVE, MAX_WAITING);

  constructor(maxBytes = 32 * 1024 * 1024) {
    this.#ready = new LRUCache({ maxSize: maxBytes, sizeCalculation: (made) => made.length });
  }

  get bytes(): number {
    return this.#ready.calculatedSize;
  }

  /**
   * A JPEG of `source` that is `width` pixels wide.
   *
   * @param key  names the source; the same key always means the same bytes
   * @throws ERR_POOL_FULL, and sharp's errors for damaged bytes
   */
  async get(key: string, width: number, source: Buffer): Promise<Buffer> {
    const name = `${key}@${width}`;
    const ready = this.#ready.get(name);
    if (ready !== undefined) return ready;
    const running =
      this.#running.get(name) ??
      this.#gate
        .run(() => resize(source, width))
        .then((made) => {
          this.#ready.set(name, made);
          return made;
        })
        .finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }
}

async function resize(source: Buffer, width: number): Promise<Buffer> {
  const { default: sharp } = await import('sharp');
  return sharp(source)
    .resize({ width, withoutEnlargement: true })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}
