/** What a group of the log must be after a crash: some prefix of what was appended, which holds all that was acknowledged. */
import type { Entry, HardState } from "../../src/raft/index.ts";

export interface Base {
  readonly index: number;
  readonly term: number;
}

export interface AppendedSet {
  /** The log begins anew behind it. */
  readonly base: Base | undefined;
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  isAcknowledged: boolean;
}

interface GroupState {
  /** Behind it the log begins, if nothing is compacted. */
  readonly base: Base;
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

/** What a group must be: where it stood at the last start, and what was appended since. */
export class ModelGroup {
  readonly replica: number;
  /** Nobody has the group, from this replica on. */
  readonly isEnded: boolean;
  /** Takes the place of this one as soon as that is durable; nothing is appended meanwhile. */
  next: ModelGroup | undefined;
  /** Snapshots that are being written. */
  writerCount = 0;
  base: GroupState = { base: { index: 0, term: 0 }, entries: [], hardState: { term: 0, vote: undefined, commit: 0 } };
  sets: AppendedSet[] = [];
  /** Terms and streams of all snapshots that were ever begun, by index. */
  readonly snapshots: Map<number, { readonly term: number; readonly stream: Uint8Array }> = new Map();
  /** Of the newest snapshot that is known to be durable. */
  snapshotIndex = 0;
  /** The highest index up to which the log was ever cut. */
  compactedIndex = 0;

  constructor(replica = 0, isEnded = false) {
    this.replica = replica;
    this.isEnded = isEnded;
  }

  get newest(): GroupState {
    return this.sets.reduce(apply, this.base);
  }

  /** All states that a crash may leave. */
  allowed(): readonly GroupState[] {
    const required = this.sets.findLastIndex((set) => set.isAcknowledged && !isHint(set, this.base, this.sets)) + 1;
    const states: GroupState[] = [];
    let state = this.base;
    for (let count = 0; count <= this.sets.length; count++) {
      if (count > 0) state = apply(state, this.sets[count - 1] as AppendedSet);
      if (count >= required) states.push(state);
    }
    return states;
  }
}

function apply(state: GroupState, set: AppendedSet): GroupState {
  const before = set.base === undefined ? state : { base: set.base, entries: [] };
  const first = set.entries[0]?.index;
  const kept = first === undefined ? before.entries : before.entries.slice(0, first - 1 - before.base.index);
  return { base: before.base, entries: [...kept, ...set.entries], hardState: set.hardState ?? state.hardState };
}

export function lastIndexOf({ base, entries }: GroupState): number {
  return base.index + entries.length;
}

export function termAt({ base, entries }: GroupState, index: number): number | undefined {
  return index === base.index ? base.term : entries[index - base.index - 1]?.term;
}

/** Acknowledged without being durable: it brings a commit index alone. */
function isHint(set: AppendedSet, base: GroupState, sets: readonly AppendedSet[]): boolean {
  if (set.entries.length > 0 || set.base !== undefined) return false;
  const before = sets.slice(0, sets.indexOf(set)).reduce(apply, base).hardState;
  return set.hardState?.term === before.term && set.hardState.vote === before.vote;
}

/** Of the log from `firstIndex` on. */
export function fingerprint(state: Omit<GroupState, "base">, firstIndex: number): string {
  const entries = state.entries
    .filter((one) => one.index >= firstIndex)
    .map((one) =>
      one.kind === "normal"
        ? `${one.term}.${one.index}.${Buffer.from(one.data).toString("base64")}`
        : `${one.term}.${one.index}.${JSON.stringify(one.change)}`,
    );
  const { term, vote, commit } = state.hardState;
  return `${term} ${vote} ${commit} ${entries.join(" ")}`;
}
