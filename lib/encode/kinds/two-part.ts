/** The text vector of spec 001: one half for the metadata of a video, one half for its transcript. */
import { readOptions, STRING, type OptionRules } from '../../base/options';
import type { EncodeOptions, SentenceEncoder } from '../encoder';

/** Texts about a video; absent ones count as empty. */
export interface TwoPartText {
  readonly title?: string;
  readonly description?: string;
  /** The search that found it. */
  readonly query?: string;
  readonly transcript?: string;
}

const TWO_PART: OptionRules<TwoPartText> = {
  title: STRING,
  description: STRING,
  query: STRING,
  transcript: STRING,
};

const SEPARATOR = ' [SEP] ';

/**
 * Joins title, description and query with ` [SEP] `, the separator token of BERT tokenizers. Empty fields
 * keep their position, so that the same words in another field give another text.
 */
export function metaText({ title = '', description = '', query = '' }: TwoPartText): string {
  return [title, description, query].join(SEPARATOR);
}

/**
 * `[meta || transcript]`: both are encoded separately as unit vectors, concatenated, and scaled to unit
 * length. Without a transcript its half is the vector of the empty text, so that all vectors have one
 * layout.
 *
 * @returns shape [items.length, 2 * encoder.dim] (768 for MiniLM), unit rows, newly allocated
 * @throws what `encoder.encode` throws; ERR_ARG_TYPE for fields that are not strings
 */
export async function encodeTwoPart(
  encoder: Pick<SentenceEncoder, 'dim' | 'encode'>,
  items: readonly TwoPartText[],
  options?: EncodeOptions,
): Promise<Float32Array> {
  items.forEach((item, i) => readOptions(`items[${i}]`, item, TWO_PART));
  const texts = items.flatMap((item) => [metaText(item), item.transcript ?? '']);
  // In one call, meta and transcript alternating: rows 2i and 2i + 1 are adjacent.
  const vectors = await encoder.encode(texts, options);
  const scale = Math.SQRT1_2;
  for (let i = 0; i < vectors.length; i++) vectors[i] = (vectors[i] as number) * scale;
  return vectors;
}
