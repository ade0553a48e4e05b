/** Reads an options object: its shape, its names, and each value once. */
import { wrongType } from './describe';
import { unknownName } from './suggest';

/** Returns the checked value, or throws; `name` is for the message. */
export type Rule<T> = (name: string, value: unknown) => T;

/** Exactly one rule per property of `T`; the compiler checks this. */
export type OptionRules<T> = { readonly [Name in keyof T]-?: Rule<Exclude<T[Name], undefined>> };

/**
 * Copies the known options that are not undefined. Each is read once and checked, so that a getter or a
 * proxy cannot return another value later.
 *
 * Accepts plain objects, also of other realms or without a prototype, and class instances with inherited
 * properties. An undefined value counts as absent, also under an unknown name.
 *
 * @param name  for messages; the prefix `options.` is dropped
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
 * The shape check of `readOptions` alone, for hot calls where a copy would cost too much: some 20 ns.
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

/** Refuses arrays, functions, Maps, promises, dates and AbortSignals as options objects. */
function isOptionsObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Object.getPrototypeOf(value) === Object.prototype) return true;
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** An undefined value, or a property that a program added to Object.prototype. */
function isNoOption(value: object, key: string): boolean {
  if ((value as Record<string, unknown>)[key] === undefined) return true;
  let holder: object | null = value;
  while (holder !== null && !Object.hasOwn(holder, key)) {
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return holder !== null && Object.hasOwn(holder, 'hasOwnProperty') && holder !== value;
}
