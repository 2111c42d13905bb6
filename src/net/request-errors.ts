import { CoterieError, type Outcome } from "../platform/index.ts";

/** What JSON-RPC 2.0 says of a request that was not carried out, and LSP of one that was given up. */
export const errorCodes = {
  malformed: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  cancelled: -32_800,
} as const;

const refusals: ReadonlySet<number> = new Set([
  errorCodes.malformed,
  errorCodes.invalidRequest,
  errorCodes.methodNotFound,
  errorCodes.invalidParams,
]);

/**
 * The other side answered with an error. On the serving side a handler throws it to answer so; other errors of a handler
 * are its own affair and are answered as an "internal error".
 */
export class RequestFailedError extends CoterieError {
  readonly code = "REQUEST_FAILED";
  /** "notApplied" where the request was refused before a handler saw it. */
  override readonly outcome: Outcome;
  /** The program's own; below -32,000 JSON-RPC's ({@link errorCodes}). Default 1. */
  readonly errorCode: number;
  /** Whatever the program adds; JSON. */
  readonly data: unknown;

  constructor(message: string, { errorCode = 1, data }: { readonly errorCode?: number; readonly data?: unknown } = {}) {
    super(message);
    this.errorCode = errorCode;
    this.data = data;
    this.outcome = refusals.has(errorCode) ? "notApplied" : "unknown";
  }
}

/** No answer came in time. The other side was told to give up, and may have carried the request out all the same. */
export class RequestTimeoutError extends CoterieError {
  readonly code = "REQUEST_TIMEOUT";
  override readonly outcome = "unknown";
  readonly method: string;
  constructor(method: string, options?: { readonly cause?: unknown }) {
    super(`${method}: no answer came in time; it may have been carried out: ask before repeating it`, options);
    this.method = method;
  }
}

/** The request was given up while it waited for its answer, and the other side was told so. `cause` is the reason. */
export class RequestCancelledError extends CoterieError {
  readonly code = "REQUEST_CANCELLED";
  override readonly outcome = "unknown";
  readonly method: string;
  constructor(method: string, options?: { readonly cause?: unknown }) {
    super(`${method}: given up before the answer came; it may have been carried out`, options);
    this.method = method;
  }
}

/** The connection ended before the answer came. `cause` says how, unless it was an orderly end. */
export class RequestUnansweredError extends CoterieError {
  readonly code = "REQUEST_UNANSWERED";
  override readonly outcome = "unknown";
  readonly method: string;
  constructor(method: string, options?: { readonly cause?: unknown }) {
    super(`${method}: the connection ended before the answer came; it may have been carried out`, options);
    this.method = method;
  }
}
