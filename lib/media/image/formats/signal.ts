/**
 * Colour code points of ITU-T H.273, which libvips does not read: the `cICP` chunk of PNG, the `nclx` box
 * of AVIF and HEIC, the `cicp` tag of ICC profiles.
 */
import type { ColorSignal } from '../../color/signal';
import { primaryItem } from './bmff';

/** From the file's own boxes or chunks. */
export function signalOf(format: string, bytes: Uint8Array): ColorSignal | undefined {
  if (format === 'png') return fromPng(bytes);
  if (format === 'avif' || format === 'heic') return primaryItem(bytes)?.color;
  return undefined;
}

function fromPng(bytes: Uint8Array): ColorSignal | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Colour chunks precede the first IDAT.
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    if (type === 0x49444154 || length > bytes.length - at - 12) return undefined;
    if (type === 0x63494350 && length === 4)
      return { primaries: view.getUint8(at + 8), transfer: view.getUint8(at + 9) };
    at += 12 + length;
  }
  return undefined;
}

/** From the `cicp` tag of an ICC profile (version 4.4). */
export function signalOfProfile(profile: Uint8Array | undefined): ColorSignal | undefined {
  if (profile === undefined || profile.length < 132) return undefined;
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  const tags = Math.min(view.getUint32(128), 256);
  for (let i = 0; i < tags; i++) {
    const at = 132 + 12 * i;
    if (at + 12 > profile.length) return undefined;
    if (view.getUint32(at) !== 0x63696370) continue;
    const place = view.getUint32(at + 4);
    return place <= profile.length - 12
      ? { primaries: view.getUint8(place + 8), transfer: view.getUint8(place + 9) }
      : undefined;
  }
  return undefined;
}
