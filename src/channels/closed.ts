/** What a receive yields when the channel is closed and empty. */
export const closed: unique symbol = Symbol("closed");
export type Closed = typeof closed;

/** What `tryReceive` yields when nothing is ready. */
export const empty: unique symbol = Symbol("empty");
export type Empty = typeof empty;
