/**
 * Settings: their defaults, their checks, and where each value came from.
 * Order: flag, then environment, then `config.json` of the library, then default.
 * One table row per setting, so that flag, environment variable and file key give the same message.
 * Reads files only in `readConfigFile`; may use `errors/` and `patterns/` only.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { makeError, messageOf } from './base/errors';
import { CONFIG_FILE } from './base/names';
import { suggest } from './base/options';
import { parsePattern, splitPatterns } from './base/patterns';
import { DEVICES, type Device } from './base/types';

export interface Settings {
  /** `builtin`, a folder in the Hugging Face layout, or a repository id of the model store. */
  readonly model: string;
  /** What embeds the texts of `embed` and the server's `/embed/text`; undefined: `model`. */
  readonly textModel: string | undefined;
  /** False: a sync stores frames and leaves embedding them to `index`. */
  readonly embed: boolean;
  /** Folder of the library; undefined: `.sightline` beneath the root. */
  readonly library: string | undefined;
  /** Where the model runs; see `DEVICES`. */
  readonly device: Device;
  /** `postgres://...`: vectors in PostgreSQL; undefined: in the library's folder. */
  readonly vectorStore: string | undefined;
  /** Where vectors of texts and pictures are kept: `none`, `memory`, `disk`, `disk:FOLDER`, `redis://...`. */
  readonly cache: string | undefined;
  /** Frames per second taken from videos. */
  readonly fps: number;
  /** Every n-th frame instead of `fps`. */
  readonly everyNFrames: number | undefined;
  /** Key frames instead of `fps`. */
  readonly keyframes: boolean;
  /** Longest side of stored frames in pixels. */
  readonly maxSize: number;
  /** What one file may cost: million pixels, megabytes, seconds of a picture, frames of a video. */
  readonly maxMegapixels: number;
  readonly maxMemory: number;
  readonly maxSeconds: number;
  readonly maxFrames: number;
  /** Globs of paths to leave out. */
  readonly ignore: readonly string[];
  readonly k: number;
  readonly efSearch: number;
  readonly minSimilarity: number;
  readonly host: string;
  readonly port: number;
  /** Secret that HTTP clients must send; undefined: none. */
  readonly token: string | undefined;
}

export type SettingName = keyof Settings;

export interface Origin {
  readonly from: 'flag' | 'environment' | 'file' | 'default';
  /** `--fps`, `SIGHTLINE_FPS`, the path of the file, or an empty string for defaults. */
  readonly name: string;
}

export interface ResolvedConfig {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  /** Things worth saying that stop nothing, for example an unknown key in the file. */
  readonly warnings: readonly string[];
}

export interface ConfigSources {
  /** Values as typed (text) or already typed; undefined means not given. */
  readonly flags?: Readonly<Partial<Record<SettingName, unknown>>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly values: Readonly<Record<string, unknown>> };
}

interface SettingRow<T> {
  readonly flag: string;
  /** Environment variables, first one set wins. A `_FILE` twin of the first names a file with the value. */
  readonly env: readonly string[];
  readonly default: T;
  /** Must not be shown. */
  readonly secret?: boolean;
  /** Cannot stand in the library's own file, because it says where that file is. */
  readonly notInFile?: boolean;
  /** @throws Error with the expectation, for example `a number from 1 to 65535` */
  readonly parse: (value: unknown) => T;
}

class Expected extends Error {}

function number(low: number, high: number, whole: boolean): (value: unknown) => number {
  return (value) => {
    const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    const inRange = typeof parsed === 'number' && parsed >= low && parsed <= high;
    if (!inRange || (whole && !Number.isInteger(parsed)))
      throw new Expected(`${whole ? 'a whole number' : 'a number'} from ${low} to ${high}`);
    return parsed;
  };
}

function oneOf<T extends string>(choices: readonly T[]): (value: unknown) => T {
  return (value) => {
    const chosen = choices.find((choice) => choice === String(value).toLowerCase());
    if (chosen === undefined) throw new Expected(`one of ${choices.join(', ')}`);
    return chosen;
  };
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new Expected('a text');
  return value;
}

function boolean(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  const word = String(value).toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  if (['false', '0', 'no', 'off'].includes(word)) return false;
  throw new Expected('true or false');
}

function globs(value: unknown): readonly string[] {
  const list: unknown = typeof value === 'string' ? splitPatterns(value) : value;
  if (!Array.isArray(list) || list.some((item) => typeof item !== 'string'))
    throw new Expected('a list of glob patterns');
  const patterns = (list as string[]).filter((item) => item !== '');
  try {
    for (const pattern of patterns) parsePattern(pattern);
  } catch (error) {
    throw new Expected(`patterns of which each names something (${messageOf(error)})`);
  }
  return patterns;
}

const postgresUrl = (value: unknown): string => {
  if (typeof value !== 'string' || !/^postgres(ql)?:\/\//.test(value))
    throw new Expected('a URL such as postgres://user:password@host:5432/database');
  return value;
};

const cacheName = (value: unknown): string => {
  if (typeof value !== 'string' || !/^(none|memory|disk|disk:.+|rediss?:\/\/.+)$/.test(value))
    throw new Expected('none, memory, disk, disk:FOLDER or redis://HOST:PORT');
  return value;
};

/** Limits follow RELIABILITY section 2.E (k, ef) and what the parts below accept. */
const ROWS: { readonly [Name in SettingName]: SettingRow<Settings[Name]> } = {
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
  fps: { flag: '--fps', env: ['SIGHTLINE_FPS'], default: 1, parse: number(0.001, 240, false) },
  everyNFrames: {
    flag: '--every-n-frames',
    env: ['SIGHTLINE_EVERY_N_FRAMES'],
    default: undefined,
    parse: number(1, 1_000_000, true),
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
    parse: number(32, 4096, true),
  },
  maxMegapixels: {
    flag: '--max-megapixels',
    env: ['SIGHTLINE_MAX_MEGAPIXELS'],
    default: 400,
    parse: number(1, 10_000, false),
  },
  maxMemory: {
    flag: '--max-memory',
    env: ['SIGHTLINE_MAX_MEMORY'],
    default: 1024,
    parse: number(256, 65_536, true),
  },
  maxSeconds: {
    flag: '--max-seconds',
    env: ['SIGHTLINE_MAX_SECONDS'],
    default: 30,
    parse: number(1, 3600, false),
  },
  maxFrames: {
    flag: '--max-frames',
    env: ['SIGHTLINE_MAX_FRAMES'],
    default: 200_000,
    parse: number(1, 10_000_000, true),
  },
  ignore: { flag: '--ignore', env: ['SIGHTLINE_IGNORE'], default: [], parse: globs },
  k: {
    flag: '-k',
    env: ['SIGHTLINE_K', 'EMBEDDING_SIMILARITY_TOP_K'],
    default: 20,
    parse: number(1, 1000, true),
  },
  efSearch: {
    flag: '--ef-search',
    env: ['SIGHTLINE_EF_SEARCH'],
    default: 200,
    parse: number(1, 10_000, true),
  },
  minSimilarity: {
    flag: '--min-similarity',
    env: ['SIGHTLINE_MIN_SIMILARITY'],
    default: 0,
    parse: number(0, 1, false),
  },
  host: { flag: '--host', env: ['SIGHTLINE_HOST'], default: '127.0.0.1', parse: text },
  port: { flag: '--port', env: ['SIGHTLINE_PORT'], default: 8000, parse: number(0, 65_535, true) },
  token: {
    flag: '--token',
    env: ['SIGHTLINE_TOKEN'],
    default: undefined,
    secret: true,
    parse: text,
  },
};

const FILE_KEYS = (Object.keys(ROWS) as SettingName[]).filter((name) => !ROWS[name].notInFile);

export const SETTING_NAMES = Object.keys(ROWS) as readonly SettingName[];

/** True for values that must never be printed. */
export const isSecret = (name: SettingName): boolean => ROWS[name].secret === true;

/** Where a setting can be given: its flag and its environment variables, strongest first. */
export const sourcesOf = (name: SettingName): { flag: string; env: readonly string[] } => ({
  flag: ROWS[name].flag,
  env: ROWS[name].env,
});

/** The value a setting has when nobody says anything. */
export const DEFAULTS: Settings = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, ROWS[name].default]),
) as unknown as Settings;

/**
 * Settles every setting.
 *
 * @throws ERR_ARG_RANGE naming the flag, variable or file key, what it takes and what it was given
 */
export function resolveConfig(sources: ConfigSources = {}): ResolvedConfig {
  const settings: Record<string, unknown> = {};
  const origins: Partial<Record<SettingName, Origin>> = {};
  for (const name of SETTING_NAMES) {
    const found = findValue(name, sources);
    origins[name] = found?.origin ?? { from: 'default', name: '' };
    settings[name] = found === undefined ? ROWS[name].default : parseValue(name, found);
  }
  settings.ignore = everyRule(sources);
  return {
    settings: settings as unknown as Settings,
    origins: origins as Record<SettingName, Origin>,
    warnings: [...unknownKeys(sources.file), ...unknownVariables(sources.env ?? {})],
  };
}

/**
 * Rules add up, weakest origin first: one more on the command line must not bring back what the
 * library's own leave out.
 */
function everyRule({ file, env, flags }: ConfigSources): readonly string[] {
  const origins: ConfigSources[] = [
    file === undefined ? {} : { file },
    env === undefined ? {} : { env },
    flags === undefined ? {} : { flags },
  ];
  const rules = origins.flatMap((origin) => {
    const found = findValue('ignore', origin);
    return found === undefined ? [] : (parseValue('ignore', found) as readonly string[]);
  });
  return [...new Set(rules)];
}

/** The rules that a library keeps for itself. @throws ERR_ARG_TYPE | ERR_ARG_RANGE | ERR_IO */
export function rulesOfLibrary(dir: string): readonly string[] {
  const file = readConfigFile(path.join(dir, CONFIG_FILE));
  return file === undefined ? [] : everyRule({ file });
}

interface FoundValue {
  readonly value: unknown;
  readonly origin: Origin;
}

function findValue(name: SettingName, sources: ConfigSources): FoundValue | undefined {
  const row = ROWS[name];
  const flag = sources.flags?.[name];
  if (flag !== undefined) return { value: flag, origin: { from: 'flag', name: row.flag } };
  const env = sources.env ?? {};
  for (const variable of row.env) {
    const value = env[variable];
    // An empty variable counts as not set, and so does the `null` that spec 003 writes.
    if (value !== undefined && value !== '' && value !== 'null')
      return { value, origin: { from: 'environment', name: variable } };
  }
  const secretFile = env[`${row.env[0]}_FILE`];
  if (secretFile !== undefined && secretFile !== '')
    return {
      value: readText(secretFile).trim(),
      origin: { from: 'environment', name: `${row.env[0]}_FILE` },
    };
  const inFile = row.notInFile === true ? undefined : sources.file?.values[name];
  if (inFile !== undefined && inFile !== null)
    return { value: inFile, origin: { from: 'file', name: sources.file?.path ?? '' } };
  return undefined;
}

function parseValue(name: SettingName, found: FoundValue): unknown {
  try {
    return ROWS[name].parse(found.value);
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    const where =
      found.origin.from === 'file' ? `"${name}" in ${found.origin.name}` : found.origin.name;
    const received = ROWS[name].secret === true ? 'something else' : JSON.stringify(found.value);
    throw makeError('ERR_ARG_RANGE', `${where} takes ${error.message}, received ${received}`, {
      details: { setting: name, origin: found.origin },
    });
  }
}

function unknownKeys(file: ConfigSources['file']): string[] {
  if (file === undefined) return [];
  return Object.keys(file.values)
    .filter((key) => !Object.hasOwn(ROWS, key) || ROWS[key as SettingName].notInFile === true)
    .map(
      (key) => `${file.path}: "${key}" is not a setting and is ignored${meantBy(key, FILE_KEYS)}`,
    );
}

/** Read by other parts than this one. */
const OTHER_VARIABLES = ['SIGHTLINE_ADDON', 'SIGHTLINE_FFMPEG', 'SIGHTLINE_KERNEL'];

/** Our own ones only: nobody else begins a name so. Those of tests and harnesses are theirs. */
function unknownVariables(env: NonNullable<ConfigSources['env']>): string[] {
  const settings = Object.values(ROWS).flatMap((row) => [...row.env, `${row.env[0]}_FILE`]);
  const known = [...settings, ...OTHER_VARIABLES].filter((name) => name.startsWith('SIGHTLINE_'));
  return Object.keys(env)
    .filter((name) => /^SIGHTLINE_(?!TEST_|ENCODER_FAULTS|FUZZ|SEED|SCREENSHOT)/.test(name))
    .filter((name) => !known.includes(name))
    .map((name) => `${name} is not a variable of Sightline and is ignored${meantBy(name, known)}`);
}

function meantBy(name: string, known: readonly string[]): string {
  const meant = suggest(name, known);
  return meant === undefined ? '' : `: did you mean ${meant}?`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw makeError('ERR_IO', `${path} could not be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Reads a settings file; undefined when there is none.
 *
 * @throws ERR_ARG_TYPE when it is not a JSON object; ERR_IO
 */
export function readConfigFile(path: string): ConfigSources['file'] {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw makeError('ERR_IO', `${path} could not be read: ${messageOf(cause)}`, { cause });
  }
  let values: unknown;
  try {
    values = JSON.parse(content);
  } catch (cause) {
    throw makeError('ERR_ARG_TYPE', `${path} is not JSON: ${messageOf(cause)}`, { cause });
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw makeError('ERR_ARG_TYPE', `${path} must hold one JSON object`);
  return { path, values: values as Record<string, unknown> };
}

/** How frames are taken from videos: exactly one of the three ways. */
export type Sampling =
  { readonly fps: number } | { readonly everyNFrames: number } | { readonly keyframes: true };

const RANK: Readonly<Record<Origin['from'], number>> = {
  flag: 0,
  environment: 1,
  file: 2,
  default: 3,
};

/**
 * The way that was asked for with the strongest origin; `fps` when nothing was said.
 *
 * @throws ERR_ARG_RANGE when two ways are asked for by the same origin
 */
export function samplingOf(config: ResolvedConfig): Sampling {
  const { settings, origins } = config;
  const ways = (
    [
      ['keyframes', settings.keyframes ? { keyframes: true } : undefined],
      [
        'everyNFrames',
        settings.everyNFrames === undefined ? undefined : { everyNFrames: settings.everyNFrames },
      ],
      ['fps', { fps: settings.fps }],
    ] as const
  ).filter(([, way]) => way !== undefined) as [SettingName, Sampling][];
  const best = Math.min(...ways.map(([name]) => RANK[origins[name].from]));
  const chosen = ways.filter(([name]) => RANK[origins[name].from] === best);
  if (chosen.length > 1)
    throw makeError(
      'ERR_ARG_RANGE',
      `${chosen.map(([name]) => origins[name].name).join(' and ')} exclude each other: give one of them`,
    );
  return (chosen[0] as [SettingName, Sampling])[1];
}
