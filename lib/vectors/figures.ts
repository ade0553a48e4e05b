/** `stats` and `verify`: the native figures plus what the facade knows. */
import { attempt, type IndexCore } from './core';
import { measureDefault } from './search/tune';
import type { IndexStats, IndexVerifyReport } from './types';

export function statsOf(core: IndexCore): IndexStats {
  const { unsaved, graphProblem, codesReason, ...figures } = attempt(() =>
    core.binding.stats(core.handle),
  );
  const { M, efConstruction, label, recovered } = core.info;
  const { efSearch, measured } = core;
  return {
    ...figures,
    dim: core.dim,
    metric: core.metric,
    storage: core.storage,
    M,
    efConstruction,
    label,
    efSearch,
    isUnsaved: unsaved,
    codes: {
      kind: core.storage === 'f32' ? null : core.storage,
      used: figures.walksOnCodes,
      reason: codesReason,
    },
    ...(measured === undefined ? {} : { measured }),
    ...(graphProblem === '' ? {} : { graphProblem }),
    ...(recovered === '' ? {} : { recovered }),
  };
}

/** Call as the one writer. */
export async function verify(core: IndexCore): Promise<IndexVerifyReport> {
  const report = await core.binding.verify(core.handle);
  const ok = report.problems.length === 0;
  if (!ok || core.isClosing) return { ok, ...report };
  const measured = await measureDefault(core).catch((error: unknown) => {
    // The files have been checked; a close in between only drops the recall figure.
    if (core.isClosing) return undefined;
    throw error;
  });
  if (measured === undefined) return { ok, ...report };
  core.measured = measured;
  return { ok, ...report, measured };
}
