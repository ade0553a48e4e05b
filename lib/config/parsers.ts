/** Parsers of settings: text from flags and environment, or typed values from the file. */
import { isIPv4, isIPv6 } from 'node:net';
import { asTruth } from '../base/environment';
import { messageOf } from '../base/errors';
import { parsePattern, splitPatterns } from '../base/patterns';
import { isWithin, rangeText, type NumberKind } from '../base/ranges';

/** What a setting expects; the caller adds the origin to the message. */
export class Expected extends Error {}

export const number =
  (low: number, high: number, kind: NumberKind = 'number') =>
  (value: unknown): number => {
    const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (isWithin(parsed, low, high, kind)) return parsed;
    throw new Expected(rangeText(low, high, kind));
  };

export const integer = (low: number, high: number): ((value: unknown) => number) =>
  number(low, high, 'integer');

export function oneOf<T extends string>(choices: readonly T[]): (value: unknown) => T {
  return (value) => {
    const chosen = choices.find((choice) => choice === String(value).toLowerCase());
    if (chosen === undefined) throw new Expected(`one of ${choices.join(', ')}`);
    return chosen;
  };
}

export function text(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new Expected('a non-empty string');
  return value;
}

export function boolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  const truth = asTruth(String(value));
  if (truth !== undefined) return truth;
  throw new Expected('true or false');
}

export function globs(value: unknown): readonly string[] {
  const list: unknown = typeof value === 'string' ? splitPatterns(value) : value;
  if (!Array.isArray(list) || list.some((item) => typeof item !== 'string'))
    throw new Expected('a list of glob patterns');
  const patterns = (list as string[]).filter((item) => item !== '');
  try {
    for (const pattern of patterns) parsePattern(pattern);
  } catch (error) {
    throw new Expected(`valid path patterns (${messageOf(error)})`);
  }
  return patterns;
}

/** Texts of a list that is given as one, or separated by commas. */
const listOf = (value: unknown): readonly string[] => {
  const list: unknown = typeof value === 'string' ? value.split(',') : value;
  if (!Array.isArray(list)) return [''];
  return list.map((item) => String(item).trim());
};

export function hostNames(value: unknown): readonly string[] {
  const names = listOf(value).map((name) => name.toLowerCase());
  if (names.some((name) => !/^([a-z0-9_-]+\.)*[a-z0-9_-]+\.?$/.test(name) && !isIPv6(name)))
    throw new Expected('host names such as photos.example, without scheme and port');
  return names;
}

/** `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`; not `/0`, which is everybody. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : 0;
  return more.length === 0 && length >= 1 && length <= most;
}

export function networks(value: unknown): readonly string[] {
  const addresses = listOf(value);
  if (!addresses.every(isNetwork))
    throw new Expected('addresses or networks such as 127.0.0.1 or 10.0.0.0/8');
  return addresses;
}

export function origins(value: unknown): readonly string[] {
  return listOf(value).map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`)
      throw new Expected('origins such as https://app.example, without a path');
    return url.origin;
  });
}

export const postgresUrl = (value: unknown): string => {
  if (typeof value !== 'string' || !/^postgres(ql)?:\/\//.test(value))
    throw new Expected('a URL such as postgres://user:password@host:5432/database');
  return value;
};

export const cacheName = (value: unknown): string => {
  if (typeof value !== 'string' || !/^(none|memory|disk|disk:.+|rediss?:\/\/.+)$/.test(value))
    throw new Expected('none, memory, disk, disk:FOLDER or redis://HOST:PORT');
  return value;
};
