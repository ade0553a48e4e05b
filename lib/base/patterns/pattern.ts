/**
 * A pattern of paths in the manner of `.gitignore`:
 *
 * - without a slash it fits a name at any depth; with one, at the beginning or inside, it begins at
 *   the root; a slash at its end: folders only
 * - `*` any part of a name, `?` one character, `[a-z]` one of a set, `**` any number of folders
 * - `{jpg,png}` either; `\` takes the meaning from the next character; a `!` in front turns it round
 * - everything else is itself: parentheses, `#`, `+`, `@`, `$`, blanks, a dot in front
 *
 * What lies in a folder that fits, fits.
 */
import { makeError } from '../errors';
import { expandBraces } from './braces';
import { ANY_NAMES, compileSegments, type Segment } from './segment';

/** UTF-16 units; the longest path of Linux has 4,096 bytes, and a pattern is shorter than its paths. */
export const MAX_PATTERN_LENGTH = 1024;
/** Patterns that one with braces may stand for. */
const MAX_ALTERNATIVES = 32;

export interface Pattern {
  /** As it was written. */
  readonly text: string;
  /** It began with `!`; the verdicts below are those of the rest. */
  readonly isNegated: boolean;
  /**
   * Whether the pattern names this very entry, and not only a folder above it.
   *
   * @param path  folded (see `foldPath`), relative, with `/`
   * @param from  where the path begins that counts, for rules that hold below a folder
   */
  matches(path: string, isFolder: boolean, from?: number): boolean;
  /** Whether the pattern names this file or a folder above it. */
  covers(path: string): boolean;
}

/**
 * Reads a pattern.
 *
 * @param isWindows  there `\` separates folders, unless it keeps one of `# ! [ ] { } , \` or a blank
 * @throws ERR_ARG_TYPE when it is no text; ERR_ARG_RANGE when it is empty or too large
 */
export function parsePattern(text: string, isWindows = process.platform === 'win32'): Pattern {
  if (typeof text !== 'string')
    throw makeError('ERR_ARG_TYPE', `a pattern must be a text, received ${typeof text}`);
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
      `the braces of the pattern stand for more than ${MAX_ALTERNATIVES} patterns: ${text}`,
      { details: { pattern: text, most: MAX_ALTERNATIVES } },
    );
  const alternatives = expanded.flatMap((one) => compileAlternative(one) ?? []);
  if (alternatives.length === 0)
    throw makeError('ERR_ARG_RANGE', `the pattern "${text}" names nothing`, {
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
  // People type `./Trip/a.jpg` for what lies there.
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
 * Names against names, as `matchTokens` does characters against characters, and for the same reason
 * without more than one way back.
 *
 * @param what  `file` and `folder`: the path is one and must fit as a whole; `below`: it is a file,
 *   and may also lie in a folder that fits
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
      // At the end it stands for at least one name: `a/**` is what lies in `a`, not `a` itself.
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

/** Whether what a final `**` takes may be a folder, where only folders count. */
function isNameLeft(path: string, at: number, foldersOnly: boolean, what: string): boolean {
  if (!foldersOnly || what === 'folder') return true;
  return what === 'below' && endOfName(path, at) < path.length;
}

function endOfName(path: string, at: number): number {
  const slash = path.indexOf('/', at);
  return slash < 0 ? path.length : slash;
}
