/** Cache keys: kind, and a hash over the model and the input. */
import { createHash } from 'node:crypto';
import { number } from '../../base/options';
import type { ModelIdentity } from '../../base/types';

export type EmbeddingKind = 'instruction' | 'image';

/**
 * `embedding:instruction:{hash}` or `embedding:image:{hash}` (the names of spec 002); 64 hexadecimal digits
 * of SHA-256. The hash covers the model's weights and preprocessing, so that entries of one model are never
 * used for another.
 */
export function cacheKey(
  kind: EmbeddingKind,
  model: ModelIdentity,
  input: string | Uint8Array,
): string {
  const hash = createHash('sha256');
  // Lengths are fixed or told, so that no two pairs run into the same bytes.
  hash.update(`${model.sha256}\n${model.preprocessVersion}\n${model.id}\n`);
  hash.update(input);
  return `embedding:${kind}:${hash.digest('hex')}`;
}

const PREFIX = 'embedding:';

/** The pattern with the prefix that all keys have, and no two `*` in a row. */
export function wholePattern(pattern: string): string {
  const whole = pattern.startsWith(PREFIX) ? pattern : PREFIX + pattern;
  return whole.replace(/\*+/g, '*');
}

/** Whether a key matches `pattern`, in which only `*` has a meaning. Time: the lengths' product at most. */
export function matcherOf(pattern: string): (key: string) => boolean {
  const [first = '', ...rest] = wholePattern(pattern).split('*');
  const last = rest.pop();
  return (key) => {
    if (last === undefined) return key === first;
    if (!key.startsWith(first)) return false;
    let at = first.length;
    // The first match of each part is the best: it leaves most for the following parts.
    for (const part of rest) {
      const found = key.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return key.length >= at + last.length && key.endsWith(last);
  };
}

/** Seconds that something can be kept for: a millisecond to a century. */
export const TTL_SECONDS = number(0.001, 3_155_760_000);

/** @throws ERR_ARG_TYPE | ERR_ARG_RANGE */
export function checkTtl(ttlSeconds: number | undefined): number | undefined {
  return ttlSeconds === undefined ? undefined : TTL_SECONDS('ttlSeconds', ttlSeconds);
}
