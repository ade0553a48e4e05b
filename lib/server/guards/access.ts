/**
 * Access rules on the Host, Origin and Sec-Fetch headers. Pure functions.
 *
 * Host: a page whose name an attacker points at 127.0.0.1 (DNS rebinding) still sends its own name, so only
 * known names are answered. Origin and Sec-Fetch-Site: other sites open in the same browser must not search
 * here or read frames.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface RequestHeaders {
  readonly [name: string]: string | readonly string[] | undefined;
}

/**
 * The name in a Host header: lower case, without port, brackets and one trailing dot; undefined
 * when the header is missing or malformed.
 */
export function hostName(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 260) return undefined;
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::([0-9]{1,5}))?$/i.exec(header);
  if (match === null || Number(match[3] ?? 0) > 65_535) return undefined;
  if (match[1] !== undefined) return isIPv6(match[1]) ? match[1].toLowerCase() : undefined;
  const name = (match[2] as string).toLowerCase().replace(/\.$/, '');
  return name === '' ? undefined : name;
}

export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** True for addresses that only this machine can reach. */
export const isLoopbackBind = (host: string): boolean =>
  isLoopbackName(host.toLowerCase().replace(/^\[|\]$/g, ''));

/**
 * Makes the rule for the Host header.
 *
 * @param bindHost  address the server listens on. A wildcard (`0.0.0.0`, `::`) admits this machine's
 *   own addresses: a rebinding attacker needs a name, so plain addresses are safe
 * @param allowed   further names, for example of a reverse proxy
 */
export function hostRule(
  bindHost: string,
  allowed: readonly string[],
): (header: string | undefined) => boolean {
  const names = new Set(allowed.map((name) => name.toLowerCase().replace(/\.$/, '')));
  const bound = bindHost.toLowerCase().replace(/^\[|\]$/g, '');
  if (isWildcard(bound)) {
    for (const addresses of Object.values(networkInterfaces()))
      for (const { address } of addresses ?? []) names.add(address.toLowerCase());
  } else names.add(bound);
  return (header) => {
    const name = hostName(header);
    return name !== undefined && !isWildcard(name) && (isLoopbackName(name) || names.has(name));
  };
}

const isWildcard = (name: string): boolean => name === '0.0.0.0' || name === '::';

/**
 * True when no other site caused the request. Programs send neither header and pass; every current browser
 * sends Sec-Fetch-Site, older ones send Origin with a POST.
 *
 * @param isRead  GET or HEAD: then a link from another site may be followed
 * @param friends  origins of other sites that may ask
 */
export function isOwnSite(
  headers: RequestHeaders,
  isRead: boolean,
  friends: ReadonlySet<string> = new Set(),
): boolean {
  if (typeof headers['origin'] === 'string' && friends.has(headers['origin'])) return true;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    if (!(isRead && headers['sec-fetch-mode'] === 'navigate')) return false;
    // A navigation inside a frame or object of another site is not a user following a link.
    if (headers['sec-fetch-dest'] !== 'document') return false;
  }
  const origin = headers['origin'];
  if (origin === undefined) return true;
  const host = headers['host'];
  if (typeof origin !== 'string' || typeof host !== 'string') return false;
  const own = host.toLowerCase();
  return [`http://${own}`, `https://${own}`].includes(origin.toLowerCase());
}
