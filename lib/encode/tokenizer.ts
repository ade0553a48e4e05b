/**
 * Text -> token ids as the model was trained with: the vocabulary and rules of `tokenizer.json`,
 * cut to the model's length, padded so that a batch is rectangular. Runs in the text worker.
 */
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { makeError, messageOf } from '../errors';
import { isObject, readJsonFile, type JsonObject } from './json-file';

/** The largest in use (multilingual vocabularies) has 17 MB. */
const MAX_TOKENIZER_BYTES = 32 << 20;
const MAX_CONFIG_BYTES = 1 << 20;
/**
 * Longest text looked at, in code points; the rest is cut off before tokenising. 1,024 characters
 * are several times what 77 tokens hold, and bound the work a stranger's query can cause.
 */
export const MAX_TEXT_CODE_POINTS = 1024;

export interface TokenBatch {
  /** Shape [texts, length]. */
  readonly ids: BigInt64Array;
  /** Shape [texts, length]: 1 for tokens, 0 for padding. */
  readonly mask: BigInt64Array;
  readonly length: number;
}

export class TextTokenizer {
  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly maxTokens: number,
    readonly padId: number,
  ) {}

  /** @throws ERR_MODEL_MISSING | ERR_MODEL_INVALID */
  static async load(folder: string, maxTokens: number): Promise<TextTokenizer> {
    const file = path.join(folder, 'tokenizer.json');
    const rules = await readJsonFile(file, MAX_TOKENIZER_BYTES);
    const config = await readJsonFile(path.join(folder, 'tokenizer_config.json'), MAX_CONFIG_BYTES);
    try {
      const tokenizer = new Tokenizer(rules, config);
      return new TextTokenizer(tokenizer, maxTokens, padIdOf(tokenizer, rules, config));
    } catch (cause) {
      throw makeError(
        'ERR_MODEL_INVALID',
        `${file} is not a usable tokenizer: ${messageOf(cause)}`,
        { details: { file }, cause },
      );
    }
  }

  /** Ids of one text with start and end token, at most `maxTokens`; the end token survives the cut. */
  encode(text: string): number[] {
    const { ids } = this.tokenizer.encode(cutText(text));
    if (ids.length <= this.maxTokens) return ids;
    const end = ids[ids.length - 1] as number;
    return [...ids.slice(0, this.maxTokens - 1), end];
  }

  /**
   * Ids of a batch, padded at the end.
   *
   * @param fixedLength length the graph insists on; undefined: the longest text of the batch
   */
  encodeBatch(texts: readonly string[], fixedLength?: number): TokenBatch {
    const rows = texts.map((text) => this.encode(text));
    const length = fixedLength ?? Math.max(...rows.map((row) => row.length));
    const ids = new BigInt64Array(rows.length * length).fill(BigInt(this.padId));
    const mask = new BigInt64Array(rows.length * length);
    rows.forEach((row, i) => {
      row.forEach((id, t) => {
        ids[i * length + t] = BigInt(id);
        mask[i * length + t] = 1n;
      });
    });
    return { ids, mask, length };
  }
}

/** The first 1,024 code points; never half a surrogate pair. */
export function cutText(text: string): string {
  if (text.length <= MAX_TEXT_CODE_POINTS) return text;
  let units = 0;
  for (let points = 0; points < MAX_TEXT_CODE_POINTS && units < text.length; points++) {
    units += (text.codePointAt(units) as number) > 0xffff ? 2 : 1;
  }
  return text.slice(0, units);
}

/**
 * The id that fills short rows. Text towers find the end token as the largest id or by its value, and
 * attend only backwards, so any pad id up to the end token's leaves the embedding as it is; CLIP pads
 * with the end token itself.
 */
function padIdOf(tokenizer: Tokenizer, rules: JsonObject, config: JsonObject): number {
  const padding = rules['padding'];
  if (isObject(padding) && typeof padding['pad_id'] === 'number') return padding['pad_id'];
  const token = config['pad_token'];
  const name = isObject(token) ? token['content'] : token;
  const id = typeof name === 'string' ? tokenizer.token_to_id(name) : undefined;
  return id ?? 0;
}
