/**
 * The built-in model does not know photographs: offers the model that does. On a terminal by one question,
 * the first time; with `--model auto` or `--yes` without one. Elsewhere the hint of the search names two commands.
 */
import { createInterface } from 'node:readline/promises';
import { codeOf, messageOf } from '../base/errors';
import { bytesOfPhotographModel, hubCacheDir, PHOTOGRAPH_MODEL as MODEL } from '../library/models';
import type { Library } from '../library/types';
import type { SyncOptions } from '../base/types';
import { formatBytes, printable } from './output/format';
import type { Io } from './output/io';
import type { ProgressStyle } from './output/progress-style';
import type { Flags } from './session';
import { runSync, type SyncOutcome } from './sync-run';
import { pullWithProgress } from './verbs/models/models-pull';

export interface Offer {
  /** Of the sync before. */
  readonly hint: string | undefined;
  /** Nobody has been asked of this library. */
  readonly isFirst: boolean;
}

/** @returns the outcome of the sync with the other model; undefined where there was none */
export async function offerModel(
  io: Io,
  library: Library,
  flags: Flags,
  options: SyncOptions,
  { hint, isFirst }: Offer,
): Promise<SyncOutcome | undefined> {
  if (hint === undefined || options.dryRun === true || options.embed === false) return undefined;
  const isTaken = flags.model === 'auto' || flags.yes === true;
  const mayAsk = isFirst && process.stdin.isTTY === true && process.stderr.isTTY === true;
  if (!isTaken && (!mayAsk || io.isQuiet || io.isJson || !(await isWanted(io, hint))))
    return undefined;
  const progress = flags.progress as ProgressStyle;
  await pullWithProgress(MODEL, { progress }, io);
  io.note(`embedding everything with ${MODEL} (Ctrl-C is safe; the next sync goes on)`);
  return runSync(io, options, progress, (o) => library.sync({ ...o, model: MODEL }));
}

/** Says why, what it costs and where it goes. Without the hub there is nothing to ask. */
async function isWanted(io: Io, hint: string): Promise<boolean> {
  let bytes: number;
  try {
    bytes = await bytesOfPhotographModel();
  } catch (error) {
    io.note(
      `note: ${hint} (its hub cannot be asked now: ${printable(messageOf(error))}, ${codeOf(error)})`,
    );
    return false;
  }
  const cost =
    bytes === 0 ? 'it is here already' : `${formatBytes(bytes)} to ${hubCacheDir(process.env)}`;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `These are photographs, and the built-in model knows drawn scenes.\nGet ${MODEL} (${cost}) and use it? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
