/**
 * JSON that is the same on every machine and in every language: RFC 8785 (JSON Canonicalization Scheme). Names sorted by UTF-16
 * units, no spaces, numbers as ECMAScript prints them, strings escaped no more than they must be.
 */
import { makeError } from '../../base/errors';

/** Deeper than any payload: attributes nest three levels. */
const MAX_DEPTH = 64;

/** Nothing in it is escaped. Most strings are such, and a test is a third of the cost of `JSON.stringify`. */
const PLAIN = /^[ !#-[\]-~]*$/;

const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

/**
 * `undefined` members are left out, as in JSON. NaN and infinities become the strings "NaN", "Infinity" and "-Infinity", as in
 * payloads.
 *
 * @throws ERR_ARG_TYPE for what JSON has no form for
 */
export function canonicalJson(value: unknown): string {
  return jsonOf(value, 0);
}

function jsonOf(value: unknown, depth: number): string {
  if (typeof value === 'string') return quoted(value);
  // ECMAScript's own conversion is what the RFC asks for; -0 becomes 0.
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`;
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value !== 'object' || depth >= MAX_DEPTH)
    throw makeError(
      'ERR_ARG_TYPE',
      typeof value === 'object'
        ? 'payload is nested too deeply'
        : `payload holds a ${typeof value}`,
    );
  return Array.isArray(value) ? arrayOf(value, depth + 1) : objectOf(value, depth + 1, NO_SHAPE);
}

/** Names of an object as it has them, and sorted: the members of a list mostly have the same, and sorting is what costs. */
interface Shape {
  names: readonly string[];
  sorted: readonly string[];
}

const NO_SHAPE: Shape = Object.freeze({ names: [], sorted: [] });

function arrayOf(values: readonly unknown[], depth: number): string {
  const shape: Shape = { ...NO_SHAPE };
  let text = '[';
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i] ?? null;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const item =
      isObject && depth < MAX_DEPTH ? objectOf(value, depth + 1, shape) : jsonOf(value, depth);
    text += i === 0 ? item : `,${item}`;
  }
  return `${text}]`;
}

function objectOf(value: object, depth: number, shape: Shape): string {
  const names = Object.keys(value);
  let sorted = shape.sorted;
  if (!isSameList(names, shape.names)) {
    sorted = [...names].sort();
    if (shape !== NO_SHAPE) {
      shape.names = names;
      shape.sorted = sorted;
    }
  }
  let text = '';
  for (const name of sorted) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    const pair = `${quoted(name)}:${jsonOf(member, depth)}`;
    text += text === '' ? pair : `,${pair}`;
  }
  return `{${text}}`;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
