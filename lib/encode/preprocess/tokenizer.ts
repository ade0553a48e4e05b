/**
 * Converts text to token ids with the vocabulary and rules of `tokenizer.json`, truncated to the model's
 * length and padded to a rectangular batch. Runs in the text worker.
 */
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { makeError, messageOf } from '../../base/errors';
import { isObject, readJsonFile, type JsonObject } from '../../models/json-file';

/** The largest in use (multilingual vocabularies) has 17 MB. */
const MAX_TOKENIZER_BYTES = 32 << 20;
/**
 * Least number of code points read; the rest is cut off before tokenizing, which bounds the work that an
 * untrusted query can cause. Several times what 77 tokens hold.
 */
export const MIN_TEXT_CODE_POINTS = 1024;
/** Vocabulary words have about five letters; longer texts reach the token limit first. */
const CODE_POINTS_PER_TOKEN = 32;

export interface TextRule {
  /** Longest text in tokens, with the tokens that begin and end it; the end token survives the cut. */
  readonly maxTokens: number;
  /** Rows are as long as the longest of their batch, or always `maxTokens`. */
  readonly padTo: 'longest' | 'max';
  /** Mask 0 for padding, or 1 everywhere for models that attend to it as they did in training. */
  readonly masksPadding: boolean;
}

export interface TokenBatch {
  /** Shape [texts, length]. */
  readonly ids: BigInt64Array;
  /** Shape [texts, length]: 1 for tokens; padding by the rule. */
  readonly mask: BigInt64Array;
  readonly length: number;
}

export class TextTokenizer {
  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly rule: TextRule,
    readonly padId: number,
  ) {}

  /**
   * The truncation and padding in `tokenizer.json` are ignored: they are whatever was set when it was saved
   * (128 in all-MiniLM-L6-v2, whose authors use 256). The rule decides.
   *
   * @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID
   */
  static async load(folder: string, rule: TextRule): Promise<TextTokenizer> {
    const file = path.join(folder, 'tokenizer.json');
    const rules = await readJsonFile(file, MAX_TOKENIZER_BYTES);
    const config = await readJsonFile(path.join(folder, 'tokenizer_config.json'));
    try {
      const tokenizer = new Tokenizer(rules, config);
      return new TextTokenizer(tokenizer, rule, padIdOf(tokenizer, rules, config));
    } catch (cause) {
      throw makeError(
        'ERR_MODEL_INVALID',
        `${file} is not a usable tokenizer: ${messageOf(cause)}`,
        { details: { file }, cause },
      );
    }
  }

  /** Ids of one text with start and end token, 1 to `maxTokens`; the end token survives the cut. */
  encode(text: string): number[] {
    const { maxTokens } = this.rule;
    const { ids } = this.tokenizer.encode(cutText(text, codePointsFor(maxTokens)));
    // Only for tokenizers without start and end token on an empty text: a row cannot be empty.
    if (ids.length === 0) return [this.padId];
    if (ids.length <= maxTokens) return ids;
    const end = ids[ids.length - 1] as number;
    return [...ids.slice(0, maxTokens - 1), end];
  }

  /**
   * Ids of a batch, padded at the end.
   *
   * @param fixedLength length that the graph requires; undefined: by the rule
   */
  encodeBatch(texts: readonly string[], fixedLength?: number): TokenBatch {
    const { padTo, maxTokens, masksPadding } = this.rule;
    const rows = texts.map((text) => this.encode(text));
    const longest = (): number => Math.max(...rows.map((row) => row.length));
    const length = fixedLength ?? (padTo === 'max' ? maxTokens : longest());
    const ids = new BigInt64Array(rows.length * length).fill(BigInt(this.padId));
    const mask = new BigInt64Array(rows.length * length).fill(masksPadding ? 0n : 1n);
    rows.forEach((row, i) => {
      row.forEach((id, t) => {
        ids[i * length + t] = BigInt(id);
        mask[i * length + t] = 1n;
      });
    });
    return { ids, mask, length };
  }
}

/** Code points to read for so many tokens. */
export function codePointsFor(maxTokens: number): number {
  return Math.max(MIN_TEXT_CODE_POINTS, CODE_POINTS_PER_TOKEN * maxTokens);
}

/**
 * The first `most` code points, never half a surrogate pair. Lone surrogates become U+FFFD, as in any UTF-8
 * conversion, so the same text gives the same vector whatever way it arrived.
 */
export function cutText(text: string, most: number): string {
  let units = text.length;
  if (text.length > most) {
    units = 0;
    for (let points = 0; points < most && units < text.length; points++) {
      units += (text.codePointAt(units) as number) > 0xffff ? 2 : 1;
    }
  }
  return text.slice(0, units).replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * The padding id. Text towers find the end token as the largest id or by its value and attend only
 * backwards, so any pad id up to the end token's leaves the embedding unchanged; CLIP pads with the end
 * token.
 */
function padIdOf(tokenizer: Tokenizer, rules: JsonObject, config: JsonObject): number {
  const padding = rules['padding'];
  if (isObject(padding) && typeof padding['pad_id'] === 'number') return padding['pad_id'];
  const token = config['pad_token'];
  const name = isObject(token) ? token['content'] : token;
  const id = typeof name === 'string' ? tokenizer.token_to_id(name) : undefined;
  return id ?? 0;
}
