/** The two embeddings of a file, in the versions there are. */
import { MAX_DIM } from '../../base/limits';
import { checkInteger, outOfRange, readOptions, type OptionRules } from '../../base/options';
import { checkChannels, checkPayload, type ChannelLike, type PayloadLike } from './input';
import { channelsV1, metadataV1 } from './v1';
import { channelsV2, metadataV2 } from './v2';

/** 1: features and a digest. 2: every field for itself. Vectors of two versions are not to be compared. */
export type ExrEmbeddingVersion = 1 | 2;

export const EXR_EMBEDDING_VERSIONS: readonly ExrEmbeddingVersion[] = [1, 2];
export const METADATA_DIM = 384;
export const CHANNELS_DIM = 128;

export interface ExrEmbeddingOptions {
  /** Default 1. */
  readonly version?: ExrEmbeddingVersion;
}

const OPTIONS: OptionRules<ExrEmbeddingOptions> = {
  version: (name, value) => {
    if (value === 1 || value === 2) return value;
    throw outOfRange(name, '1 or 2', value);
  },
};

/**
 * What a file is, as a vector: compare with cosine.
 *
 * The same payload gives the same bytes on every machine. Version 1 hashes the whole payload, `file.path` with it; version 2 does
 * not read the path.
 *
 * @param payload  of `inspectExr`, or any object with `file`, `channels` and `parts`
 * @param dim  1 to 8192
 * @returns shape [dim], unit length, newly allocated
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export function computeMetadataEmbedding(
  payload: PayloadLike,
  dim = METADATA_DIM,
  options: ExrEmbeddingOptions = {},
): Float32Array {
  const { version = 1 } = readOptions('options', options, OPTIONS);
  checkInteger('dim', dim, 1, MAX_DIM);
  checkPayload(payload);
  return (version === 1 ? metadataV1 : metadataV2)(payload, dim);
}

/**
 * Which channels a file has, as a vector: compare with the euclidean distance. The order of the list does not matter.
 *
 * @param channels  of a payload; none gives the uniform vector
 * @param dim  1 to 8192
 * @returns shape [dim], unit length, newly allocated
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE
 */
export function computeChannelFingerprint(
  channels: readonly ChannelLike[],
  dim = CHANNELS_DIM,
  options: ExrEmbeddingOptions = {},
): Float32Array {
  const { version = 1 } = readOptions('options', options, OPTIONS);
  checkInteger('dim', dim, 1, MAX_DIM);
  checkChannels('channels', channels);
  return (version === 1 ? channelsV1 : channelsV2)(channels, dim);
}
