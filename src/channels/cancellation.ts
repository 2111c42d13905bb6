import { Context, contextOfSignal } from "./context.ts";

/** What ends a waiting operation before its time. */
export type Cancellation = Context | AbortSignal;

export function contextOf(cancellation: Cancellation): Context {
  return cancellation instanceof Context ? cancellation : contextOfSignal(cancellation);
}
