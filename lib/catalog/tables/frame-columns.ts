/** Frames as rows of SQLite: the query that joins their media files, and the checked conversion. */
import { asFrameId, type FrameRecord, type MediaId } from '../../base/types';
import { assertChecksum, type Column } from '../sqlite/checksum';
import type { IngestedFrame } from '../records';
import type { SqlRow } from '../sqlite/sqlite';
import { toIdentity } from './media-table';

/** Frames with their media files, `more` columns and `joins`, which follow `frames f`. */
export const frameQuery = (more?: string, joins = ''): string =>
  `SELECT f.frame_id, f.media_id, f.timestamp, f.width, f.height, f.jpeg_crc, f.checksum, m.kind,
     m.path, m.identity_checksum${more === undefined ? '' : `, ${more}`}
   FROM frames f JOIN media m ON m.media_id = f.media_id ${joins}`;

/** Version 2 kept no checksum of the picture. */
export const columnsOf = (frame: IngestedFrame, mediaId: MediaId): Column[] => [
  frame.frameId,
  mediaId,
  frame.timestamp,
  frame.width,
  frame.height,
  ...(frame.crc === undefined ? [] : [frame.crc]),
];

/** Of a row of `frameQuery`. @throws ERR_CATALOG when a checksum does not fit the columns */
export function toFrame(row: SqlRow): FrameRecord {
  const { mediaId, path, kind } = toIdentity(row);
  const frame: IngestedFrame = {
    frameId: asFrameId(Number(row.frame_id)),
    timestamp: row.timestamp as number | null,
    width: Number(row.width),
    height: Number(row.height),
  };
  const crc = row.jpeg_crc === null ? {} : { crc: Number(row.jpeg_crc) };
  assertChecksum(columnsOf({ ...frame, ...crc }, mediaId), row.checksum, `frame ${frame.frameId}`);
  return { ...frame, ...crc, mediaId, kind, mediaPath: path };
}
