/** What a receive yields when the channel is closed and empty. */
export const closed: unique symbol = Symbol("closed");
/** The type of {@link closed}. */
export type Closed = typeof closed;

/** What `tryReceive` yields when nothing is ready. */
export const empty: unique symbol = Symbol("empty");
/** The type of {@link empty}. */
export type Empty = typeof empty;
