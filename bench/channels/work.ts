/**
 * The work that every library does. `pingPong`: a value goes to a partner over an unbuffered channel and comes back over
 * another. `buffered`: values go one way through a channel of 128. `select`: one of two channels that both hold a value
 * is received from, and refilled. In the works named `…Tight` an operation that need not wait is not awaited.
 */
export const workNames = ["pingPong", "pingPongTight", "buffered", "bufferedTight", "select"] as const;
export type WorkName = (typeof workNames)[number];

/** Does `count` operations (round trips, values, selects); throws where a value is lost, doubled or out of order. */
export type Work = (count: number) => Promise<void>;
export type Works = Partial<Record<WorkName, Work>>;

export const bufferCapacity = 128;

export function check(isRight: boolean): void {
  if (!isRight) throw new Error("a value is lost, doubled or out of order");
}
