/** Every setting: its meaning, sources, default and parser. */
import { DEFAULT_EF, DEFAULT_K, MAX_EF, MAX_K } from '../base/limits';
import { DEVICES, type Device } from '../base/types';
import {
  boolean,
  cacheName,
  globs,
  hostNames,
  integer,
  networks,
  number,
  oneOf,
  origins,
  postgresUrl,
  text,
} from './parsers';

/** Seconds of `--watch` without a number. */
const DEFAULT_WATCH = 10;

export interface Settings {
  /** `builtin`, a folder in the Hugging Face layout, or a repository id of the model store. */
  readonly model: string;
  /** Model for the texts of `embed` and the server's `/embed/text`; undefined: `model`. */
  readonly textModel: string | undefined;
  /** False: a sync stores frames only; `index` embeds them later. */
  readonly embed: boolean;
  /** The library's folder; undefined: `.sightline` in the root. */
  readonly library: string | undefined;
  /** Where the model runs; see `DEVICES`. */
  readonly device: Device;
  /** `postgres://...`: vectors in PostgreSQL; undefined: in the library's folder. */
  readonly vectorStore: string | undefined;
  /** Cache for vectors of texts and pictures: `none`, `memory`, `disk`, `disk:FOLDER`, `redis://...`. */
  readonly cache: string | undefined;
  /** Frames per second taken from videos. */
  readonly fps: number;
  /** Every n-th frame instead of `fps`. */
  readonly everyNFrames: number | undefined;
  /** Key frames instead of `fps`. */
  readonly keyframes: boolean;
  /** Longest side of stored frames in pixels. */
  readonly maxSize: number;
  /** Limits per file: million pixels, megabytes, seconds per picture, frames per video. */
  readonly maxMegapixels: number;
  readonly maxMemory: number;
  readonly maxSeconds: number;
  readonly maxFrames: number;
  /** Patterns of paths to exclude. */
  readonly ignore: readonly string[];
  readonly k: number;
  readonly efSearch: number;
  readonly minSimilarity: number;
  readonly host: string;
  readonly port: number;
  /** Secret that HTTP clients must send; undefined: none. */
  readonly token: string | undefined;
  /** Further host names that the server answers to. */
  readonly allowHost: readonly string[];
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** Origins of other sites whose pages may ask the server. */
  readonly corsOrigin: readonly string[];
  /** Seconds between two looks of `serve` at the folder; 0: one look only. */
  readonly watch: number;
}

export type SettingName = keyof Settings;

interface SettingRow<T> {
  readonly flag: string;
  /**
   * Environment variables, the first one set wins. With the suffix `_FILE` the first names a file that
   * holds the value.
   */
  readonly env: readonly string[];
  readonly default: T;
  /** Must never be printed. */
  readonly secret?: boolean;
  /** Not allowed in the library's own file, because it locates that file. */
  readonly notInFile?: boolean;
  /** @throws Error with the expectation, for example `a number from 1 to 65535` */
  readonly parse: (value: unknown) => T;
}

/** Ranges follow RELIABILITY section 2.E (k, ef) and the limits of the modules that use them. */
export const ROWS: { readonly [Name in SettingName]: SettingRow<Settings[Name]> } = {
  model: {
    flag: '--model',
    env: ['SIGHTLINE_MODEL', 'CLIP_MODEL_NAME', 'EMBEDDING_IMAGE_MODEL_NAME'],
    default: 'builtin',
    parse: text,
  },
  textModel: {
    flag: '--text-model',
    env: ['SIGHTLINE_TEXT_MODEL', 'EMBEDDING_TEXT_MODEL_NAME'],
    default: undefined,
    parse: text,
  },
  embed: {
    flag: '--no-embed',
    env: ['SIGHTLINE_EMBED', 'CLIP_ENABLED'],
    default: true,
    parse: boolean,
  },
  library: {
    flag: '--library',
    env: ['SIGHTLINE_LIBRARY'],
    default: undefined,
    notInFile: true,
    parse: text,
  },
  device: {
    flag: '--device',
    env: ['SIGHTLINE_DEVICE', 'CLIP_DEVICE', 'EMBEDDING_DEVICE'],
    default: 'cpu',
    parse: oneOf(DEVICES),
  },
  vectorStore: {
    flag: '--vector-store',
    env: ['SIGHTLINE_VECTOR_STORE'],
    default: undefined,
    secret: true,
    parse: postgresUrl,
  },
  cache: {
    flag: '--cache',
    env: ['SIGHTLINE_CACHE', 'EMBEDDING_REDIS_URL'],
    default: undefined,
    secret: true,
    parse: cacheName,
  },
  fps: { flag: '--fps', env: ['SIGHTLINE_FPS'], default: 1, parse: number(0.001, 240) },
  everyNFrames: {
    flag: '--every-n-frames',
    env: ['SIGHTLINE_EVERY_N_FRAMES'],
    default: undefined,
    parse: integer(1, 1_000_000),
  },
  keyframes: {
    flag: '--keyframes',
    env: ['SIGHTLINE_KEYFRAMES'],
    default: false,
    parse: boolean,
  },
  maxSize: {
    flag: '--max-size',
    env: ['SIGHTLINE_MAX_SIZE', 'CLIP_MAX_IMAGE_SIZE'],
    default: 512,
    parse: integer(32, 4096),
  },
  maxMegapixels: {
    flag: '--max-megapixels',
    env: ['SIGHTLINE_MAX_MEGAPIXELS'],
    default: 400,
    parse: number(1, 10_000),
  },
  maxMemory: {
    flag: '--max-memory',
    env: ['SIGHTLINE_MAX_MEMORY'],
    default: 1024,
    parse: integer(256, 65_536),
  },
  maxSeconds: {
    flag: '--max-seconds',
    env: ['SIGHTLINE_MAX_SECONDS'],
    default: 30,
    parse: number(1, 3600),
  },
  maxFrames: {
    flag: '--max-frames',
    env: ['SIGHTLINE_MAX_FRAMES'],
    default: 200_000,
    parse: integer(1, 10_000_000),
  },
  ignore: { flag: '--ignore', env: ['SIGHTLINE_IGNORE'], default: [], parse: globs },
  k: {
    flag: '-k',
    env: ['SIGHTLINE_K', 'EMBEDDING_SIMILARITY_TOP_K'],
    default: DEFAULT_K,
    parse: integer(1, MAX_K),
  },
  efSearch: {
    flag: '--ef-search',
    env: ['SIGHTLINE_EF_SEARCH'],
    default: DEFAULT_EF,
    parse: integer(1, MAX_EF),
  },
  minSimilarity: {
    flag: '--min-similarity',
    env: ['SIGHTLINE_MIN_SIMILARITY'],
    default: 0,
    parse: number(0, 1),
  },
  host: { flag: '--host', env: ['SIGHTLINE_HOST'], default: '127.0.0.1', parse: text },
  port: { flag: '--port', env: ['SIGHTLINE_PORT'], default: 8000, parse: integer(0, 65_535) },
  token: {
    flag: '--token',
    env: ['SIGHTLINE_TOKEN'],
    default: undefined,
    secret: true,
    parse: text,
  },
  allowHost: {
    flag: '--allow-host',
    env: ['SIGHTLINE_ALLOW_HOST'],
    default: [],
    parse: hostNames,
  },
  trustProxy: {
    flag: '--trust-proxy',
    env: ['SIGHTLINE_TRUST_PROXY'],
    default: [],
    parse: networks,
  },
  corsOrigin: {
    flag: '--cors-origin',
    env: ['SIGHTLINE_CORS_ORIGIN'],
    default: [],
    parse: origins,
  },
  watch: {
    flag: '--watch',
    env: ['SIGHTLINE_WATCH'],
    default: 0,
    // The flag alone.
    parse: (value) => (value === true ? DEFAULT_WATCH : number(0, 86_400)(value)),
  },
};

export const SETTING_NAMES = Object.keys(ROWS) as readonly SettingName[];

/** True for values that must never be printed. */
export const isSecret = (name: SettingName): boolean => ROWS[name].secret === true;

/** Where a setting can be given: its flag and its environment variables, strongest first. */
export const sourcesOf = (name: SettingName): { flag: string; env: readonly string[] } => ({
  flag: ROWS[name].flag,
  env: ROWS[name].env,
});

/** The default of a setting. */
export const DEFAULTS: Settings = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, ROWS[name].default]),
) as unknown as Settings;
