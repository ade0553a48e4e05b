/** Rules of `.sightlineignore` files and of callers, by the grammar of `base/patterns/`. Pure. */
import { messageOf } from '../base/errors';
import { foldPath, parsePattern, trimEnd, type Pattern } from '../base/patterns';

export const IGNORE_FILE = '.sightlineignore';

interface Rule {
  readonly pattern: Pattern;
  /** Index in the path where the pattern applies. */
  readonly from: number;
}

/** An ordered list of rules; the last match decides, as in .gitignore. */
export class IgnoreRules {
  private constructor(private readonly rules: readonly Rule[]) {}

  static readonly none = new IgnoreRules([]);

  /**
   * Adds patterns that apply below `base`; a leading `!` re-includes.
   *
   * @param base  folder of the ignore file, relative to the root, `''` for the root itself
   */
  with(patterns: readonly Pattern[], base = ''): IgnoreRules {
    if (patterns.length === 0) return this;
    const from = base === '' ? 0 : foldPath(base).length + 1;
    return new IgnoreRules([...this.rules, ...patterns.map((pattern) => ({ pattern, from }))]);
  }

  /** @param path  folded, relative to the root, below the base of every rule */
  ignores(path: string, isFolder: boolean): boolean {
    for (let i = this.rules.length - 1; i >= 0; i--) {
      const { pattern, from } = this.rules[i] as Rule;
      if (pattern.matches(path, isFolder, from)) return !pattern.isNegated;
    }
    return false;
  }
}

export interface IgnoreFile {
  readonly patterns: readonly Pattern[];
  /** One line for each invalid pattern. */
  readonly problems: readonly string[];
}

/** Reads an ignore file: one pattern per line; empty lines and those that begin with `#` are ignored. */
export function parseIgnoreFile(bytes: Uint8Array): IgnoreFile {
  const patterns: Pattern[] = [];
  const problems: string[] = [];
  for (const [i, line] of decode(bytes).split(/\r?\n/).entries()) {
    const text = trimEnd(line);
    if (text === '' || text.startsWith('#')) continue;
    try {
      patterns.push(parsePattern(text));
    } catch (error) {
      problems.push(`line ${i + 1}: ${messageOf(error)}`);
    }
  }
  return { patterns, problems };
}

/** UTF-8, or UTF-16 as `>` writes in PowerShell. */
function decode(bytes: Uint8Array): string {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes);
}
