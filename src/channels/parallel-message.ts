import { CancelledError, DeadlineExceededError } from "./errors.ts";

/**
 * What the two sides of a thread say to each other. A *call* is one run of a function. An *end* is one end of a channel that
 * is lent for the length of a call: values go one way, each against a credit that came the other way.
 *
 * ```
 *   caller's thread                        worker's thread
 *   call ───────────────────────────────▶
 *   cancel ─────────────────────────────▶
 *   value, finish ──────────────────────▶  (an end that is received from there)
 *        ◀────────────────────────── credit
 *        ◀─────────────────── value, finish   (an end that is sent on from there)
 *   credit, finish ─────────────────────▶
 *        ◀──────────────────────── outcome
 *   release ────────────────────────────▶  (no value comes any more: what has not been received?)
 *        ◀─────────────────────── released
 * ```
 */
export type ToWorker =
  | {
      readonly kind: "call";
      readonly call: number;
      readonly module: string;
      readonly name: string;
      readonly arguments: readonly WireArgument[];
    }
  | { readonly kind: "cancel"; readonly call: number; readonly error: WireError }
  | { readonly kind: "release"; readonly call: number }
  | ChannelMessage;

export type FromWorker =
  | {
      readonly kind: "outcome";
      readonly call: number;
      readonly outcome: { readonly value: unknown } | { readonly error: WireError };
    }
  | { readonly kind: "released"; readonly call: number; readonly unused: readonly UnusedValues[] }
  | ChannelMessage;

export type ChannelMessage =
  | { readonly kind: "value"; readonly end: number; readonly value: unknown }
  | { readonly kind: "credit"; readonly end: number }
  /** The channel is closed, or has failed. Goes both ways: the side that receives may find it closed by somebody else. */
  | { readonly kind: "finish"; readonly end: number; readonly failure: WireError | undefined };

/** Values that were sent to an end and that nobody has received there, the oldest first. */
export interface UnusedValues {
  readonly end: number;
  readonly values: readonly unknown[];
}

export type WireArgument =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "context" }
  | { readonly kind: "receiver"; readonly end: number; readonly window: number }
  | { readonly kind: "sender"; readonly end: number; readonly window: number };

/** An error as plain data: structured cloning forgets an error's class, code and name. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly cause: WireError | undefined;
}

const standardErrors: ReadonlyMap<string, new (message: string, options: { cause?: unknown }) => Error> = new Map([
  ["EvalError", EvalError],
  ["RangeError", RangeError],
  ["ReferenceError", ReferenceError],
  ["SyntaxError", SyntaxError],
  ["TypeError", TypeError],
  ["URIError", URIError],
]);

/** How deep a chain of causes is followed: one may lead back to itself. */
const causesMax = 8;

export function encodeError(error: unknown, depth = 0): WireError {
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error), stack: undefined, code: undefined, cause: undefined };
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const hasCause = error.cause !== undefined && depth < causesMax;
  const cause = hasCause ? encodeError(error.cause, depth + 1) : undefined;
  return { name: error.name, message: error.message, stack: error.stack, code, cause };
}

/** An error with the name, message, code and stack of the one in the other thread; of the same class where that is a standard one. */
export function decodeError(wire: WireError): Error {
  const cause = wire.cause === undefined ? undefined : decodeError(wire.cause);
  if (wire.code === "CANCELLED") return new CancelledError({ cause });
  if (wire.code === "DEADLINE_EXCEEDED") return new DeadlineExceededError();
  const Class = standardErrors.get(wire.name) ?? Error;
  const error = new Class(wire.message, cause === undefined ? {} : { cause });
  const details = { name: wire.name, stack: wire.stack ?? error.stack };
  return Object.assign(error, details, wire.code === undefined ? {} : { code: wire.code });
}
