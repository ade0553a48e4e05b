/**
 * JSON that is the same on every machine and in every language: RFC 8785 (JSON Canonicalization Scheme). Names sorted by UTF-16
 * units, no spaces, numbers as ECMAScript prints them, strings escaped no more than they must be.
 */
import { makeError } from '../../base/errors';

/** Deeper than any payload: attributes nest three levels. */
const MAX_DEPTH = 64;

/**
 * `undefined` members are left out, as in JSON. NaN and infinities become the strings "NaN", "Infinity" and "-Infinity", as in
 * payloads.
 *
 * @throws ERR_ARG_TYPE for what JSON has no form for
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number')
    return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
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
      text += `${i === 0 ? '' : ','}${canonicalJson(value[i] ?? null, depth + 1)}`;
    return `${text}]`;
  }
  let text = '{';
  for (const name of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[name];
    if (member === undefined) continue;
    text += `${text === '{' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(member, depth + 1)}`;
  }
  return `${text}}`;
}
