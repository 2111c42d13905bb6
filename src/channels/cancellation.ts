import { Context, contextOfSignal } from "./context.ts";

/** What ends a waiting operation before its time. */
export type Cancellation = Context | AbortSignal;

/** The context that `cancellation` is, or stands for: one for each signal. @throws InvalidArgumentError for anything else. */
export function contextOf(cancellation: Cancellation): Context {
  return cancellation instanceof Context ? cancellation : contextOfSignal(cancellation);
}
