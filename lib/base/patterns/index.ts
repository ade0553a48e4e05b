/**
 * The one grammar for patterns of paths: `--ignore`, `--path`, SIGHTLINE_IGNORE, HTTP `path` and
 * `.sightlineignore` all mean the same by the same text, and what they mean is what `.gitignore` has
 * taught people (adr/0018). Pure text in, verdict out; knows no file system.
 *
 * Deciding takes time in proportion to pattern times path, whatever the pattern: there are no
 * regular expressions and no recursion, so a pattern may come from a stranger.
 */
export { foldPath } from './fold';
export { parsePattern, MAX_PATTERN_LENGTH, type Pattern } from './pattern';
export { splitPatterns, trimEnd } from './split';
