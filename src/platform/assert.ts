/**
 * Assertions are for our own bugs: what is asserted is true unless the code is wrong. They stay on in production, and
 * a failure stops the replica or the node that it happened in. What a peer, a disk, a client or a file says is input
 * and is never asserted.
 */
export class AssertionFailure extends Error {
  override readonly name: string = "AssertionFailure";
}

/** Throws {@link AssertionFailure} unless `condition` holds. On a hot path pass a constant `message`. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Ends every `switch` over a union: a new member does not compile until it has a case. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${JSON.stringify(value)}`);
}
