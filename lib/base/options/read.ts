/** Reads an options object: its shape, its names, and each value once. */
import { wrongType } from './describe';
import { unknownName } from './suggest';

/** Gives the value back, checked, or throws; `name` is for the message. */
export type Rule<T> = (name: string, value: unknown) => T;

/** One rule for each name that `T` has, and no other: the compiler sees to it. */
export type OptionRules<T> = { readonly [Name in keyof T]-?: Rule<Exclude<T[Name], undefined>> };

/**
 * A copy with the names of the table whose values are not undefined, each read once and checked: what a
 * getter or a proxy gives later cannot differ from what was checked.
 *
 * Taken are plain objects, also of other realms and without a prototype, and instances of classes with
 * what they inherit. Values of undefined are as if absent, under unknown names too.
 *
 * @param name  for messages; `options` is left out before the names of its entries
 * @throws ERR_ARG_TYPE | ERR_ARG_RANGE, and what a getter throws
 */
export function readOptions<T extends object>(
  name: string,
  value: unknown,
  rules: OptionRules<T>,
): T {
  checkNames(name, value, rules);
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(rules)) {
    const entry = (value as Record<string, unknown>)[key];
    if (entry === undefined) continue;
    out[key] = rules[key as keyof T](name === 'options' ? key : `${name}.${key}`, entry);
  }
  return out as T;
}

/**
 * The first half of `readOptions`, for the calls where a copy would be felt: some 20 ns.
 *
 * @throws ERR_ARG_TYPE
 */
export function checkNames(
  name: string,
  value: unknown,
  rules: Readonly<Record<string, unknown>>,
): void {
  if (!isOptionsObject(value)) throw wrongType(name, 'an object', value);
  for (const key in value) {
    if (Object.hasOwn(rules, key) || isNoOption(value, key)) continue;
    throw unknownName(name, key, Object.keys(rules));
  }
}

/** No array, function, Map, promise, date or AbortSignal in place of an options object. */
function isOptionsObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.getPrototypeOf(value) === Object.prototype) return true;
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** A name without a value, or one that a program added to the prototype of all objects. */
function isNoOption(value: object, key: string): boolean {
  if ((value as Record<string, unknown>)[key] === undefined) return true;
  let holder: object | null = value;
  while (holder !== null && !Object.hasOwn(holder, key)) {
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return holder !== null && Object.hasOwn(holder, 'hasOwnProperty') && holder !== value;
}
