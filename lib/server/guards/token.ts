/**
 * The shared secret of a server that other machines can reach. Programs send it as `Authorization: Bearer
 * TOKEN` or `X-Sightline-Token`; the page exchanges it for a cookie, because `<img>` and `<video>` cannot
 * send headers. Never read from a URL, never logged.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { makeError } from '../../base/errors';
import type { RequestHeaders } from './access';

export const COOKIE_NAME = 'sightline_session';
const MIN_TOKEN_LENGTH = 16;
const MINUTE_MS = 60_000;
/** Most addresses remembered for wrong tokens; the oldest is forgotten first. */
const MAX_ADDRESSES = 1024;

export class TokenGuard {
  readonly #digest: Buffer;
  readonly #cookie: string;
  readonly #wrong = new LRUCache<string, { count: number; since: number }>({
    max: MAX_ADDRESSES,
  });

  /** @throws ERR_ARG_RANGE for a short token */
  constructor(
    token: string,
    readonly wrongPerMinute: number,
  ) {
    if (token.length < MIN_TOKEN_LENGTH)
      throw makeError('ERR_ARG_RANGE', `a token has at least ${MIN_TOKEN_LENGTH} characters`);
    this.#digest = sha256(token);
    // Derived from the token, so that it survives a restart and does not reveal the token.
    this.#cookie = createHmac('sha256', token).update('cookie of the search page').digest('hex');
  }

  /** Set-Cookie value for a client that sent the token. */
  get setCookie(): string {
    // Without a path: it holds below the folder where the server lies, as the browser sees it.
    return `${COOKIE_NAME}=${this.#cookie}; HttpOnly; SameSite=Strict; Max-Age=2592000`;
  }

  /** True when `token` is the secret. Compares digests in constant time. */
  matches(token: string): boolean {
    return timingSafeEqual(sha256(token), this.#digest);
  }

  /**
   * Lets a request pass or throws.
   *
   * @param address  of the client, to count wrong tokens
   * @throws ERR_TOKEN without a token or with a wrong one; ERR_RATE_LIMIT after too many wrong ones
   */
  check(headers: RequestHeaders, address: string, now = Date.now()): void {
    const cookie = cookieOf(headers);
    if (cookie !== undefined && timingSafeEqual(sha256(cookie), sha256(this.#cookie))) return;
    const token = tokenOf(headers);
    if (token === undefined) throw makeError('ERR_TOKEN', 'this server requires a token');
    this.checkToken(token, address, now);
  }

  /** Like `check`, for a token sent in another way. */
  checkToken(token: string, address: string, now = Date.now()): void {
    const seen = this.#wrong.get(address);
    const recent = seen !== undefined && now - seen.since < MINUTE_MS ? seen : undefined;
    // Before comparing: a locked-out guesser must not learn that a guess was right.
    if (recent !== undefined && recent.count >= this.wrongPerMinute)
      throw makeError('ERR_RATE_LIMIT', 'too many wrong tokens, wait a minute');
    if (this.matches(token)) return;
    this.#wrong.set(address, { count: (recent?.count ?? 0) + 1, since: recent?.since ?? now });
    throw makeError('ERR_TOKEN', 'wrong token');
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

function tokenOf(headers: RequestHeaders): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(asText(headers['authorization']) ?? '')?.[1];
  return bearer ?? asText(headers['x-sightline-token']);
}

function cookieOf(headers: RequestHeaders): string | undefined {
  for (const part of (asText(headers['cookie']) ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === COOKIE_NAME) return value;
  }
  return undefined;
}

const asText = (value: RequestHeaders[string]): string | undefined =>
  typeof value === 'string' ? value : undefined;
