/**
 * Requests to the hub by undici, through a proxy if the environment names one, with bounded retries.
 * Redirects are followed here, so that the token is sent to the endpoint only.
 */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvHttpProxyAgent, request } from 'undici';
import { isError, messageOf } from '../../base/errors';
import { abortedError, hubError } from '../failures';
import type { HubSettings } from '../settings';

export interface RetryRule {
  /** Attempts per request. */
  readonly tries: number;
  /** Wait before the second attempt; doubles each time, plus up to half at random. */
  readonly firstWaitMs: number;
}

export const DEFAULT_RETRY: RetryRule = { tries: 5, firstWaitMs: 500 };
const LONGEST_WAIT_MS = 60_000;
const CONNECT_LIMIT_MS = 15_000;
const HEADERS_LIMIT_MS = 60_000;
/** Longest pause within a body. */
const SILENCE_LIMIT_MS = 120_000;
const MAX_REDIRECTS = 5;
/** A page of a listing has 1,000 entries of about 300 bytes. */
const MAX_ANSWER_BYTES = 16 << 20;
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Must be read, or passed to `discard`. */
  readonly body: Readable;
}

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export class HubHttp {
  private readonly agent: EnvHttpProxyAgent;
  private readonly origin: string;
  /** False if the token would travel unencrypted over a network. */
  readonly mayCarryToken: boolean;

  constructor(
    private readonly settings: HubSettings,
    readonly retry: RetryRule = DEFAULT_RETRY,
  ) {
    const { proxy } = settings;
    this.agent = new EnvHttpProxyAgent({
      // Passed even if empty: otherwise undici reads process.env.
      httpProxy: proxy.http,
      httpsProxy: proxy.https,
      noProxy: proxy.except,
      connect: { timeout: CONNECT_LIMIT_MS },
      headersTimeout: HEADERS_LIMIT_MS,
      bodyTimeout: SILENCE_LIMIT_MS,
    });
    const url = new URL(settings.endpoint);
    this.origin = url.origin;
    this.mayCarryToken = url.protocol === 'https:' || isThisMachine(url.hostname);
  }

  /**
   * The first successful answer, after redirects and retries.
   *
   * @throws ERR_MODEL_MISSING with `details.trouble` | ERR_ABORTED
   */
  get(url: string, options: GetOptions = {}): Promise<Answer> {
    return this.retried(url, options, (answer) => Promise.resolve(answer));
  }

  /** @param take  may read the body: if that is interrupted, the request is repeated */
  private async retried<T>(
    url: string,
    options: GetOptions,
    take: (answer: Answer) => Promise<T>,
  ): Promise<T> {
    for (let tried = 1; ; tried++) {
      const last = tried >= this.retry.tries;
      let wait: number;
      try {
        const answer = await this.follow(url, options);
        if (answer.status < 300 || answer.status === 416) return await take(answer);
        discard(answer.body);
        if (last || !AGAIN.has(answer.status)) throw statusError(url, answer.status);
        wait = waitMs(this.retry, tried, answer.headers['retry-after']);
      } catch (cause) {
        if (options.signal?.aborted === true) throw abortedError(options.signal);
        if (last || !isNetworkTrouble(cause)) throw this.networkError(url, cause);
        wait = waitMs(this.retry, tried, undefined);
      }
      await pause(wait, options.signal);
    }
  }

  /** The parsed body, of bounded size, and the address of the next page. @throws as `get` */
  getJson(
    url: string,
    signal?: AbortSignal,
  ): Promise<{ readonly value: unknown; readonly next: string | undefined }> {
    return this.retried(url, { signal }, async ({ body, headers }) => {
      const text = await readBounded(body, url);
      const next = /<([^>]+)>;\s*rel="next"/.exec(String(headers['link']))?.[1];
      try {
        return { value: JSON.parse(text) as unknown, next: next && new URL(next, url).href };
      } catch (cause) {
        throw hubError(
          'strange',
          `${hostOf(url)} answers with invalid JSON`,
          { url },
          cause,
        );
      }
    });
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }

  /** One attempt, with its redirects. */
  private async follow(first: string, options: GetOptions): Promise<Answer> {
    let url = new URL(first);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await request(url, {
        dispatcher: this.agent,
        // Byte ranges cannot resume a compressed body.
        headers: { 'accept-encoding': 'identity', ...options.headers, ...this.identify(url) },
        signal: options.signal ?? null,
      });
      const isRedirect = answer.statusCode >= 300 && answer.statusCode < 400;
      if (!isRedirect) return { ...answer, status: answer.statusCode };
      discard(answer.body);
      url = nextUrl(url, answer.headers['location']);
    }
    throw hubError('strange', `${hostOf(first)} redirects without end`, { url: first });
  }

  /** The token goes to the endpoint only; redirects to a file store carry their own signature. */
  private identify(url: URL): Record<string, string> {
    const { token } = this.settings;
    const mine = token !== undefined && url.origin === this.origin && this.mayCarryToken;
    return { 'user-agent': 'sightline', ...(mine && { authorization: `Bearer ${token}` }) };
  }

  private networkError(url: string, cause: unknown): unknown {
    if (!isNetworkTrouble(cause)) return cause;
    const { proxy } = this.settings;
    const way = proxy.https || proxy.http ? ' (through the proxy of the environment)' : '';
    return hubError(
      'unreachable',
      `${hostOf(url)} cannot be reached${way}: ${reasonOf(cause)}`,
      { url },
      cause,
    );
  }
}

/**
 * Wait before the next attempt: what the hub asks for, at least what the rule says, at most a minute.
 *
 * @param tried  attempts so far
 * @param retryAfter  the header
 */
export function waitMs(
  { firstWaitMs }: RetryRule,
  tried: number,
  retryAfter: string | string[] | undefined,
): number {
  const grown = firstWaitMs * 2 ** (tried - 1);
  const asked = typeof retryAfter === 'string' ? secondsOf(retryAfter) * 1000 : 0;
  return Math.min(LONGEST_WAIT_MS, Math.max(asked, grown * (1 + Math.random() / 2)));
}

/** Destroys an unread body and ignores the error that undici then emits. */
export function discard(body: Readable): void {
  body.on('error', () => undefined).destroy();
}

/** @throws ERR_ABORTED */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal && { signal }).catch((error: unknown) => {
    throw signal?.aborted === true ? abortedError(signal) : error;
  });
}

/** True for errors of sockets, DNS, TLS and undici, but not for wrong use of undici. */
export function isNetworkTrouble(error: unknown): boolean {
  if (isError(error) && error.name === 'AggregateError') return true;
  if (!isError(error) || !('code' in error)) return false;
  const code = String(error.code);
  if (code.startsWith('ERR_')) return /^ERR_(TLS|SSL)_/.test(code);
  return !/^UND_ERR_(INVALID_ARG|NOT_SUPPORTED)/.test(code);
}

function reasonOf(error: unknown): string {
  const code = isError(error) && 'code' in error ? String(error.code) : undefined;
  const text = messageOf(error);
  return code === undefined || text.includes(code) ? text || 'no answer' : `${text} (${code})`;
}

/** Target of a redirect. @throws ERR_MODEL_MISSING unless it is http(s), and for https to http */
export function nextUrl(from: URL, location: string | string[] | undefined): URL {
  let next: URL | undefined;
  try {
    next = typeof location === 'string' ? new URL(location, from) : undefined;
  } catch {
    next = undefined;
  }
  const isWeb = next?.protocol === 'https:' || next?.protocol === 'http:';
  if (next === undefined || !isWeb) {
    throw hubError('strange', `${from.host} redirects to nowhere`, { url: from.href });
  }
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw hubError('strange', `${from.host} redirects to ${next.host} without TLS: refused`);
  }
  return next;
}

function statusError(url: string, status: number): Error {
  const host = hostOf(url);
  const details = { url, status };
  if (status === 401 || status === 403)
    return hubError('refused', `${host} refuses access (HTTP ${status})`, details);
  if (status === 404) return hubError('absent', `${host} has no such model (HTTP 404)`, details);
  if (AGAIN.has(status)) return hubError('unwell', `${host} answers HTTP ${status}`, details);
  return hubError('strange', `${host} answers HTTP ${status}`, details);
}

async function readBounded(body: Readable, url: string): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += (part as Buffer).length;
    if (size > MAX_ANSWER_BYTES) {
      throw hubError('strange', `${hostOf(url)} answers with more than ${MAX_ANSWER_BYTES} bytes`);
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The header holds seconds or a date; 0 for anything else. */
function secondsOf(retryAfter: string): number {
  const seconds = /^\d+$/.test(retryAfter.trim())
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

const hostOf = (url: string): string => new URL(url).host;

const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
