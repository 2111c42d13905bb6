import type { Entry, Term } from "../../src/raft/index.ts";

/** Entries of one byte each. */
export function entriesForTest(from: number, count: number, term: Term = 3): Entry[] {
  return Array.from({ length: count }, (_, i) => ({ kind: "normal", term, index: from + i, data: Uint8Array.of(i) }));
}
