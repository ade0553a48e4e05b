/** The text vector of spec 001: one half what is written about a video, one half what is said in it. */
import { readOptions, STRING, type OptionRules } from '../../base/options';
import type { EncodeOptions, SentenceEncoder } from '../encoder';

/** What is known of a video; what is absent counts as empty. */
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
 * The template: title, description and query in this order, between them ` [SEP] `, which tokenizers
 * of the BERT family read as their separator token. Empty fields keep their place, so that the same
 * words in another field give another text.
 */
export function metaText({ title = '', description = '', query = '' }: TwoPartText): string {
  return [title, description, query].join(SEPARATOR);
}

/**
 * `[meta || transcript]`: both encoded apart, of unit length each, one behind the other, and the
 * whole brought to unit length again. Without a transcript its half is the encoder's vector of the
 * empty text, so that all vectors have the same form.
 *
 * @returns shape [items.length, 2 * encoder.dim] (768 for MiniLM), unit rows, newly allocated
 * @throws what `encoder.encode` throws; ERR_ARG_TYPE for fields that are no strings
 */
export async function encodeTwoPart(
  encoder: Pick<SentenceEncoder, 'dim' | 'encode'>,
  items: readonly TwoPartText[],
  options?: EncodeOptions,
): Promise<Float32Array> {
  items.forEach((item, i) => readOptions(`items[${i}]`, item, TWO_PART));
  const texts = items.flatMap((item) => [metaText(item), item.transcript ?? '']);
  // In one call, meta and transcript alternating: rows 2i and 2i + 1 stand side by side already.
  const vectors = await encoder.encode(texts, options);
  const scale = Math.SQRT1_2;
  for (let i = 0; i < vectors.length; i++) vectors[i] = (vectors[i] as number) * scale;
  return vectors;
}
