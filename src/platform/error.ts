/** What a caller may assume of the operation that failed: "applied" says that it was done, and only its result is lost. */
export type Outcome = "notApplied" | "unknown" | "applied";

/**
 * The base of every error that reaches a user. `code` is stable and is what callers match on; the message says what
 * happened, to what, and what to do now; `outcome` answers "may it have happened?".
 */
export abstract class CoterieError extends Error {
  abstract readonly code: string;
  readonly outcome: Outcome = "notApplied";

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}
