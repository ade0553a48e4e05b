/** What the verbs share: a checked root, the settings with their origins, and a library. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfigFile, resolveConfig, samplingOf, SETTING_NAMES } from '../config';
import type { ResolvedConfig, SettingName } from '../config';
import { codeOf, isLibraryError, makeError } from '../base/errors';
import { findLibrary, openLibrary } from '../library';
import { CONFIG_FILE, LIBRARY_FOLDER } from '../base/files/names';
import type { Library } from '../library/types';
import type { SyncOptions } from '../base/types';
import { printable } from './output/format';
import type { Io } from './output/io';

/** Flags from commander: settings, and options of single verbs. */
export type Flags = Readonly<Record<string, unknown>>;

export interface Session {
  /** The root as typed, for display. */
  readonly shownRoot: string;
  readonly root: string;
  readonly config: ResolvedConfig;
  readonly io: Io;
}

/** @throws ERR_ARG_RANGE for a bad root or setting; ERR_ARG_TYPE for a bad settings file */
export function startSession(rootArgument: string | undefined, flags: Flags, io: Io): Session {
  const shownRoot = rootArgument ?? '.';
  const root = path.resolve(shownRoot);
  const config = settle(root, flags);
  // The disk of the media may be unplugged: the library can still be searched.
  if (!isFolder(root) && findLibrary(root, config.settings.library) === undefined)
    throw makeError('ERR_ARG_RANGE', `there is no folder "${printable(shownRoot)}"`, {
      details: { root },
    });
  for (const warning of config.warnings) io.note(`warning: ${printable(warning)}`);
  return { shownRoot, root, config, io };
}

/** False also for a folder that may not be read. */
export function isFolder(name: string): boolean {
  try {
    return statSync(name).isDirectory();
  } catch {
    return false;
  }
}

function settle(root: string, flags: Flags): ResolvedConfig {
  const given = Object.fromEntries(SETTING_NAMES.map((name) => [name, flags[name]])) as Partial<
    Record<SettingName, unknown>
  >;
  // Commander sets `embed` to true if --no-embed is absent, which would override other origins.
  if (given.embed === true) delete given.embed;
  const sources = { flags: given, env: process.env };
  const { library } = resolveConfig(sources).settings;
  const file = readConfigFile(path.join(library ?? path.join(root, LIBRARY_FOLDER), CONFIG_FILE));
  return resolveConfig({ ...sources, file });
}

/** `auto` is no name: `photographs.ts` decides once there are pictures. */
const isNamed = ({ config }: Session): boolean =>
  config.origins.model.from !== 'default' && config.settings.model !== 'auto';

/** The folder of the library, if it exists. */
export const existingLibrary = (session: Session): string | undefined =>
  findLibrary(session.root, session.config.settings.library);

/**
 * Opens the library. The model is passed only if the user chose one: an existing library keeps its own.
 *
 * @throws ERR_LIBRARY_MISSING when `create` is false and there is none
 */
export async function openSession(
  session: Session,
  options: {
    readonly readOnly?: boolean;
    readonly create?: boolean;
    readonly textModel?: string | undefined;
    /** Default true: the model that the user chose, if any. False: the library's. */
    readonly named?: boolean;
  } = {},
): Promise<Library> {
  const { settings } = session.config;
  const create = options.create ?? options.readOnly !== true;
  if (!create && existingLibrary(session) === undefined)
    throw makeError(
      'ERR_LIBRARY_MISSING',
      `${printable(session.shownRoot)} has no library yet: run "sightline sync" on it first`,
    );
  return openLibrary(session.root, {
    dir: settings.library,
    device: settings.device,
    onNotice: (line) => session.io.note(`note: ${printable(line)}`),
    vectorStore: settings.vectorStore,
    textModel: options.textModel,
    cache: settings.cache,
    model: isNamed(session) && options.named !== false ? settings.model : undefined,
    readOnly: options.readOnly,
    create,
  });
}

const NOT_WRITABLE = new Set(['ERR_FILE_LOCKED', 'ERR_READ_ONLY', 'ERR_BUSY']);
const MADE_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 100;

/**
 * Opens for writing; or for reading if another process is writing or the disk is read-only. A search does
 * not wait for a sync in another process, only for the creation of the library.
 *
 * @throws ERR_LIBRARY_MISSING if the other process creates none within 30 s
 */
export async function openForSearch(
  session: Session,
): Promise<{ library: Library; isWriter: boolean }> {
  try {
    return { library: await openSession(session), isWriter: true };
  } catch (error) {
    const isOccupied = isLibraryError(error) && NOT_WRITABLE.has(error.code);
    if (!isOccupied || existingLibrary(session) === undefined) throw error;
    const mayBeWritten = error.code !== 'ERR_READ_ONLY';
    session.io.note(
      mayBeWritten
        ? 'another process is updating this library: using what is indexed already'
        : 'this library may not be written, so new files were not looked for: using what is indexed already',
    );
    const library = await (mayBeWritten
      ? openWhenMade(session)
      : openSession(session, { readOnly: true }));
    return { library, isWriter: false };
  }
}

/** Opens for reading a library that another process may be creating. */
async function openWhenMade(session: Session): Promise<Library> {
  for (const deadline = Date.now() + MADE_WITHIN_MS; ;) {
    try {
      return await openSession(session, { readOnly: true });
    } catch (error) {
      const isBeingMade = codeOf(error) === 'ERR_LIBRARY_MISSING';
      if (!isBeingMade || Date.now() > deadline) throw error;
      await delay(LOOK_AGAIN_MS);
    }
  }
}

export function syncOptionsOf(session: Session, flags: Flags): SyncOptions {
  const { settings, origins } = session.config;
  // Also refuses settings that exclude each other.
  const sampling = samplingOf(session.config);
  const isAsked = (name: SettingName): boolean => origins[name].from !== 'default';
  const takenBack = (flags.unignore ?? []) as readonly string[];
  return {
    // Only if chosen: a default must not change how files were sampled.
    ...((['fps', 'everyNFrames', 'keyframes'] as const).some(isAsked) ? sampling : {}),
    ...(isAsked('maxSize') ? { maxSize: settings.maxSize } : {}),
    embed: settings.embed,
    limits: {
      megapixels: settings.maxMegapixels,
      memoryMb: settings.maxMemory,
      seconds: settings.maxSeconds,
      videoFrames: settings.maxFrames,
    },
    ignore: settings.ignore.filter((rule) => !takenBack.includes(rule)),
    ...(flags.dryRun === true ? { dryRun: true } : {}),
    ...(flags.resample === true ? { resample: true } : {}),
    ...(flags.retryFailed === true ? { retryFailed: true } : {}),
    ...(flags.confirmRemovals === true ? { confirmRemovals: true } : {}),
  };
}
