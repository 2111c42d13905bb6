import { CoterieError, type Outcome } from "../platform/index.ts";

/** A value was sent on a channel that is closed; in Go this panics. */
export class SendOnClosedChannelError extends CoterieError {
  readonly code = "SEND_ON_CLOSED_CHANNEL";
  constructor() {
    super("send on a closed channel: only the sender should close it, after its last send");
  }
}

/** `close` was called twice; in Go this panics. */
export class CloseOfClosedChannelError extends CoterieError {
  readonly code = "CLOSE_OF_CLOSED_CHANNEL";
  constructor() {
    super("close of a closed channel: a channel is closed once, by whoever owns its sending side");
  }
}

/** The operation's context was cancelled before it could take place: no value was sent or received. */
export class CancelledError extends CoterieError {
  readonly code = "CANCELLED";
  constructor(options?: { readonly cause?: unknown }) {
    super("cancelled: the context ended before the operation could take place", options);
  }
}

/** The context's deadline passed before the operation could take place: no value was sent or received. */
export class DeadlineExceededError extends CoterieError {
  readonly code = "DEADLINE_EXCEEDED";
  constructor() {
    super("deadline exceeded: the context's time ran out before the operation could take place");
  }
}

/** A `capacity`, a limit or a duration that makes no sense. */
export class InvalidArgumentError extends CoterieError {
  readonly code = "INVALID_ARGUMENT";
}

/** More was given back than was taken: `unlock` of an unlocked mutex, `done` past zero, `release` past the limit. */
export class UnbalancedError extends CoterieError {
  readonly code = "UNBALANCED";
}

/** The thread that ran a call ended before the call did; `cause` is what ended it, if it was an error. */
export class WorkerCrashedError extends CoterieError {
  readonly code = "WORKER_CRASHED";
  override readonly outcome: Outcome = "unknown";
  readonly exitCode: number;
  constructor(exitCode: number, options?: { readonly cause?: unknown }) {
    const why = options?.cause instanceof Error ? `: ${options.cause.message}` : "";
    super(`the worker thread ended with exit code ${exitCode}${why}; what it was doing may be half done`, options);
    this.exitCode = exitCode;
  }
}

/** A call came to a pool of threads that is closed. */
export class ParallelClosedError extends CoterieError {
  readonly code = "PARALLEL_CLOSED";
  constructor(name: string) {
    super(`${name}: the pool of threads is closed; make another one with parallel()`);
  }
}
