/**
 * The end of a segment, kept for what a node must be able to write when there is no space for another segment:
 *
 * ```
 *  ─── entries ──────────┬── full: no more are asked for ──┬───────────────────── the reserve ──────────────────────┐
 *                        │ what is under way still fits    │ deletes, and what │ what stands     │ what is vital:   │
 *                        │                                 │ stands before     │ before vital    │ votes, terms,    │
 *                        │                                 │ them              │ entries         │ vital entries    │
 *                        -2                                -1                  -5/8              -1/4               0
 * ```
 *
 * Sets of one group never pass each other, so that a vote, or the entry by which a leader begins its term, would wait for space behind
 * ordinary entries. Hence these come along, as long as they leave the last quarter alone; and a follower takes such entries from
 * its leader as long as they leave half. Entries that only free space are written in the first part of the reserve, and what stands before
 * them as well: clients can send any number of them, and elections go on without them. Why so: docs/decisions/full-disks.md.
 */
import { blockBytes } from "./format.ts";

/** A quarter of the segment, at most this: more than a leader has under way in one group, twice. */
const reserveBytesMax = 8 * 1_048_576;

export class Reserve {
  /** Entries are refused from here on. */
  readonly fullFrom: number;
  /** Nothing is written beyond it, but what is vital and what that stands behind. */
  readonly start: number;
  /** Up to here entries that only free space are taken and written, with what stands before them. */
  readonly freeingEnd: number;
  /** Up to here what stands before something vital is taken from others. */
  readonly takenEnd: number;
  /** Up to here it is written. */
  readonly vitalStart: number;

  /** Of a segment of that size. */
  constructor(allocatedBytes: number) {
    const bytes = Math.min(reserveBytesMax, allocatedBytes / 4);
    this.fullFrom = allocatedBytes - 2 * bytes;
    this.start = allocatedBytes - bytes;
    this.freeingEnd = allocatedBytes - (bytes / 8) * 5;
    this.takenEnd = allocatedBytes - bytes / 2;
    // Room for one vote at least.
    this.vitalStart = allocatedBytes - Math.max(bytes / 4, blockBytes);
  }
}
