/**
 * Preprocesses the arguments for commander: a bare quoted string is a search, a mistyped verb is not. Pure
 * functions.
 */

export const VERBS = [
  'sync',
  'ingest',
  'index',
  'search',
  'serve',
  'stats',
  'verify',
  'backup',
  'doctor',
  'setup',
  'models',
  'embed',
  'demo',
  'bench',
  'config',
] as const;

const isVerb = (word: string): boolean => (VERBS as readonly string[]).includes(word);

export type Routed =
  | { readonly args: readonly string[] }
  /** The first word is one typo away from this verb: ask instead of searching (and indexing). */
  | { readonly meant: string };

/**
 * Puts `search` in front when the words start with a query instead of a verb.
 * `sightline "red car" ~/Videos` and `sightline -k 5 "red car"` are searches.
 */
export function routeArguments(args: readonly string[]): Routed {
  const first = args[0];
  if (first === undefined || isVerb(first) || first === 'help') return { args };
  if (first.startsWith('-')) {
    const asksAboutItself = ['-h', '--help', '-V', '--version'].includes(first);
    return asksAboutItself || args.some(isVerb) ? { args } : { args: ['search', ...args] };
  }
  const meant = args.length <= 2 ? VERBS.find((verb) => isOneSlipAway(first, verb)) : undefined;
  return meant === undefined ? { args: ['search', ...args] } : { meant };
}

/** One letter too many, too few, changed, or two neighbours swapped. */
export function isOneSlipAway(word: string, target: string): boolean {
  if (word === target || Math.abs(word.length - target.length) > 1) return false;
  let start = 0;
  while (start < word.length && word[start] === target[start]) start++;
  const rest = (text: string, skip: number): string => text.slice(start + skip);
  return (
    rest(word, 1) === rest(target, 1) ||
    rest(word, 1) === rest(target, 0) ||
    rest(word, 0) === rest(target, 1) ||
    (word[start] === target[start + 1] &&
      word[start + 1] === target[start] &&
      rest(word, 2) === rest(target, 2))
  );
}
