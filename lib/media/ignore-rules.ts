/**
 * What a walk leaves out: `.sightlineignore` files in the manner of .gitignore, and globs of the
 * caller. Pure: text and paths in, verdict out.
 */
import picomatch from 'picomatch';

export const IGNORE_FILE = '.sightlineignore';

interface Rule {
  readonly isNegated: boolean;
  readonly directoriesOnly: boolean;
  readonly matches: (relPath: string) => boolean;
}

/** An ordered list of rules; the last one that matches decides, as in .gitignore. */
export class IgnoreRules {
  private constructor(private readonly rules: readonly Rule[]) {}

  static readonly none = new IgnoreRules([]);

  /**
   * Adds patterns that hold below `base`.
   *
   * A pattern without a slash matches a name at any depth; with one it is relative to `base`. A
   * trailing slash means folders only, `!` takes back, `#` starts a comment.
   *
   * @param base  folder of the ignore file, relative to the root, `''` for the root itself
   */
  with(patterns: readonly string[], base = ''): IgnoreRules {
    const more = patterns.flatMap((pattern) => compile(pattern, base) ?? []);
    return more.length === 0 ? this : new IgnoreRules([...this.rules, ...more]);
  }

  ignores(relPath: string, isDirectory: boolean): boolean {
    for (let i = this.rules.length - 1; i >= 0; i--) {
      const rule = this.rules[i] as Rule;
      if (rule.directoriesOnly && !isDirectory) continue;
      if (rule.matches(relPath)) return !rule.isNegated;
    }
    return false;
  }
}

function compile(line: string, base: string): Rule | undefined {
  // A trailing carriage return is an editor's, trailing blanks are nobody's.
  let pattern = line.replace(/\s+$/, '');
  if (pattern === '' || pattern.startsWith('#')) return undefined;
  const isNegated = pattern.startsWith('!');
  if (isNegated) pattern = pattern.slice(1);
  const directoriesOnly = pattern.endsWith('/');
  if (directoriesOnly) pattern = pattern.slice(0, -1);
  const isAnchored = pattern.includes('/');
  if (pattern.startsWith('/')) pattern = pattern.slice(1);
  if (pattern === '') return undefined;
  // `nonegate`: we have taken the exclamation mark off; `nobrace` keeps names with braces literal.
  const isMatch = picomatch(isAnchored ? pattern : `**/${pattern}`, {
    dot: true,
    nonegate: true,
    nobrace: true,
  });
  const prefix = base === '' ? '' : `${base}/`;
  return {
    isNegated,
    directoriesOnly,
    matches: (relPath) => relPath.startsWith(prefix) && isMatch(relPath.slice(prefix.length)),
  };
}

/** The patterns of an ignore file. */
export function parseIgnoreFile(text: string): string[] {
  return text.replace(/^\uFEFF/, '').split(/\r?\n/);
}
