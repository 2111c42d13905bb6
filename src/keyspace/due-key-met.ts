/** A read has met a key that is due but whose time the replicated clock has not reached yet. */
export class DueKeyMet {}

/**
 * What `read` answers then: the host proposes an entry without commands at the read's `nowMs` (one for all reads of a
 * turn) and reads again once it is applied.
 */
export const dueKeyMet: DueKeyMet = new DueKeyMet();
