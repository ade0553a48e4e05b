/**
 * Hub endpoint, token and proxy: read from the environment variables of the hub's own tools, so that a
 * machine configured for them works here.
 */
import { homedir } from 'node:os';
import path from 'node:path';
import { makeError, messageOf } from '../base/errors';

export interface HubSettings {
  /** No slash at the end. */
  readonly endpoint: string;
  /** Sent to the endpoint's own origin only, and only over TLS or to this machine. */
  readonly token: string | undefined;
  /** No connection may be opened. */
  readonly isOffline: boolean;
  readonly cacheDir: string;
  /** Empty strings: none. */
  readonly proxy: { readonly http: string; readonly https: string; readonly except: string };
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

/** @throws ERR_ARG_RANGE naming the variable */
export function hubSettings(env: NodeJS.ProcessEnv): HubSettings {
  const endpoint = webAddress('HF_ENDPOINT', env['HF_ENDPOINT'] || DEFAULT_ENDPOINT);
  const token = env['HF_TOKEN']?.trim() || undefined;
  if (token !== undefined && !/^[\x21-\x7e]{1,512}$/.test(token)) {
    throw makeError('ERR_ARG_RANGE', 'HF_TOKEN holds characters that no token has');
  }
  return {
    endpoint: endpoint.replace(/\/+$/, ''),
    token,
    isOffline: isSet(env['HF_HUB_OFFLINE']),
    cacheDir: hubCacheDir(env),
    proxy: {
      http: proxyOf(env, 'HTTP_PROXY'),
      https: proxyOf(env, 'HTTPS_PROXY'),
      except: either(env, 'NO_PROXY') ?? '',
    },
  };
}

/**
 * Where the hub's own tools keep their cache, in their order of precedence; among them the variable of
 * spec 003.
 */
export function hubCacheDir(env: NodeJS.ProcessEnv): string {
  if (env['HF_HUB_CACHE']) return env['HF_HUB_CACHE'];
  if (env['CLIP_CACHE_DIR']) return env['CLIP_CACHE_DIR'];
  if (env['HF_HOME']) return path.join(env['HF_HOME'], 'hub');
  const cache = env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache');
  return path.join(cache, 'huggingface', 'hub');
}

/** As the hub's tools read a switch. */
const isSet = (value: string | undefined): boolean =>
  /^(1|on|yes|true)$/i.test(value?.trim() ?? '');

/** Lower case first, as curl does. */
const either = (env: NodeJS.ProcessEnv, name: string): string | undefined =>
  env[name.toLowerCase()] || env[name] || undefined;

function proxyOf(env: NodeJS.ProcessEnv, name: string): string {
  const value = either(env, name);
  if (value === undefined) return '';
  // `proxy.example:3128` is what many write; the scheme is the proxy's own.
  return webAddress(name, /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`);
}

function webAddress(name: string, value: string): string {
  let url: URL | undefined;
  try {
    url = new URL(value);
  } catch (cause) {
    // The value may hold a password: it is not repeated.
    throw makeError('ERR_ARG_RANGE', `${name} is no web address (${messageOf(cause)})`);
  }
  if (url.protocol === 'https:' || url.protocol === 'http:') return value;
  throw makeError('ERR_ARG_RANGE', `${name} must begin with https:// or http://`);
}
