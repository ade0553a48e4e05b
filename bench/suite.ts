/** What a suite is: a function of the options that gives figures for the file and tables for people. */
import type { BenchOptions } from './options';

export interface SuiteResult {
  /** Why this suite does not run here, for example in an installed package; then the rest is empty. */
  readonly skipped?: string;
  /** Goes into the JSON document under the suite's name. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly tables: readonly string[];
  /** Fields that spec 004 section 10.2 wants at the top of the document. */
  readonly top?: Readonly<Record<string, unknown>>;
}

export type Suite = (options: BenchOptions) => Promise<SuiteResult>;

export const skipSuite = (reason: string): SuiteResult => ({
  skipped: reason,
  data: { skipped: reason },
  tables: [],
});
