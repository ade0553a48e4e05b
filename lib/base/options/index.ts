/**
 * How every function reads its options: an unknown name, a value of the wrong type or something that is not
 * an options object is an error that says what was expected. The rules of an options object are declared
 * next to its type, in a table that the compiler checks against the type:
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
