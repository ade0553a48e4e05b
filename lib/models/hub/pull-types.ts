/** Options and report of a pull. */
import {
  BOOLEAN,
  FUNCTION,
  integer,
  objectOf,
  oneOf,
  RECORD,
  SIGNAL,
  TEXT,
  type OptionRules,
} from '../../base/options';
import { DTYPES, type Dtype } from '../dtype';
import type { RetryRule } from './http';

export interface PullProgress {
  /** Of the needed files, including those already present. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly doneFiles: number;
  readonly totalFiles: number;
  /** The current file. */
  readonly path: string;
}

export interface PullOptions {
  /** Number type of the weights; default `fp32`. */
  readonly dtype?: Dtype;
  /** Branch, tag or commit; default what follows `@` in the name, or `main`. */
  readonly revision?: string;
  /** Report what would be downloaded; write nothing. */
  readonly isDryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Called for each file once it is complete; in a dry run for each needed file. */
  readonly onFile?: (file: PulledFile) => void;
  /** Environment variables; default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  readonly retry?: RetryRule;
}

export const PULL_OPTIONS: OptionRules<PullOptions> = {
  dtype: oneOf(DTYPES),
  revision: TEXT,
  isDryRun: BOOLEAN,
  signal: SIGNAL,
  onProgress: FUNCTION,
  onFile: FUNCTION,
  env: RECORD,
  retry: objectOf({ tries: integer(1, 100), firstWaitMs: integer(0, 60_000) }),
};

export interface PulledFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Undefined in a dry run for absent files that are not in Git LFS. */
  readonly sha256: string | undefined;
  readonly state: 'present' | 'downloaded' | 'needed';
}

export interface PullReport {
  /** Name for `--model`. */
  readonly id: string;
  /** Commit. */
  readonly revision: string;
  /** The previous commit, if this pull moved the branch or tag. */
  readonly previousRevision: string | undefined;
  readonly dtype: Dtype;
  readonly folder: string;
  readonly files: readonly PulledFile[];
  readonly totalBytes: number;
  /** Received in this run. */
  readonly downloadedBytes: number;
  readonly isDryRun: boolean;
}
