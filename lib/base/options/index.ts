/**
 * What every function that takes options does with them: a misspelt name, a value of the wrong kind or
 * something that is no options object is an error that says what was meant, never silence. The rules of
 * an options object stand next to its type, in a table that the compiler holds against the type:
 *
 *     export const WARM_OPTIONS: OptionRules<WarmOptions> = { threads: THREADS, rows: BOOLEAN };
 *     const { threads = 0, rows } = readOptions('options', given, WARM_OPTIONS);
 *
 * Uses `errors.ts` and `ranges.ts` only.
 */
export { outOfRange, wrongType } from './describe';
export { checkNames, readOptions, type OptionRules, type Rule } from './read';
export {
  ANYTHING,
  arrayOf,
  BOOLEAN,
  BOUND,
  checkInteger,
  FUNCTION,
  integer,
  number,
  objectOf,
  oneOf,
  RECORD,
  SIGNAL,
  STRING,
  TEXT,
} from './rules';
export { suggest, unknownName } from './suggest';
