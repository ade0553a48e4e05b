/**
 * Detects a file's format by its first bytes, which decides its decoder: a script, playlist or SVG named
 * like media must not reach a decoder that interprets it. Pure.
 */

/** Bytes that `sniff` needs, unless the file is shorter. */
export const SNIFF_BYTES = 4096;

export type ImageFormat =
  /** Decoded by libvips. */
  | 'jpeg'
  | 'png'
  | 'webp'
  | 'gif'
  | 'avif'
  | 'tiff'
  /** Decoded by libheif. */
  | 'heic'
  /** Camera raw: the embedded JPEG is decoded. */
  | 'raw'
  /** Decoded in JavaScript; an icon contains a PNG or a BMP. */
  | 'bmp'
  | 'ico'
  /** Decoded by ffmpeg, which is told what to take of it. */
  | 'exr'
  /** Decoded by ffmpeg, see `PIPE_DEMUXERS`. */
  | PipeFormat;

/** ffmpeg's demuxer for each picture format that it decodes. */
export const PIPE_DEMUXERS = {
  jp2: 'j2k_pipe',
  jxl: 'jpegxl_pipe',
  psd: 'psd_pipe',
  qoi: 'qoi_pipe',
  dds: 'dds_pipe',
  pbm: 'pbm_pipe',
  pgm: 'pgm_pipe',
  ppm: 'ppm_pipe',
  pam: 'pam_pipe',
} as const;
export type PipeFormat = keyof typeof PIPE_DEMUXERS;

/** ffmpeg's demuxer, which is forced. */
export type VideoFormat =
  | 'mov'
  | 'matroska'
  | 'avi'
  | 'mpegts'
  | 'mpeg'
  | 'mpegvideo'
  | 'flv'
  | 'asf'
  | 'ogg'
  | 'mxf'
  | 'dv'
  | 'ivf'
  | 'rm'
  | 'nut'
  | 'wtv'
  | 'yuv4mpegpipe'
  | 'h264'
  | 'hevc';

export type Sniffed =
  | { readonly type: 'image'; readonly format: ImageFormat }
  | { readonly type: 'video'; readonly format: VideoFormat }
  /** Recognized but not decoded, and why. */
  | {
      readonly type: 'unsupported';
      readonly name: string;
      readonly reason: string;
      /** Users consider it a picture, so it is reported. */
      readonly isPicture: boolean;
    }
  | { readonly type: 'unknown' };

const image = (format: ImageFormat): Sniffed => ({ type: 'image', format });
const video = (format: VideoFormat): Sniffed => ({ type: 'video', format });
const unsupported = (name: string): Sniffed => ({
  type: 'unsupported',
  name,
  reason: `${name} is not supported`,
  isPicture: false,
});
const otherPicture = (name: string): Sniffed => ({
  type: 'unsupported',
  name,
  reason: `${name} is not supported: convert it to JPEG, PNG or AVIF`,
  isPicture: true,
});

type Has = (signature: string, at?: number) => boolean;

export function sniff(head: Uint8Array): Sniffed {
  const has: Has = (signature, at = 0) => {
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
  if (has('ftyp', 4)) return sniffIso(head, has);
  return sniffFilm(head, has) ?? sniffPicture(head, has) ?? sniffRefused(head, has);
}

function sniffFilm(head: Uint8Array, has: Has): Sniffed | undefined {
  if (has('\x1a\x45\xdf\xa3')) return video('matroska');
  if (has('OggS')) return video('ogg');
  if (has('FLV\x01')) return video('flv');
  if (has('\x30\x26\xb2\x75\x8e\x66\xcf\x11')) return video('asf');
  if (has('\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e\x00\x07\xe9\x5e\xad\x8d')) return video('wtv');
  if (has('\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01')) return video('mxf');
  // The header block of a DIF sequence: 60 or 50 fields per second.
  if (has('\x1f\x07\x00\x3f') || has('\x1f\x07\x00\xbf')) return video('dv');
  if (has('DKIF\0\0')) return video('ivf');
  if (has('.RMF\0')) return video('rm');
  if (has('nut/multimedia container\0')) return video('nut');
  if (has('YUV4MPEG2 ')) return video('yuv4mpegpipe');
  if (has('\0\0\x01\xba')) return video('mpeg');
  if (has('\0\0\x01\xb3')) return video('mpegvideo');
  // Byte streams begin with parameter sets or a delimiter.
  if (has('\0\0\0\x01')) {
    const unit = head[4] ?? 0;
    if (unit === 0x67 || unit === 0x27 || unit === 0x09) return video('h264');
    if ((unit === 0x40 || unit === 0x46) && head[5] === 0x01) return video('hevc');
  }
  if (isTransportStream(head)) return video('mpegts');
  // Old QuickTime files start with any of these boxes. A size below 256 MB excludes text that happens to
  // have one of the words there; media data may be larger.
  const isSmall = (head[0] ?? 0xff) < 0x10;
  if (isSmall && ['moov', 'wide', 'free', 'skip', 'pnot'].some((box) => has(box, 4)))
    return video('mov');
  if (has('mdat', 4) && (isSmall || !isText(head))) return video('mov');
  return undefined;
}

/** Packets of 188 bytes, preceded by 4 (cameras) or followed by 16 bytes; the first may be truncated. */
function isTransportStream(head: Uint8Array): boolean {
  // The sync byte is the letter G, which may repeat in text.
  if (isText(head)) return false;
  const WANTED = 5;
  for (const length of [188, 192, 204]) {
    const packets = Math.min(WANTED, Math.floor(head.length / length));
    if (packets < 2) continue;
    for (let start = 0; start < length; start++) {
      let found = 0;
      while (found < packets && head[start + found * length] === 0x47) found++;
      // Two packets, in a short file, must be at the beginning.
      if (found === packets && (found > 2 || start <= 4)) return true;
    }
  }
  return false;
}

/** ISO base media: the brands tell video from picture, and the codec. */
function sniffIso(head: Uint8Array, has: Has): Sniffed {
  const declared = ((head[0] ?? 0) << 24) | ((head[1] ?? 0) << 16) | ((head[2] ?? 0) << 8);
  const size = Math.min((declared | (head[3] ?? 0)) >>> 0, head.length, 512);
  const brands: string[] = [];
  for (let at = 8; at + 4 <= size; at += 4) {
    // Bytes 12 to 15 are the minor version.
    if (at !== 12) brands.push(String.fromCharCode(...head.subarray(at, at + 4)));
  }
  if (brands.includes('avif') || brands.includes('avis')) return image('avif');
  const major = brands[0] ?? '';
  if (/^(heic|heix|hevc|hevx|heim|heis|hevm|hevs)$/.test(major)) return image('heic');
  if (/^(mif1|msf1|mif2|heif)$/.test(major)) {
    const isHevc = brands.some((brand) => brand.startsWith('hei') || brand.startsWith('hev'));
    return isHevc ? image('heic') : otherPicture('this HEIF picture');
  }
  if (has('crx ', 8)) return image('raw');
  if (has('jxl ', 8)) return image('jxl');
  if (has('jp2 ', 8)) return image('jp2');
  return video('mov');
}

/** Pictures other than web formats. */
function sniffPicture(head: Uint8Array, has: Has): Sniffed | undefined {
  if (has('II*\0') || has('MM\0*')) return image(has('CR\x02\0', 8) ? 'raw' : 'tiff');
  if (has('II+\0') || has('MM\0+')) return image('tiff');
  if (has('FUJIFILMCCD-RAW') || has('IIRO') || has('IIRS') || has('MMOR') || has('IIU\0'))
    return image('raw');
  if (has('FOVb') || has('\0MRM')) return image('raw');
  // The size of the second header excludes text that begins with these letters.
  if (has('BM') && [12, 16, 40, 52, 56, 64, 108, 124].includes(head[14] ?? 0) && head[15] === 0)
    return image('bmp');
  if (has('\0\0\0\x0cjP  \r\n\x87\n') || has('\xff\x4f\xff\x51')) return image('jp2');
  if (has('\0\0\0\x0cJXL \r\n\x87\n')) return image('jxl');
  if (has('\xff\x0a') && head.length > 16 && !isText(head.subarray(2))) return image('jxl');
  const isIcon = has('\0\0\x01\0') || has('\0\0\x02\0');
  if (isIcon && (head[4] ?? 0) > 0 && head[5] === 0 && head[9] === 0) return image('ico');
  if (has('8BPS\0\x01')) return image('psd');
  if (has('qoif')) return image('qoi');
  if (has('\x76\x2f\x31\x01')) return image('exr');
  if (has('DDS \x7c\0\0\0')) return image('dds');
  const start = String.fromCharCode(...head.subarray(0, 16));
  if (/^P[1-6]\s+(#|\d)/.test(start))
    return image((['pbm', 'pgm', 'ppm'] as const)[(Number(start[1]) - 1) % 3] ?? 'ppm');
  if (/^P7\n/.test(start)) return image('pam');
  return undefined;
}

/** Known formats without a decoder, with the reason to report. */
function sniffRefused(head: Uint8Array, has: Has): Sniffed {
  if (has('8BPS\0\x02')) return otherPicture('large Photoshop (PSB)');
  if (has('%PDF')) return unsupported('PDF');
  if (has('#?RADIANCE') || has('#?RGBE')) return otherPicture('Radiance HDR');
  const text = String.fromCharCode(...head.subarray(0, 1024)).trimStart();
  if (/^#EXTM3U|^ffconcat|^v=0\r?\n|^\[playlist\]/i.test(text)) return unsupported('a playlist');
  if (/^(\xef\xbb\xbf)?<(\?xml|svg|!doctype|!--|mpd|html)/i.test(text))
    return /<svg[\s>]/i.test(text) ? otherPicture('SVG') : unsupported('XML');
  return { type: 'unknown' };
}

/** True for text in any encoding: no control characters except line breaks. */
export function isText(head: Uint8Array): boolean {
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  return isWide || head.every((byte) => byte >= 32 || (byte >= 8 && byte <= 13) || byte === 27);
}
