/**
 * A path pattern in the syntax of `.gitignore`:
 *
 * - without a slash it matches a name at any depth; with a slash at the start or inside it is anchored at
 * the root; with a slash at the end it matches folders only
 * - `*` matches any part of a name, `?` one character, `[a-z]` one of a class, `**` any number of folders
 * - `{jpg,png}` either; `\` escapes the next character; a leading `!` negates
 * - everything else is literal: parentheses, `#`, `+`, `@`, `$`, blanks, a leading dot
 *
 * Everything inside a matching folder matches.
 */
import { makeError } from '../errors';
import { expandBraces } from './braces';
import { ANY_NAMES, compileSegments, type Segment } from './segment';

/**
 * UTF-16 units. Linux paths have at most 4,096 bytes, and a pattern is shorter than the paths it matches.
 */
export const MAX_PATTERN_LENGTH = 1024;
/** Most alternatives that the braces of one pattern may expand to. */
const MAX_ALTERNATIVES = 32;

export interface Pattern {
  /** The original text. */
  readonly text: string;
  /** Whether the pattern began with `!`; the methods below ignore it. */
  readonly isNegated: boolean;
  /**
   * Whether the pattern matches this very entry, not only a folder above it.
   *
   * @param path  folded (see `foldPath`), relative, with `/`
   * @param from  index in `path` where matching starts, for rules that apply below a folder
   */
  matches(path: string, isFolder: boolean, from?: number): boolean;
  /** Whether the pattern matches this file or a folder above it. */
  covers(path: string): boolean;
}

/**
 * Parses a pattern.
 *
 * @param isWindows  `\` is a separator, unless it escapes one of `# ! [ ] { } , \` or a blank
 * @throws ERR_ARG_TYPE when it is not a string; ERR_ARG_RANGE when it is empty or too large
 */
export function parsePattern(text: string, isWindows = process.platform === 'win32'): Pattern {
  if (typeof text !== 'string')
    throw makeError('ERR_ARG_TYPE', `a pattern must be a string, received ${typeof text}`);
  if (text.length > MAX_PATTERN_LENGTH)
    throw makeError(
      'ERR_ARG_RANGE',
      `a pattern has at most ${MAX_PATTERN_LENGTH} characters, received ${text.length}`,
      { details: { length: text.length, most: MAX_PATTERN_LENGTH } },
    );
  const isNegated = text.startsWith('!');
  const composed = (isNegated ? text.slice(1) : text).normalize('NFC');
  const written = isWindows ? composed.replace(/\\(?![#![\]{},\\ ])/g, '/') : composed;
  const expanded = expandBraces(written, MAX_ALTERNATIVES);
  if (expanded === undefined)
    throw makeError(
      'ERR_ARG_RANGE',
      `the braces of the pattern expand to more than ${MAX_ALTERNATIVES} patterns: ${text}`,
      { details: { pattern: text, most: MAX_ALTERNATIVES } },
    );
  const alternatives = expanded.flatMap((one) => compileAlternative(one) ?? []);
  if (alternatives.length === 0)
    throw makeError('ERR_ARG_RANGE', `the pattern "${text}" matches nothing`, {
      details: { pattern: text },
    });
  return {
    text,
    isNegated,
    matches: (path, isFolder, from = 0) =>
      alternatives.some((one) => fits(one, path, from, isFolder ? 'folder' : 'file')),
    covers: (path) => alternatives.some((one) => fits(one, path, 0, 'below')),
  };
}

interface Alternative {
  readonly segments: readonly Segment[];
  readonly foldersOnly: boolean;
}

function compileAlternative(pattern: string): Alternative | undefined {
  // Accepts `./Trip/a.jpg` for `Trip/a.jpg`.
  const compiled = compileSegments(pattern.replace(/^(\.\/)+/, '/'));
  const foldersOnly = compiled.length > 1 && compiled.at(-1) === undefined;
  if (foldersOnly) compiled.pop();
  const isAnchored = compiled.length > 1;
  const segments: Segment[] = isAnchored ? [] : [ANY_NAMES];
  for (const segment of compiled) {
    if (segment === undefined) continue;
    if (segment === ANY_NAMES && segments.at(-1) === ANY_NAMES) continue;
    segments.push(segment);
  }
  const isNothing = compiled.every((segment) => segment === undefined);
  return isNothing ? undefined : { segments, foldersOnly };
}

/**
 * Matches names against names as `matchTokens` matches characters, with a single backtracking point for the
 * same reason.
 *
 * @param what  `file`, `folder`: the whole path must match; `below`: a file, which may also lie in a folder
 * that matches
 */
function fits(
  { segments, foldersOnly }: Alternative,
  path: string,
  from: number,
  what: 'file' | 'folder' | 'below',
): boolean {
  let place = 0;
  let at = from;
  let star = -1;
  let starAt = from;
  for (;;) {
    const segment = segments[place];
    const isUsedUp = at > path.length;
    if (segment === ANY_NAMES) {
      star = place++;
      starAt = at;
      // A final `**` matches at least one name: `a/**` is everything in `a`, not `a` itself.
      if (place === segments.length) return !isUsedUp && isNameLeft(path, at, foldersOnly, what);
      continue;
    }
    if (segment === undefined) {
      if (isUsedUp ? what === 'folder' || !foldersOnly : what === 'below') return true;
    } else {
      if (isUsedUp) return false;
      const end = endOfName(path, at);
      if (segment(path, at, end)) {
        at = end + 1;
        place++;
        continue;
      }
    }
    if (star < 0 || starAt > path.length) return false;
    starAt = endOfName(path, starAt) + 1;
    at = starAt;
    place = star + 1;
  }
}

/** Whether what a final `**` matched may be a folder, where only folders count. */
function isNameLeft(path: string, at: number, foldersOnly: boolean, what: string): boolean {
  if (!foldersOnly || what === 'folder') return true;
  return what === 'below' && endOfName(path, at) < path.length;
}

function endOfName(path: string, at: number): number {
  const slash = path.indexOf('/', at);
  return slash < 0 ? path.length : slash;
}
