/**
 * Parses ffmpeg's description of video streams and selects the main one: others may be covers, thumbnails,
 * previews or disabled tracks. Pure.
 */
import { PRIMARIES, TRANSFER, type ColorSignal } from '../color/signal';

export interface FilmTrack {
  /** Among all streams of the file. */
  readonly index: number;
  readonly codec: string;
  /** As stored, before rotation and pixel aspect. */
  readonly width: number;
  readonly height: number;
  /** Width of a pixel divided by its height. */
  readonly pixelAspect: number;
  readonly fps: number | null;
  /** Marked as default. */
  readonly isDefault: boolean;
  /** Marked as a cover or thumbnail. */
  readonly isStill: boolean;
  readonly bits: number;
  /** Names of ffmpeg; `unknown` if not stated. */
  readonly matrix: string;
  readonly primaries: string;
  readonly transfer: string;
  /** Clockwise rotation for display: 0, 90, 180 or 270. */
  rotation: number;
  /** Has mastering metadata, as only HDR has. */
  hasLightLevels: boolean;
}

/** Size of a decoded picture in filters: upright, pixels not square. */
export interface Shape {
  readonly width: number;
  readonly height: number;
  /** Width of a pixel divided by its height. */
  readonly pixelAspect: number;
}

/** @param text  of the stream's line, after `Video: ` */
export function describeTrack(index: number, text: string): FilmTrack {
  // The size is between commas, unlike `0x31637661` in a codec tag.
  const size = /, (\d+)x(\d+)(?:,? \[?SAR (\d+):(\d+) DAR \d+:\d+\]?)?(?:,|$| \()/.exec(text);
  const [across, down] = [Number(size?.[3] ?? 1), Number(size?.[4] ?? 1)];
  const fps = /, ([\d.]+)(k?) fps/.exec(text);
  const [, format = '', colors = ''] = /^[^,]*, (\w+)(?:\(([^)]*)\))?/.exec(text) ?? [];
  return {
    index,
    codec: /^(\w+)/.exec(text)?.[1] ?? '',
    width: Number(size?.[1] ?? 0),
    height: Number(size?.[2] ?? 0),
    pixelAspect: across > 0 && down > 0 ? across / down : 1,
    fps: fps === null ? null : Number(fps[1]) * (fps[2] === 'k' ? 1000 : 1),
    isDefault: / \(default\)/.test(text),
    isStill: / \((attached pic|timed thumbnails|still image)\)/.test(text),
    bits: Number(/p(9|1[0-6])(le|be)?$/.exec(format)?.[1] ?? 8),
    ...colorsOf(colors),
    rotation: 0,
    hasLightLevels: false,
  };
}

/** `tv, bt2020nc/bt2020/smpte2084`; one name stands for three equal ones. */
function colorsOf(text: string): Pick<FilmTrack, 'matrix' | 'primaries' | 'transfer'> {
  const words = text.split(', ');
  const triple = words.find((word) => word.includes('/'))?.split('/');
  const single = words.find((word) => /^(bt|smpte|gbr)/.test(word));
  const [matrix, primaries, transfer] = triple ?? [single, single, single];
  const known = (word: string | undefined): string => word ?? 'unknown';
  return { matrix: known(matrix), primaries: known(primaries), transfer: known(transfer) };
}

/** Codecs of pictures: beside a video, such a track is its thumbnail. */
const PICTURE_CODECS = new Set(['mjpeg', 'png', 'bmp', 'gif', 'webp', 'tiff']);
/** A track below this share of the largest area is a preview. */
const PREVIEW_AREA = 0.25;

/**
 * Candidates for the main track, best first, as players choose: never covers; thumbnails and previews last;
 * then by default mark, size and order.
 */
export function filmTracks(tracks: readonly FilmTrack[]): FilmTrack[] {
  const films = tracks.filter((track) => !track.isStill);
  const area = ({ width, height }: FilmTrack): number => width * height;
  const largest = Math.max(0, ...films.map(area));
  const hasOther = films.some((track) => !PICTURE_CODECS.has(track.codec));
  const rank = (track: FilmTrack): number[] => [
    Number(hasOther && PICTURE_CODECS.has(track.codec)),
    Number(area(track) < PREVIEW_AREA * largest),
    Number(!track.isDefault),
    -area(track),
    track.index,
  ];
  return [...films].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const at = left.findIndex((value, i) => value !== right[i]);
    return at < 0 ? 0 : (left[at] as number) - (right[at] as number);
  });
}

const PRIMARIES_BY_NAME: Readonly<Record<string, number>> = {
  bt2020: PRIMARIES.bt2020,
  smpte431: PRIMARIES.dciP3,
  smpte432: PRIMARIES.displayP3,
};
const TRANSFER_BY_NAME: Readonly<Record<string, number>> = {
  smpte2084: TRANSFER.pq,
  'arib-std-b67': TRANSFER.hlg,
  linear: TRANSFER.linear,
};

/**
 * The colour signal, if it is not that of plain video. Many files have lost their transfer function: more
 * than 8 bits in BT.2020, or light levels, then mean PQ.
 */
export function signalOfTrack(track: FilmTrack): ColorSignal | undefined {
  const primaries = PRIMARIES_BY_NAME[track.primaries] ?? PRIMARIES.bt709;
  const isUnsaid = track.transfer === 'unknown' || track.transfer === 'reserved';
  const isWide = track.primaries === 'bt2020' || track.matrix.startsWith('bt2020');
  const looksHdr = isUnsaid && ((isWide && track.bits > 8) || track.hasLightLevels);
  if (looksHdr) return { primaries: PRIMARIES.bt2020, transfer: TRANSFER.pq };
  const transfer = TRANSFER_BY_NAME[track.transfer] ?? TRANSFER.bt709;
  if (transfer === TRANSFER.bt709 && primaries === PRIMARIES.bt709) return undefined;
  // PQ and HLG without stated primaries are nearly always BT.2020.
  const isPlainHdr = transfer === TRANSFER.pq || transfer === TRANSFER.hlg;
  return {
    primaries: isPlainHdr && track.primaries === 'unknown' ? PRIMARIES.bt2020 : primaries,
    transfer,
  };
}

/** Without a stated matrix, video with at least this many lines is BT.709, below BT.601. */
const HD_LINES = 720;

/** The matrix to pass to ffmpeg if the file does not state it; else undefined. */
export function matrixOfTrack(track: FilmTrack): string | undefined {
  if (!['unknown', 'reserved'].includes(track.matrix)) return undefined;
  const signal = signalOfTrack(track);
  if (signal !== undefined && signal.primaries === PRIMARIES.bt2020) return 'bt2020';
  const isHd = Math.min(track.width, track.height) >= HD_LINES;
  return isHd && !PICTURE_CODECS.has(track.codec) ? 'bt709' : undefined;
}

/** Size for display: pixels made square, then turned. */
export function uprightSize(track: FilmTrack): { width: number; height: number } {
  const { width, height } = squareSize(track);
  return track.rotation % 180 === 0 ? { width, height } : { width: height, height: width };
}

/** Size with the pixels made square. */
export function squareSize({ width, height, pixelAspect }: Shape): {
  width: number;
  height: number;
} {
  return { width: Math.round(width * pixelAspect), height };
}
