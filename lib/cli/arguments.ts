/** Routes the arguments before commander sees them: a bare string is a search, a mistyped verb is not. */

export const VERBS = [
  'sync',
  'ingest',
  'index',
  'search',
  'serve',
  'stats',
  'verify',
  'backup',
  'sql',
  'doctor',
  'setup',
  'models',
  'embed',
  'demo',
  'exr',
  'bench',
  'config',
] as const;

const isVerb = (word: string): boolean => (VERBS as readonly string[]).includes(word);

export type Routed =
  | { readonly args: readonly string[] }
  /** The verb that the first word is a typo of, or means: ask instead of indexing and searching. */
  | { readonly meant: string };

/** Words of other programs -> the verb here. */
const SYNONYMS: Readonly<Record<string, (typeof VERBS)[number]>> = {
  add: 'sync',
  check: 'verify',
  download: 'models',
  find: 'search',
  import: 'sync',
  info: 'stats',
  init: 'sync',
  install: 'models',
  pull: 'models',
  query: 'search',
  rebuild: 'index',
  reindex: 'index',
  repair: 'verify',
  scan: 'sync',
  server: 'serve',
  settings: 'config',
  start: 'serve',
  status: 'stats',
  update: 'sync',
  web: 'serve',
};

/**
 * Prepends `search` if the arguments start with a query instead of a verb:
 * `sightline "red car" ~/Videos` and `sightline -k 5 "red car"` are searches.
 */
export function routeArguments(args: readonly string[]): Routed {
  const first = args[0];
  if (first === undefined || isVerb(first) || first === 'help') return { args };
  if (first.startsWith('-')) {
    const asksAboutItself = ['-h', '--help', '-V', '--version'].includes(first);
    return asksAboutItself || args.some(isVerb) ? { args } : { args: ['search', ...args] };
  }
  // Object.hasOwn: `constructor` is a query like any other.
  const synonym = Object.hasOwn(SYNONYMS, first) ? SYNONYMS[first] : undefined;
  const meant = synonym ?? VERBS.find((verb) => isOneSlipAway(first, verb));
  return meant === undefined ? { args: ['search', ...args] } : { meant };
}

/** True for an edit distance of 1: one letter inserted, deleted or changed, or two neighbours swapped. */
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
