/** The media type that HTTP says of a file, by its first bytes and not by its name. */
import { sniff, type ImageFormat, type VideoFormat } from '../sniff';

const IMAGES: Readonly<Partial<Record<ImageFormat, string>>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
  tiff: 'image/tiff',
  heic: 'image/heic',
  bmp: 'image/bmp',
  ico: 'image/x-icon',
  jp2: 'image/jp2',
  jxl: 'image/jxl',
  psd: 'image/vnd.adobe.photoshop',
};

const VIDEOS: Readonly<Partial<Record<VideoFormat, string>>> = {
  mov: 'video/mp4',
  matroska: 'video/x-matroska',
  avi: 'video/x-msvideo',
  mpegts: 'video/mp2t',
  mpeg: 'video/mpeg',
  flv: 'video/x-flv',
  asf: 'video/x-ms-asf',
  ogg: 'video/ogg',
};

/** @param head  the first `SNIFF_BYTES`. @returns `application/octet-stream` for everything else */
export function contentTypeOf(head: Uint8Array): string {
  const sniffed = sniff(head);
  const text = (from: number, to: number): string =>
    String.fromCharCode(...head.subarray(from, to));
  const known =
    sniffed.type === 'image'
      ? IMAGES[sniffed.format]
      : sniffed.type !== 'video'
        ? undefined
        : sniffed.format === 'mov' && text(8, 12) === 'qt  '
          ? 'video/quicktime'
          : sniffed.format === 'matroska' && text(0, 64).includes('webm')
            ? 'video/webm'
            : VIDEOS[sniffed.format];
  return known ?? 'application/octet-stream';
}
