import type { ClusterMember } from "./cluster-member.ts";
import type { SimulatedWorld } from "./world.ts";

const lookEveryMs = 20;

/** What one life of a node has shown of its one replica. */
interface Seen {
  readonly processId: number;
  term: number;
  commitIndex: number;
  appliedIndex: number;
}

/** Looks at all nodes again and again, and holds what it sees against the invariants of CONSENSUS §3. */
export class ClusterWatch {
  readonly #world: SimulatedWorld;
  readonly #members: readonly ClusterMember[];
  readonly #onViolation: (text: string) => void;
  readonly #leaders = new Map<number, string>();
  readonly #seen = new Map<string, Seen>();
  #leaderCount = 0;

  constructor(world: SimulatedWorld, members: readonly ClusterMember[], onViolation: (text: string) => void) {
    this.#world = world;
    this.#members = members;
    this.#onViolation = onViolation;
  }

  /** Terms in which a leader was seen. */
  get leaderCount(): number {
    return this.#leaderCount;
  }

  start(): void {
    this.#world.schedule(lookEveryMs, () => {
      for (const member of this.#members) this.#look(member);
      this.start();
    });
  }

  #look(member: ClusterMember): void {
    const { node } = member;
    const processId = member.machine.process?.id;
    if (node === undefined || processId === undefined) return;
    const shard = node.info().shards[0];
    if (shard === undefined) return;
    if (shard.role === "stopped" && !member.isExcused) {
      this.#onViolation(`${member.name}: its replica has stopped`);
    }
    if (shard.role === "leader") this.#noteLeader(shard.term, member.name);
    const { term, commitIndex, appliedIndex } = shard;
    const before = this.#seen.get(member.name);
    if (before?.processId === processId) {
      const isGoingBack = term < before.term || commitIndex < before.commitIndex || appliedIndex < before.appliedIndex;
      if (isGoingBack) this.#onViolation(`${member.name}: term, commit or applied index went back [I-3, I-8]`);
    }
    if (appliedIndex > commitIndex) this.#onViolation(`${member.name}: applied beyond commit [I-8]`);
    this.#seen.set(member.name, { processId, term, commitIndex, appliedIndex });
  }

  #noteLeader(term: number, name: string): void {
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, name);
      this.#leaderCount++;
      this.#world.trace(name, `leads term ${term}`);
    } else if (known !== name) {
      this.#onViolation(`${known} and ${name} both lead term ${term} [I-1]`);
    }
  }
}
