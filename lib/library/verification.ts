/** Full checks of an open library, and their repair: media, frames and vectors, and what is known of EXR files. */
import type { Catalog } from '../catalog';
import { rulesOfLibrary } from '../config';
import { makeError } from '../base/errors';
import {
  repairLibrary,
  runSync,
  verifyLibrary,
  type SyncParts,
  type VerifyOutcome,
} from '../pipeline';
import type { ExrParts } from './exr';
import type { CurrentSpace } from './spaces/current-space';

/** Attempts of a reader to check the library while another process keeps writing. */
const ATTEMPTS = 3;

export interface Verifiable {
  readonly dir: string;
  readonly catalog: Catalog;
  readonly current: CurrentSpace;
  readonly exr: Pick<ExrParts['exr'], 'verify' | 'repair'>;
  readonly signal: AbortSignal;
  /** Of the space that is current then. */
  parts(): SyncParts;
}

async function check({ parts, exr, signal }: Verifiable): Promise<VerifyOutcome> {
  const outcome = await verifyLibrary({ ...parts(), signal });
  const problems = [...outcome.problems, ...(await exr.verify())];
  return { ...outcome, ok: problems.length === 0, problems };
}

/** Nothing else may change the library meanwhile. */
export async function verifyAsWriter(library: Verifiable, repair: boolean): Promise<VerifyOutcome> {
  const { dir, current, exr, signal, parts } = library;
  let outcome = await check(library);
  if (!repair || outcome.ok) return outcome;
  await repairLibrary(parts(), outcome, { ignore: rulesOfLibrary(dir), signal });
  await exr.repair(signal);
  outcome = await check(library);
  if (outcome.isIndexSound && outcome.rowsAgree) return outcome;
  // The engine has rows that nothing refers to: rebuild it from the stored frames.
  await current.space.startAfresh();
  await runSync(parts(), { signal }, { ingest: false, embed: true });
  return check(library);
}

/** Changes by a writer in between would look like damage. @throws ERR_BUSY */
export async function verifyAsReader(library: Verifiable): Promise<VerifyOutcome> {
  const { catalog, current } = library;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await current.refresh(true);
    const before = catalog.foreignVersion();
    const outcome = await current.space.use(() => check(library));
    if (outcome.ok || catalog.foreignVersion() === before) return outcome;
  }
  throw makeError(
    'ERR_BUSY',
    'another process is changing the library: verify it when its sync is done',
  );
}
