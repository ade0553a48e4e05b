/** Names of cached embeddings: kind, and a hash over the model and the input. */
import { createHash } from 'node:crypto';
import type { ModelIdentity } from '../../types';

export type EmbeddingKind = 'instruction' | 'image';

/**
 * `embedding:instruction:{hash}` or `embedding:image:{hash}` (the names of spec 002); 64 hexadecimal
 * digits of SHA-256. The model's weights and preprocessing are hashed too, so that what one model
 * made is never given out for another.
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

/** Whether `key` matches `pattern`, in which only `*` has a meaning. */
export function matcherOf(pattern: string): (key: string) => boolean {
  const literal = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${literal.join('.*')}$`, 's');
  return (key) => expression.test(key);
}
