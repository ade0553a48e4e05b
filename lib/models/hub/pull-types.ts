/** What a pull is asked and what it answers. */
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
  /** Of the files that are needed, also those that were there before. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly doneFiles: number;
  readonly totalFiles: number;
  /** File at hand. */
  readonly path: string;
}

export interface PullOptions {
  /** Number type of the weights; default `fp32`. */
  readonly dtype?: Dtype;
  /** Branch, tag or commit; default what the name says after `@`, or `main`. */
  readonly revision?: string;
  /** Ask the hub and say what would be done; write nothing. */
  readonly isDryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Called for each file once it is in place; in a dry run for each file that is needed. */
  readonly onFile?: (file: PulledFile) => void;
  /** Where settings are looked up; default `process.env`. */
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
  /** Undefined in a dry run for files that git holds and that are not here. */
  readonly sha256: string | undefined;
  readonly state: 'present' | 'downloaded' | 'needed';
}

export interface PullReport {
  /** What to give to `--model`. */
  readonly id: string;
  /** Commit. */
  readonly revision: string;
  /** Commit that was used before, when this pull moved the branch or tag. */
  readonly previousRevision: string | undefined;
  readonly dtype: Dtype;
  readonly folder: string;
  readonly files: readonly PulledFile[];
  readonly totalBytes: number;
  /** What has come over the line in this run. */
  readonly downloadedBytes: number;
  readonly isDryRun: boolean;
}
