/**
 * The views that SQL sees, over the catalog's tables. Their columns are the interface: docs/guide/SQL.md lists them. Columns that
 * begin with `__` stand for a vector in calls of DISTANCE, see `vectors.ts`.
 */
import { CHANNELS, METADATA } from './vectors';

export const VIEW_NAMES: ReadonlySet<string> = new Set([
  'files',
  'parts',
  'channels',
  'frames',
  'media',
  'embeddings',
]);

const FILE_COLUMNS = `
  f.file_id, f.media_id, f.path AS file_path, fold_path(f.path) AS file_path_normalized, f.size_bytes,
  strftime('%Y-%m-%dT%H:%M:%fZ', f.mtime_ms / 1000.0, 'unixepoch') AS modified_at,
  f.multipart_count, f.channel_count, f.is_tiled, f.is_deep, f.is_multiview`;

const VECTORS = `
  v.version AS embedding_version, v.schema_version, f.inspector_version, v.metadata_embedding, v.channel_fingerprint,
  f.file_id * 4 + ${METADATA} AS __metadata_embedding, f.file_id * 4 + ${CHANNELS} AS __channel_fingerprint`;

/**
 * @param version  of the embeddings that `files` and `channels` show
 * @param narrowed  the view whose rows are in the table `__candidates`
 */
export function viewsOf(version: number, narrowed: 'files' | undefined): string {
  const joined = `LEFT JOIN main.exr_vectors v ON v.version = ${version} AND v.file_id = f.file_id`;
  const from =
    narrowed === 'files'
      ? `FROM temp.__candidates n CROSS JOIN main.exr_files f ON f.file_id = n.id ${joined}`
      : `FROM main.exr_files f ${joined}`;
  return `
CREATE TEMP VIEW files AS SELECT ${FILE_COLUMNS}, ${VECTORS} ${from} WHERE f.payload IS NOT NULL;

CREATE TEMP VIEW embeddings AS SELECT f.file_id, f.path AS file_path, v.version AS embedding_version,
  v.schema_version, v.metadata_embedding, v.channel_fingerprint
  FROM main.exr_vectors v JOIN main.exr_files f ON f.file_id = v.file_id;

CREATE TEMP VIEW parts AS SELECT f.file_id * 65536 + p.key AS part_id, f.file_id, f.path AS file_path, p.key AS part_index,
  p.value ->> 'name' AS part_name, p.value ->> 'type' AS type, p.value ->> 'compression' AS compression,
  p.value ->> 'is_tiled' AS is_tiled, p.value ->> 'is_deep' AS is_deep, p.value ->> 'view' AS view,
  (p.value ->> '$.data_window.x_max') - (p.value ->> '$.data_window.x_min') + 1 AS width,
  (p.value ->> '$.data_window.y_max') - (p.value ->> '$.data_window.y_min') + 1 AS height,
  p.value -> 'data_window' AS data_window, p.value -> 'display_window' AS display_window,
  p.value ->> 'pixel_aspect_ratio' AS pixel_aspect_ratio, p.value ->> 'line_order' AS line_order,
  p.value ->> 'channel_count' AS channel_count, p.value -> 'attributes' AS attributes
  FROM main.exr_files f JOIN json_each(f.payload, '$.parts') p WHERE f.payload IS NOT NULL;

CREATE TEMP VIEW channels AS SELECT f.file_id * 65536 + c.key AS channel_id,
  f.file_id * 65536 + (c.value ->> 'part_index') AS part_id, f.file_id, f.path AS file_path,
  c.value ->> 'part_index' AS part_index, c.value ->> 'name' AS channel_name, c.value ->> 'layer' AS layer,
  c.value ->> 'view' AS view, c.value ->> 'type' AS type, c.value ->> 'x_sampling' AS x_sampling,
  c.value ->> 'y_sampling' AS y_sampling, c.value ->> 'p_linear' AS p_linear,
  v.channel_fingerprint, f.file_id * 4 + ${CHANNELS} AS __channel_fingerprint
  FROM main.exr_files f JOIN json_each(f.payload, '$.channels') c ${joined} WHERE f.payload IS NOT NULL;

CREATE TEMP VIEW media AS SELECT m.media_id, m.path, m.kind, m.size_bytes,
  strftime('%Y-%m-%dT%H:%M:%fZ', m.mtime_ms / 1000.0, 'unixepoch') AS modified_at, m.content_hash AS sha256,
  m.state, m.code, m.reason, m.width, m.height, m.captured_at
  FROM main.media m;

CREATE TEMP VIEW frames AS SELECT f.frame_id, f.media_id, m.path AS media_path, m.kind, f.timestamp, f.width, f.height,
  EXISTS (SELECT 1 FROM main.frame_rows r JOIN main.spaces s ON s.name = r.space AND s.state = 'active'
    WHERE r.frame_id = f.frame_id) AS is_searchable
  FROM main.frames f JOIN main.media m ON m.media_id = f.media_id;`;
}
