/**
 * Decodes HEIC by libheif in WebAssembly: sharp's libvips has no HEVC decoder, and few builds of ffmpeg
 * read the tile grids that phones write. Runs in a picture child only.
 */
import { makeError, messageOf } from '../../../base/errors';
import type { RawPicture } from './raw-picture';

interface HeifImage {
  get_width(): number;
  get_height(): number;
  is_primary(): boolean;
  display(
    target: { data: Uint8ClampedArray; width: number; height: number },
    done: (filled: { data: Uint8ClampedArray } | null) => void,
  ): void;
  free(): void;
}

interface Heif {
  HeifDecoder: new () => { decode(bytes: Uint8Array): HeifImage[] };
}

const REMEDY = 'install the optional package libheif-js, or convert the picture to JPEG or AVIF';

/**
 * The primary picture: tiles assembled, rotation and mirroring applied.
 *
 * @throws ERR_MEDIA_UNSUPPORTED without the optional package; ERR_MEDIA_DECODE
 */
export async function decodeHeic(bytes: Uint8Array): Promise<RawPicture> {
  const { HeifDecoder } = await load();
  const images = new HeifDecoder().decode(bytes);
  try {
    const image = images.find((one) => one.is_primary()) ?? images[0];
    if (image === undefined) throw makeError('ERR_MEDIA_DECODE', 'no picture in this HEIC file');
    const [width, height] = [image.get_width(), image.get_height()];
    const data = new Uint8ClampedArray(width * height * 4);
    const filled = await new Promise<unknown>((resolve) => {
      image.display({ data, width, height }, resolve);
    });
    if (filled === null)
      throw makeError('ERR_MEDIA_DECODE', 'this HEIC file cannot be decoded: its data are damaged');
    return { data: Buffer.from(data.buffer), width, height, channels: 4 };
  } finally {
    for (const image of images) image.free();
  }
}

let loaded: Heif | undefined;

async function load(): Promise<Heif> {
  try {
    loaded ??= (await import('libheif-js/wasm-bundle.js' as string)) as Heif;
    return 'default' in loaded ? (loaded as { default: Heif }).default : loaded;
  } catch (cause) {
    throw makeError(
      'ERR_MEDIA_UNSUPPORTED',
      `the HEIC decoder cannot be loaded (${messageOf(cause).split('\n')[0]}): ${REMEDY}`,
      { cause },
    );
  }
}
