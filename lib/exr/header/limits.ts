/** How much of a header is read before a file is refused with ERR_MEDIA_LIMIT. Real headers have a few kilobytes. */
import { integer, type OptionRules } from '../../base/options';

export interface ExrLimits {
  /** Bytes of all headers of a file together (default 32 MiB). */
  readonly maxHeaderBytes?: number;
  /** Bytes of one attribute: previews and manifests are the large ones (default 16 MiB). */
  readonly maxAttributeBytes?: number;
  /** Attributes of all parts together (default 65,536). */
  readonly maxAttributes?: number;
  /** Channels of all parts together (default 16,384). */
  readonly maxChannels?: number;
  /** Parts of a file (default 4,096). */
  readonly maxParts?: number;
  /** Bytes of an attribute whose value is kept in the payload; of larger ones, type and size (default 64 KiB). */
  readonly maxValueBytes?: number;
}

export const DEFAULT_EXR_LIMITS: Required<ExrLimits> = {
  maxHeaderBytes: 32 * 2 ** 20,
  maxAttributeBytes: 16 * 2 ** 20,
  maxAttributes: 65_536,
  maxChannels: 16_384,
  maxParts: 4096,
  maxValueBytes: 65_536,
};

const COUNT = integer(1, 2 ** 31 - 1);

export const EXR_LIMIT_RULES: OptionRules<ExrLimits> = {
  maxHeaderBytes: COUNT,
  maxAttributeBytes: COUNT,
  maxAttributes: COUNT,
  maxChannels: COUNT,
  maxParts: COUNT,
  maxValueBytes: COUNT,
};

/** Longest name of an attribute, a type or a channel, in bytes: that of files with the flag for long names. */
export const MAX_NAME_BYTES = 255;
