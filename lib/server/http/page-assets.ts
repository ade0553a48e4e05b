/**
 * The search page as a table in memory: URL path -> bytes. Filled once from `web/`; requests only look up
 * their exact path, so client input never becomes a file path.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { makeError } from '../../base/errors';
import { PACKAGE_ROOT } from '../../base/package-root';

export interface Asset {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly etag: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** `web/` beside `dist/` in the package. */
export const WEB_DIR = path.join(PACKAGE_ROOT, 'web');

/**
 * Reads the page.
 *
 * @throws ERR_FILE_MISSING when the package was installed without it
 */
export function loadAssets(dir = WEB_DIR): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  let names: string[] = [];
  try {
    names = readdirSync(dir);
  } catch (cause) {
    throw makeError('ERR_FILE_MISSING', 'the files of the search page are missing', { cause });
  }
  for (const name of names) {
    const contentType = CONTENT_TYPES[path.extname(name)];
    if (contentType === undefined) continue;
    const bytes = readFileSync(path.join(dir, name));
    assets.set(name === 'index.html' ? '/' : `/${name}`, {
      bytes,
      contentType,
      etag: etagOf(bytes),
    });
  }
  if (!assets.has('/')) throw makeError('ERR_FILE_MISSING', 'the search page has no index.html');
  return assets;
}

/** Strong entity tag: equal tags mean equal bytes. */
export const etagOf = (bytes: Uint8Array): string =>
  `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`;

/** If-None-Match against a strong tag, by the weak comparison that RFC 9110 asks for here. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === etag || tag === '*');
}
