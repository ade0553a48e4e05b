/** `exr embed`: both vectors of each file as JSON, or the vectors of one space as a .npy file. */
import path from 'node:path';
import { writeVectors } from '../../../engine';
import {
  CHANNELS_DIM,
  computeChannelFingerprint,
  computeMetadataEmbedding,
  METADATA_DIM,
  type ExrEmbeddingVersion,
} from '../../../exr';
import { EXIT, type ExitCode } from '../../exit-codes';
import type { Io } from '../../output/io';
import type { Flags } from '../../session';
import { checkForms, inspectFiles } from './files';

export async function runExrEmbed(
  words: readonly string[],
  flags: Flags,
  io: Io,
): Promise<ExitCode> {
  checkForms(flags, io);
  // Commander has checked the choice.
  const version = Number(flags.embeddingVersion) as ExrEmbeddingVersion;
  const npy = flags.npy as string | undefined;
  const isMetadata = flags.by !== 'channels';
  const results: object[] = [];
  const rows: Float32Array[] = [];
  let failures = 0;
  for await (const outcome of inspectFiles(words, io)) {
    let line: object = outcome;
    if ('error' in outcome) failures++;
    else {
      const { file, payload } = outcome;
      const metadata = computeMetadataEmbedding(payload, METADATA_DIM, { version });
      const channels = computeChannelFingerprint(payload.channels, CHANNELS_DIM, { version });
      if (npy === undefined)
        line = {
          file,
          metadata_embedding: Array.from(metadata),
          channel_fingerprint: Array.from(channels),
        };
      else line = { file, row: rows.push(isMetadata ? metadata : channels) - 1 };
    }
    if (io.isJson) results.push(line);
    else if (!('error' in outcome) || flags.ndjson === true) io.line(JSON.stringify(line));
  }
  if (npy !== undefined) await writeRows(npy, rows, isMetadata ? METADATA_DIM : CHANNELS_DIM);
  if (io.isJson) io.json({ embedding_version: version, files: results });
  return failures > 0 ? EXIT.partial : EXIT.ok;
}

/** Row i belongs to the file printed with `row: i`. */
async function writeRows(file: string, rows: readonly Float32Array[], dim: number): Promise<void> {
  const data = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => data.set(row, i * dim));
  await writeVectors(path.resolve(file), data, dim, { format: 'npy' });
}
