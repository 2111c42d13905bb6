import type { BatchGroup, BatchHeader } from "./batch-header.ts";
import type { BatchPlace } from "./position-index.ts";
import { RecordCursor } from "./record.ts";
import { ReplayedGroup } from "./replayed-group.ts";
import type { GroupAtStart, SegmentHeader } from "./segment-header.ts";

/** All groups, rebuilt from segments and batches given in the order of the log. */
export class Replay {
  /** Groups may have been lost of which nothing else speaks. */
  mayMissGroups = false;

  /** By group id. */
  get groups(): ReadonlyMap<number, ReplayedGroup> {
    return this.#groups;
  }

  /** A segment begins: every group should stand as its header says. */
  startSegment(header: SegmentHeader): void {
    for (const listed of header.groups) this.#group(listed.group).compare(listed);
    this.mayMissGroups = header.mayMissGroups;
  }

  /** The log begins here, since what came before was given up: every group stands as the header says. */
  startAfterReclaimed(header: SegmentHeader): void {
    for (const listed of header.groups) this.#group(listed.group).begin(listed);
    this.mayMissGroups = header.mayMissGroups;
  }

  /** Something is lost, and nobody can say of which groups: all are suspect until something later vouches for them. */
  loseUnknown(): void {
    for (const group of this.#groups.values()) group.isSuspect = true;
    this.mayMissGroups = true;
  }

  /** A batch whose body has been verified. False: it holds a kind of record that this software does not know. */
  applyBatch(header: BatchHeader, body: Uint8Array, place: BatchPlace): boolean {
    const members = header.groups.map((listed) => this.#group(listed.group));
    members.forEach((member, slot) => {
      member.beginBatch(header.groups[slot] as BatchGroup);
    });
    const cursor = this.#cursor;
    cursor.open(body, members.length);
    for (let found = cursor.next(); found !== "end"; found = cursor.next()) {
      if (found === "unknown") return false;
      const member = members[cursor.slot] as ReplayedGroup;
      member.take(cursor, header.groups[cursor.slot] as BatchGroup, place);
    }
    members.forEach((member, slot) => {
      member.endBatch(header.groups[slot] as BatchGroup, place);
    });
    return true;
  }

  /** A batch whose body is damaged: what its header names is lost. */
  loseBatch(header: BatchHeader): void {
    for (const listed of header.groups) this.#group(listed.group).loseBatch(listed);
  }

  /** For the header of a segment that begins here. */
  table(): readonly GroupAtStart[] {
    return [...this.#groups.values()].map((group) => group.atStart()).sort((a, b) => a.group - b.group);
  }

  /** The oldest segment that holds anything that is still needed; undefined if none does. */
  oldestSegment(): number | undefined {
    let oldest: number | undefined;
    for (const group of this.#groups.values()) {
      const segment = group.oldestSegment();
      if (segment !== undefined && (oldest === undefined || segment < oldest)) oldest = segment;
    }
    return oldest;
  }

  readonly #groups: Map<number, ReplayedGroup> = new Map();
  readonly #cursor = new RecordCursor();

  #group(id: number): ReplayedGroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = new ReplayedGroup(id);
      this.#groups.set(id, group);
    }
    return group;
  }
}
