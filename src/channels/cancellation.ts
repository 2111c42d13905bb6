import { background, Context } from "./context.ts";

/** What ends a waiting operation before its time. */
export type Cancellation = Context | AbortSignal;

/** One context for a signal, however many operations wait under it, so that each signal has one listener of ours. */
const contexts = new WeakMap<AbortSignal, Context>();

export function contextOf(cancellation: Cancellation): Context {
  if (cancellation instanceof Context) return cancellation;
  let context = contexts.get(cancellation);
  if (context === undefined) {
    context = Context.fromSignal(cancellation, background());
    contexts.set(cancellation, context);
  }
  return context;
}
