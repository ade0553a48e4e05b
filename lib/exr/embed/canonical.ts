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
  if (Array.isArray(value)) {
    let text = '[';
    for (let i = 0; i < value.length; i++)
      text += `${i === 0 ? '' : ','}${jsonOf(value[i] ?? null, depth + 1)}`;
    return `${text}]`;
  }
  let text = '{';
  for (const name of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    text += `${text === '{' ? '' : ','}${quoted(name)}:${jsonOf(member, depth + 1)}`;
  }
  return `${text}}`;
}
