/**
 * Which files a walk looks at, by extension. Whether a file is what its name says is decided later by
 * its first bytes (`sniff.ts`): the name only says that someone thinks of it as a picture or a video.
 */
import type { MediaKind } from '../types';

/**
 * Formats we decode, and those people keep among their photos: the second kind ends as `skipped`
 * with a reason, which is better than a picture missing without a word.
 */
const IMAGE_EXTENSIONS =
  'jpg jpeg jpe jfif mpo png apng webp gif avif ' +
  'heic heif hif tif tiff bmp jp2 jxl dng cr2 cr3 nef arw orf rw2 raf';

const VIDEO_EXTENSIONS =
  'mp4 m4v mov qt mkv webm avi ts mts m2ts mpg mpeg m2v 3gp 3g2 flv wmv asf ogv vob';

const KINDS: ReadonlyMap<string, MediaKind> = new Map([
  ...IMAGE_EXTENSIONS.split(' ').map((ext) => [ext, 'image'] as const),
  ...VIDEO_EXTENSIONS.split(' ').map((ext) => [ext, 'video'] as const),
]);

/** Kind by extension, upper or lower case; undefined for anything that is no media file by name. */
export function kindOfName(name: string): MediaKind | undefined {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? undefined : KINDS.get(name.slice(dot + 1).toLowerCase());
}
