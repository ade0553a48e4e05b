/** What a suite is: a function of the options that gives figures for the file and tables for people. */
import type { BenchOptions } from './options';

export interface SuiteResult {
  /** Goes into the JSON document under the suite's name. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly tables: readonly string[];
  /** Fields that spec 004 section 10.2 wants at the top of the document. */
  readonly top?: Readonly<Record<string, unknown>>;
}

export type Suite = (options: BenchOptions) => Promise<SuiteResult>;
