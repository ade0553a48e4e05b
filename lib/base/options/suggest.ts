/** Suggests the option meant by an unknown name. Pure. */
import { makeError, type LibraryError } from '../errors';

/**
 * Names that other engines and databases use for our options (docs: STYLE, "Words"); the first match wins.
 */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  beam: ['efSearch'],
  connectivity: ['M'],
  count: ['k'],
  degree: ['M'],
  dimension: ['dim'],
  dimensions: ['dim'],
  distance: ['metric', 'threshold'],
  ef: ['efSearch'],
  effort: ['efSearch'],
  expansion: ['efSearch'],
  expansionadd: ['efConstruction'],
  expansionsearch: ['efSearch'],
  file: ['path'],
  folder: ['path', 'dir'],
  glob: ['path'],
  ids: ['keys'],
  id: ['frame', 'key'],
  img: ['image'],
  kind: ['type'],
  labels: ['keys'],
  library: ['dir'],
  like: ['frame'],
  limit: ['k', 'topK'],
  maxdistance: ['threshold'],
  n: ['k'],
  nprobe: ['efSearch'],
  photo: ['image'],
  picture: ['image'],
  progress: ['onProgress'],
  q: ['text'],
  query: ['text'],
  quantization: ['storage'],
  prompt: ['text'],
  score: ['minSimilarity'],
  similarity: ['minSimilarity'],
  size: ['k', 'dim'],
  space: ['metric'],
  top: ['k', 'topK'],
  topk: ['k', 'topK'],
  ttl: ['ttlSeconds'],
  where: ['filter', 'filters'],
};

/** Most typos are in case, `_` and `-`. */
const plain = (name: string): string => name.replace(/[-_]/g, '').toLowerCase();

/** Names are compared up to this length, because the cost is quadratic. */
const MAX_LENGTH = 64;

/** The entry of `allowed` that `name` most likely means. */
export function suggest(name: string, allowed: readonly string[]): string | undefined {
  if (name === '' || name.length > MAX_LENGTH) return undefined;
  const wanted = plain(name);
  const same = allowed.find((candidate) => plain(candidate) === wanted);
  if (same !== undefined) return same;
  const other = Object.hasOwn(SYNONYMS, wanted) ? (SYNONYMS[wanted] ?? []) : [];
  const known = other.find((candidate) => allowed.includes(candidate));
  if (known !== undefined) return known;
  let best: string | undefined;
  // A third of the letters may differ; with one or two letters, none.
  let least = Math.floor(wanted.length / 3) + 1;
  for (const candidate of allowed) {
    const steps = distance(wanted, plain(candidate));
    if (steps >= least) continue;
    least = steps;
    best = candidate;
  }
  return best ?? beginning(wanted, allowed);
}

/** `similarity` for `minSimilarity`, `filters` for `filter`: one contains the other. */
function beginning(wanted: string, allowed: readonly string[]): string | undefined {
  if (wanted.length < 4) return undefined;
  return allowed.find((candidate) => {
    const name = plain(candidate);
    return name.includes(wanted) || (name.length >= 4 && wanted.includes(name));
  });
}

/** Edits (insert, delete, replace, swap neighbors) between two names: optimal string alignment distance. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let steps = Math.min(change, (last[j] as number) + 1, (row[j - 1] as number) + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) steps = Math.min(steps, (before[j - 2] as number) + 1);
      row.push(steps);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}

/** The error for an unknown name; the message has no final full stop. */
export function unknownName(owner: string, name: string, allowed: readonly string[]): LibraryError {
  const meant = suggest(name, allowed);
  const names = allowed.length === 0 ? 'none' : allowed.join(', ');
  const remedy = meant === undefined ? `it takes ${names}` : `did you mean "${meant}"?`;
  const shown = JSON.stringify(name.slice(0, MAX_LENGTH));
  return makeError('ERR_ARG_TYPE', `${owner} has no ${shown}: ${remedy}`, {
    details: { name, allowed: [...allowed], ...(meant === undefined ? {} : { suggestion: meant }) },
  });
}
