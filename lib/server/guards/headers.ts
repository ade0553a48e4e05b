/** Headers of every response: pages, pictures, JSON, errors, and replies to malformed HTTP. */

/**
 * The page loads its own files and talks to its own server; nothing else may run, load, frame or be framed.
 * Trusted Types make `innerHTML` throw, so a file name can never become markup.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  // Other sites must not load a frame even as <img>: size and load time would leak information.
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

/** For pages of other sites that may ask. No cookies: they are of this site alone; programs send the token. */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-expose-headers': 'content-range, etag, retry-after, x-request-id',
  'cross-origin-resource-policy': 'cross-origin',
};

export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'GET, HEAD, POST',
  'access-control-allow-headers': 'authorization, content-type, range, x-sightline-token',
  'access-control-max-age': '600',
  // A public page may ask a server in the local network.
  'access-control-allow-private-network': 'true',
};
