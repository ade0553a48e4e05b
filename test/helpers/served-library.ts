/** A real library of drawn pictures and a film, indexed once in a run of tests, and a server in front. */
import path from 'node:path';
import { openLibrary, type Library } from '../../lib/library';
import type { EmbeddingService } from '../../lib/service';
import { startServer, type RunningServer, type StartOptions } from '../../lib/server';
import { noFfmpeg, writeVideo } from './media';
import { drawPictures } from './media-folder';
import { fillFromShared } from './shared-folder';
import { makeTempDir } from './temp';

export const PICTURES = 12;

export interface TestLibrary {
  readonly library: Library;
  readonly root: string;
  /** False where there is no ffmpeg: then there are pictures only. */
  readonly hasFilm: boolean;
}

export async function makeTestLibrary(name: string, pictures = PICTURES): Promise<TestLibrary> {
  const root = makeTempDir(name);
  const hasFilm = noFfmpeg === undefined;
  await fillFromShared(root, `library-of-${pictures}`, async (dir) => {
    await drawPictures(dir, pictures);
    if (hasFilm) writeVideo(path.join(dir, 'film.mp4'), 4);
    await using made = await openLibrary(dir);
    await made.sync();
  });
  const library = await openLibrary(root);
  await library.sync();
  return { library, root, hasFilm };
}

/** Starts a server on a free port of 127.0.0.1. Log entries are collected, not printed. */
export async function serve(
  library: Library | EmbeddingService,
  options: StartOptions = {},
): Promise<RunningServer & { readonly log: string[] }> {
  const log: string[] = [];
  const server = await startServer(library, {
    port: 0,
    log: (entry) => log.push(JSON.stringify(entry)),
    ...options,
  });
  return { ...server, log };
}

/** The library with some of its methods replaced: the way to inject faults and delays. */
export function withMethods(library: Library, methods: Partial<Library>): Library {
  return new Proxy(library, {
    get(target, name) {
      const own = (methods as Record<string | symbol, unknown>)[name];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
