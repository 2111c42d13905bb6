import { CoterieError, type Outcome } from "../platform/index.ts";

/** A session's command was not answered in time. It is "unknown" if it may have happened, or may happen yet. */
export class SessionTimeoutError extends CoterieError {
  readonly code = "SESSION_TIMEOUT";
  override readonly outcome: Outcome;

  constructor(name: string, timeoutMs: number, options: { readonly outcome: Outcome; readonly cause: unknown }) {
    const fate = options.outcome === "unknown" ? "it may have happened, or happen yet" : "it did not happen";
    super(`${name} was not answered within ${timeoutMs} ms: ${fate}. Raise timeoutMs, or see why the nodes refuse.`, {
      cause: options.cause,
    });
    this.outcome = options.outcome;
  }
}

/** A command of a session that was closed, or whose signal was aborted. */
export class SessionClosedError extends CoterieError {
  readonly code = "SESSION_CLOSED";
  override readonly outcome: Outcome;

  constructor(name: string, options: { readonly outcome: Outcome; readonly cause?: unknown }) {
    const fate = options.outcome === "unknown" ? "the command may have happened" : "the command did not happen";
    super(`${name}: the session was closed, and ${fate}. Open another one with store.session().`, options);
    this.outcome = options.outcome;
  }
}
