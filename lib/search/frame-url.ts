/**
 * The address of a frame's picture. It holds a version beside the id, so that a browser may keep the
 * picture for good: frame 0 of another library, or of this one deleted and made again, has another
 * address although it may be served at the same host and port.
 */
import { createHash } from 'node:crypto';
import type { FrameRecord } from '../base/types';

/** Of base64url: 96 bits. */
const LENGTH = 16;

/**
 * Changes whenever the id may stand for another picture. Ids of media are random numbers of 128 bits that
 * no two libraries share, unless one is a copy of the other; then it is the checksum that tells them apart.
 */
export function frameVersion(frame: FrameRecord): string {
  const { frameId, mediaId, timestamp, width, height, crc = null } = frame;
  const what = JSON.stringify([frameId, mediaId, timestamp, width, height, crc]);
  return createHash('sha256').update(what).digest('base64url').slice(0, LENGTH);
}

export const frameUrl = (frame: FrameRecord): string =>
  `/frame/${frame.frameId}/${frameVersion(frame)}`;
