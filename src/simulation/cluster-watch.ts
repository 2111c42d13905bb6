import type { ReplicaView } from "../cluster/index.ts";
import { membersOf } from "../raft/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import type { SimulatedWorld } from "./world.ts";

/** What a node says of a replica that its directory remembers, and its log does not. */
const notBegun = "the log does not hold the replica that was last to begin here";

/** What one life of a node has shown of its replica of one group. */
interface Seen {
  readonly processId: number;
  /** One that is made anew begins with nothing. */
  readonly replica: number;
  term: number;
  commitIndex: number;
  appliedIndex: number;
  /** Up to here its committed entries were compared with those of the others. */
  comparedIndex: number;
}

/** What all replicas of a group have shown together. */
interface GroupSeen {
  /** By term. */
  readonly leaders: Map<number, string>;
  /** The terms of committed entries by their index, and who showed them first. */
  readonly committed: Map<number, { readonly term: number; readonly name: string }>;
  /** By the name of the node. */
  readonly replicas: Map<string, Seen>;
  /** When it was first seen that more is committed, in ascending order. */
  readonly rises: { readonly commitIndex: number; readonly at: number }[];
  /** The members, as of the newest entry that anybody has applied. */
  configuration: { readonly appliedIndex: number; readonly value: ReplicaView["core"]["configuration"] } | undefined;
}

/**
 * Looks at a node after each of its turns, at what has changed, and holds it against the invariants of CONSENSUS §3 that
 * take more than one node to see; what a replica can see alone it checks by itself.
 */
export class ClusterWatch {
  readonly #world: SimulatedWorld;
  readonly #members: ReadonlyMap<string, ClusterMember>;
  readonly #onViolation: (text: string) => void;
  readonly #historyNow: (() => number) | undefined;
  #groups: GroupSeen[] = [];
  /** The shards that a node had when it was looked at last, by its name. */
  readonly #shards = new Map<string, readonly number[]>();
  /** Whose a number is, and in which process that was seen. */
  readonly #numbers = new Map<number, string>();
  readonly #numbered = new Map<string, number>();
  /** How far a replica was at first of a node that was declared lost, by process, group and replica. */
  readonly #outcasts = new Map<string, { readonly term: number; readonly lastIndex: number }>();
  #leaderCount = 0;
  #comparedCount = 0;

  /** `historyNow` is the time in which it is kept when what was committed; without it that is not kept. */
  constructor(
    world: SimulatedWorld,
    members: readonly ClusterMember[],
    onViolation: (text: string) => void,
    historyNow?: () => number,
  ) {
    this.#historyNow = historyNow;
    this.#world = world;
    this.#members = new Map(members.map((member) => [member.name, member]));
    this.#onViolation = onViolation;
  }

  /** Terms in which a leader was seen. */
  get leaderCount(): number {
    return this.#leaderCount;
  }

  /** Committed entries that were found equal on two nodes. */
  get comparedCount(): number {
    return this.#comparedCount;
  }

  /** Up to where a replica's log is known to hold what is committed. */
  agreedIndex(group: number, { log }: ReplicaView): number {
    const { committed } = this.#group(group);
    for (let index = log.lastIndex; index >= log.firstIndex; index--)
      if (committed.get(index)?.term === log.term(index)) return index;
    return log.firstIndex - 1;
  }

  /** When it was first seen that more than `index` is committed; undefined: never. */
  committedBeyondAt(group: number, index: number): number | undefined {
    return this.#group(group).rises.find(({ commitIndex }) => commitIndex > index)?.at;
  }

  /** An operator has begun the groups anew: what they have shown before says nothing of them any more. */
  forget(): void {
    this.#groups = [];
    this.#shards.clear();
  }

  /** A process on the machine of this name has had its turn. */
  look(machineName: string): void {
    const member = this.#members.get(machineName);
    const node = member?.node;
    const processId = member?.machine.process?.id;
    if (member === undefined || node === undefined || processId === undefined) return;
    if (member.isOutcast) {
      this.#lookAtOutcast(member, processId);
      return;
    }
    const shards = node.hostedShards;
    for (const shard of shards) this.#lookAt(member, node.replicaOf(shard), { group: shard + 1, processId });
    this.#noteGone(member, shards);
    if (this.#numbered.get(machineName) !== processId) {
      this.#numbered.set(machineName, processId);
      this.#noteNumber(machineName, node.nodeStatus().nodeId);
    }
    const { directoryReplica } = node;
    if (directoryReplica !== undefined) this.#lookAt(member, directoryReplica, { group: 0, processId });
  }

  /** What it has is of another time. It neither leads nor votes, and nothing comes into its log. */
  #lookAtOutcast({ name, node }: ClusterMember, processId: number): void {
    const replicas = [node?.directoryReplica, ...(node?.hostedShards ?? []).map((shard) => node?.replicaOf(shard))];
    for (const [group, replica] of replicas.entries()) {
      if (replica === undefined || replica.stoppedBecause !== undefined) continue;
      const { id, role, term } = replica.core;
      const { lastIndex } = replica.log;
      const key = `${processId} ${group} ${id}`;
      const first = this.#outcasts.get(key) ?? { lastIndex, term };
      this.#outcasts.set(key, first);
      if (role === "leader" || term > first.term || lastIndex > first.lastIndex)
        this.#onViolation(`${name} was declared lost, and is ${role} of term ${term}, up to entry ${lastIndex} [M-10]`);
    }
  }

  #lookAt(
    member: ClusterMember,
    replica: ReplicaView,
    { group, processId }: { readonly group: number; readonly processId: number },
  ): void {
    const { core, stoppedBecause } = replica;
    if (stoppedBecause !== undefined) {
      // One that was to begin when its node died has not, and is made anew: nobody has seen it.
      const wasNever = stoppedBecause === notBegun && this.#group(group).replicas.get(member.name)?.replica !== core.id;
      if (!member.isExcused && !wasNever && !member.mayEndAs(stoppedBecause))
        this.#onViolation(`${member.name}: its replica has stopped: ${stoppedBecause}`);
      return;
    }
    const seenByAll = this.#group(group);
    if (core.role === "leader") this.#noteLeader(seenByAll, core.term, member.name);
    const { term, commitIndex, appliedIndex, configuration } = core;
    if (appliedIndex >= (seenByAll.configuration?.appliedIndex ?? 0)) {
      seenByAll.configuration = { appliedIndex, value: configuration };
    }
    let seen = seenByAll.replicas.get(member.name);
    if (seen?.processId !== processId || seen.replica !== core.id) {
      seen = { processId, replica: core.id, term, commitIndex, appliedIndex, comparedIndex: 0 };
      seenByAll.replicas.set(member.name, seen);
    } else if (term < seen.term || commitIndex < seen.commitIndex || appliedIndex < seen.appliedIndex) {
      this.#onViolation(`${member.name}: term, commit or applied index went back [I-3, I-8]`);
    }
    if (appliedIndex > commitIndex) this.#onViolation(`${member.name}: applied beyond commit [I-8]`);
    seen.term = term;
    seen.commitIndex = commitIndex;
    seen.appliedIndex = appliedIndex;
    this.#noteRise(seenByAll, commitIndex);
    if (commitIndex > seen.comparedIndex) this.#compare(seenByAll, seen, replica, member.name);
  }

  #noteRise({ rises }: GroupSeen, commitIndex: number): void {
    if (this.#historyNow === undefined || commitIndex <= (rises.at(-1)?.commitIndex ?? 0)) return;
    rises.push({ commitIndex, at: this.#historyNow() });
  }

  /** Nothing is destroyed that is still needed: who has a replica no more was a member no more [M-10]. */
  #noteGone(member: ClusterMember, shards: readonly number[]): void {
    const before = this.#shards.get(member.name);
    this.#shards.set(member.name, shards);
    for (const shard of before ?? []) {
      if (shards.includes(shard) || member.isExcused) continue;
      const { configuration, replicas } = this.#group(shard + 1);
      const replica = replicas.get(member.name)?.replica;
      if (replica === undefined || configuration === undefined) continue;
      this.#world.trace(member.name, `has shard ${shard} no more`);
      if (membersOf(configuration.value).includes(replica)) {
        this.#onViolation(`${member.name}: its replica ${replica} of shard ${shard} is gone, and is a member [M-10]`);
      }
    }
  }

  /** No number is that of two nodes. */
  #noteNumber(name: string, nodeId: number): void {
    const known = this.#numbers.get(nodeId) ?? name;
    this.#numbers.set(nodeId, known);
    if (known !== name) this.#onViolation(`${known} and ${name} both have the number ${nodeId} [C-4]`);
  }

  /** What is committed is the same everywhere, and for ever. */
  #compare({ committed }: GroupSeen, seen: Seen, { log }: ReplicaView, name: string): void {
    const to = Math.min(seen.commitIndex, log.lastIndex);
    for (let index = Math.max(seen.comparedIndex + 1, log.firstIndex); index <= to; index++) {
      const term = log.term(index);
      const known = committed.get(index);
      if (known === undefined) {
        committed.set(index, { term, name });
      } else if (known.term === term) {
        this.#comparedCount++;
      } else {
        this.#onViolation(
          `${known.name} committed entry ${index} of term ${known.term}, and ${name} one of term ${term} [I-6]`,
        );
      }
    }
    seen.comparedIndex = Math.max(seen.comparedIndex, to);
  }

  #noteLeader({ leaders }: GroupSeen, term: number, name: string): void {
    const known = leaders.get(term);
    if (known === undefined) {
      leaders.set(term, name);
      this.#leaderCount++;
      this.#world.trace(name, `leads term ${term}`);
    } else if (known !== name) {
      this.#onViolation(`${known} and ${name} both lead term ${term} [I-1]`);
    }
  }

  #group(group: number): GroupSeen {
    let seen = this.#groups[group];
    if (seen === undefined) {
      seen = { leaders: new Map(), committed: new Map(), replicas: new Map(), rises: [], configuration: undefined };
      this.#groups[group] = seen;
    }
    return seen;
  }
}
