import type { BenchOptions } from "./options.ts";
import type { SuiteReport } from "./report.ts";
import type { Premises } from "./systems/system.ts";

/** What a suite may use. */
export interface Bench {
  readonly options: BenchOptions;
  readonly premises: Premises;
  /** Tells the waiting human what goes on, on standard error. */
  progress(text: string): void;
}

/** A group of measurements that is asked for by name: `npm run bench -- NAME`. */
export interface Suite {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  run(bench: Bench): Promise<SuiteReport>;
}
