/**
 * What a file is, from its first bytes. Decides which decoder gets it, so that a script, a playlist or
 * an SVG under a media name never reaches one that would obey it. Pure: bytes in, verdict out.
 */

/** Bytes that `sniff` wants to see; fewer are fine when the file is shorter. */
export const SNIFF_BYTES = 4096;

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';

/** The demuxer of ffmpeg that gets the file; it is forced, so nothing is guessed twice. */
export type VideoFormat = 'mov' | 'matroska' | 'avi' | 'mpegts' | 'mpeg' | 'flv' | 'asf' | 'ogg';

export type Sniffed =
  | { readonly type: 'image'; readonly format: ImageFormat }
  | { readonly type: 'video'; readonly format: VideoFormat }
  /** Recognised, and why it is not decoded. */
  | { readonly type: 'unsupported'; readonly name: string; readonly reason: string }
  | { readonly type: 'unknown' };

const image = (format: ImageFormat): Sniffed => ({ type: 'image', format });
const video = (format: VideoFormat): Sniffed => ({ type: 'video', format });
const unsupported = (name: string, reason?: string): Sniffed => ({
  type: 'unsupported',
  name,
  reason: reason ?? `${name} is not supported`,
});

const HEIC_REASON = 'HEIC is not supported by the bundled decoder; convert it to JPEG or AVIF';

/** Says what the bytes at the head of a file are. */
export function sniff(head: Uint8Array): Sniffed {
  const has = (signature: string, at = 0): boolean => {
    for (let i = 0; i < signature.length; i++)
      if (head[at + i] !== signature.charCodeAt(i)) return false;
    return true;
  };
  if (has('\xff\xd8\xff')) return image('jpeg');
  if (has('\x89PNG\r\n\x1a\n')) return image('png');
  if (has('GIF87a') || has('GIF89a')) return image('gif');
  if (has('RIFF')) {
    if (has('WEBP', 8)) return image('webp');
    if (has('AVI ', 8)) return video('avi');
    return unsupported(has('WAVE', 8) ? 'WAV audio' : 'this RIFF file');
  }
  if (has('\x1a\x45\xdf\xa3')) return video('matroska');
  if (has('OggS')) return video('ogg');
  if (has('FLV\x01')) return video('flv');
  if (has('\x30\x26\xb2\x75\x8e\x66\xcf\x11')) return video('asf');
  if (has('\0\0\x01\xba')) return video('mpeg');
  if (has('\x47') && has('\x47', 188) && has('\x47', 376)) return video('mpegts');
  if (has('\x47', 4) && has('\x47', 196) && has('\x47', 388)) return video('mpegts');
  if (has('ftyp', 4)) return sniffIso(head, has);
  // Old QuickTime files start with any of these boxes; the demuxer checks the rest.
  if (['moov', 'mdat', 'wide', 'free', 'skip', 'pnot'].some((box) => has(box, 4)))
    return video('mov');
  return sniffRefused(head, has);
}

/** ISO base media: the brands say whether it is a film or a still picture, and of which codec. */
function sniffIso(head: Uint8Array, has: (signature: string, at?: number) => boolean): Sniffed {
  const declared = ((head[0] ?? 0) << 24) | ((head[1] ?? 0) << 16) | ((head[2] ?? 0) << 8);
  const size = Math.min((declared | (head[3] ?? 0)) >>> 0, head.length, 512);
  const brands: string[] = [];
  for (let at = 8; at + 4 <= size; at += 4) {
    // Bytes 12 to 15 are the minor version, no brand.
    if (at !== 12) brands.push(String.fromCharCode(...head.subarray(at, at + 4)));
  }
  if (brands.includes('avif') || brands.includes('avis')) return image('avif');
  const major = brands[0] ?? '';
  if (/^(heic|heix|hevc|hevx|heim|heis|hevm|hevs)$/.test(major))
    return unsupported('HEIC', HEIC_REASON);
  if (/^(mif1|msf1)$/.test(major)) {
    const isHevc = brands.some((brand) => brand.startsWith('hei') || brand.startsWith('hev'));
    return unsupported('HEIF', isHevc ? HEIC_REASON : 'this HEIF picture is not supported');
  }
  if (has('crx ', 8)) return unsupported('Canon CR3 raw');
  if (has('jxl ', 8)) return unsupported('JPEG XL');
  return video('mov');
}

/** Formats that are known and refused: the reason is for the person, the refusal is the default. */
function sniffRefused(head: Uint8Array, has: (signature: string, at?: number) => boolean): Sniffed {
  if (has('II*\0') || has('MM\0*')) return unsupported('TIFF');
  if (has('II+\0') || has('MM\0+')) return unsupported('BigTIFF');
  if (has('BM')) return unsupported('BMP');
  if (has('\0\0\0\x0cjP  \r\n\x87\n') || has('\xff\x4f\xff\x51')) return unsupported('JPEG 2000');
  if (has('\xff\x0a') || has('\0\0\0\x0cJXL ')) return unsupported('JPEG XL');
  if (has('\0\0\x01\0') || has('\0\0\x02\0')) return unsupported('ICO');
  if (has('8BPS')) return unsupported('Photoshop');
  if (has('%PDF')) return unsupported('PDF');
  if (has('\x76\x2f\x31\x01')) return unsupported('OpenEXR');
  if (has('FUJIFILMCCD-RAW') || has('IIRO') || has('IIU\0')) return unsupported('camera raw');
  if (has('P') && /^P[1-7]\s/.test(String.fromCharCode(...head.subarray(0, 3))))
    return unsupported('PNM');
  const text = String.fromCharCode(...head.subarray(0, 256)).trimStart();
  if (/^#EXTM3U|^ffconcat|^v=0\r?\n|^\[playlist\]/i.test(text)) return unsupported('a playlist');
  if (/^(\xef\xbb\xbf)?<(\?xml|svg|!doctype|mpd|html)/i.test(text))
    return unsupported('XML or SVG');
  return { type: 'unknown' };
}
