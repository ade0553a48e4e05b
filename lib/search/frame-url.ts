/**
 * The URL of a frame's picture. It contains a version besides the id, so that browsers may cache the
 * picture forever: frame 0 of another library, or of this one deleted and recreated, has another URL even
 * on the same host and port.
 */
import { createHash } from 'node:crypto';
import type { FrameRecord } from '../base/types';

/** Of base64url: 96 bits. */
const LENGTH = 16;

/**
 * Changes whenever the id may mean another picture. Media ids are random 128-bit numbers that no two
 * libraries share, except copies; those differ by the picture's checksum.
 */
export function frameVersion(frame: FrameRecord): string {
  const { frameId, mediaId, timestamp, width, height, crc = null } = frame;
  const what = JSON.stringify([frameId, mediaId, timestamp, width, height, crc]);
  return createHash('sha256').update(what).digest('base64url').slice(0, LENGTH);
}

export const frameUrl = (frame: FrameRecord): string =>
  `/frame/${frame.frameId}/${frameVersion(frame)}`;
