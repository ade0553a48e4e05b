/**
 * The one grammar for path patterns, that of `.gitignore` (adr/0018). `--ignore`, `--path`,
 * SIGHTLINE_IGNORE, HTTP `path` and `.sightlineignore` all use it. Pure: knows no file system.
 *
 * Matching takes time proportional to pattern length times path length, whatever the pattern: no regular
 * expressions and no recursion, so patterns may come from untrusted sources.
 */
export { foldPath } from './fold';
export { parsePattern, MAX_PATTERN_LENGTH, type Pattern } from './pattern';
export { splitPatterns, trimEnd } from './split';
