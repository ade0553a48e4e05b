/** A suite is a function of the options that returns data for the file and tables. */
import type { BenchOptions } from './options';

export interface SuiteResult {
  /** Why the suite cannot run here; the rest is then empty. */
  readonly skipped?: string;
  /** For the JSON document, under the suite's name. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly tables: readonly string[];
  /** Top-level fields of the document, by spec 004 section 10.2. */
  readonly top?: Readonly<Record<string, unknown>>;
}

export type Suite = (options: BenchOptions) => Promise<SuiteResult>;

export const skipSuite = (reason: string): SuiteResult => ({
  skipped: reason,
  data: { skipped: reason },
  tables: [],
});
