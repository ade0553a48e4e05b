/**
 * Picks ffmpeg's demuxer for an audio file by its first bytes. The demuxer is forced, so a playlist or
 * script named like audio never reaches a demuxer that would follow it.
 */
import { sniff, type VideoFormat } from './sniff';

export type AudioFormat = 'wav' | 'w64' | 'aiff' | 'flac' | 'mp3' | 'aac' | 'caf' | VideoFormat;

export interface SniffedAudio {
  readonly format: AudioFormat;
  /** Decoder to force if ffmpeg would choose a wrong one. */
  readonly decoder?: string;
}

/** Includes video containers; undefined for other files. */
export function sniffAudio(head: Uint8Array): SniffedAudio | undefined {
  const text = (from: number, to: number): string =>
    String.fromCharCode(...head.subarray(from, Math.min(to, head.length)));
  if (text(0, 4) === 'RIFX' && text(8, 12) === 'WAVE') return bigEndianWav(head);
  if (/^(RIFF|RF64)$/.test(text(0, 4)) && text(8, 12) === 'WAVE') return { format: 'wav' };
  if (text(0, 4) === 'riff' && text(24, 28) === 'wave') return { format: 'w64' };
  if (text(0, 4) === 'FORM' && /^AIF[FC]$/.test(text(8, 12))) return { format: 'aiff' };
  if (text(0, 4) === 'fLaC') return { format: 'flac' };
  if (text(0, 4) === 'caff') return { format: 'caf' };
  // An ID3 tag nearly always precedes MP3; the demuxer searches for frames after it.
  if (text(0, 3) === 'ID3') return { format: 'mp3' };
  const [first = 0, second = 0] = head;
  // Twelve sync bits; then the layer, 0 in AAC and 1 to 3 in MPEG audio.
  if (first === 0xff && (second & 0xf6) === 0xf0) return { format: 'aac' };
  if (first === 0xff && (second & 0xe0) === 0xe0 && (second & 0x06) !== 0) return { format: 'mp3' };
  const found = sniff(head);
  return found.type === 'video' ? { format: found.format } : undefined;
}

/**
 * RIFX is big-endian WAV. ffmpeg (5.1) reads its samples in the wrong byte order, which gives noise without
 * an error, so the decoder is forced.
 */
function bigEndianWav(head: Uint8Array): SniffedAudio | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const FMT = 0x666d7420;
  for (let at = 12; at + 24 <= head.length;) {
    const size = view.getUint32(at + 4);
    if (view.getUint32(at) === FMT) {
      const decoder = BIG_ENDIAN[`${view.getUint16(at + 8)} ${view.getUint16(at + 22)}`];
      return decoder === undefined ? undefined : { format: 'wav', decoder };
    }
    // Chunks are padded to even lengths.
    at += 8 + size + (size % 2);
  }
  return undefined;
}

/** By format (1 integer, 3 float) and bits per sample. */
const BIG_ENDIAN: Readonly<Record<string, string>> = {
  '1 8': 'pcm_u8',
  '1 16': 'pcm_s16be',
  '1 24': 'pcm_s24be',
  '1 32': 'pcm_s32be',
  '3 32': 'pcm_f32be',
  '3 64': 'pcm_f64be',
};
