import type { ClusterMember } from "./cluster-member.ts";
import type { MemberFault } from "./fault.ts";
import type { Operator } from "./operator.ts";

/** Makes nodes come and go. */
export class MemberInjector {
  constructor(members: ReadonlyMap<string, ClusterMember>, operator: Operator) {
    this.#members = members;
    this.#operator = operator;
  }

  /** Returns what ends it. */
  begin(fault: MemberFault): () => void {
    switch (fault.kind) {
      case "joinNode":
        this.#members.get(fault.node)?.enter();
        return nothing;
      case "drainNode":
        this.#operator.want(["NODE", "DRAIN", fault.node]);
        return () => this.#operator.want(["NODE", "RESUME", fault.node]);
      case "decommissionNode":
        this.#decommission(this.#members.get(fault.node));
        return nothing;
      case "decommissionLeader":
        this.#decommission(this.#leaderOf(fault.group));
        return nothing;
      case "loseNode":
        this.#lose(fault);
        return nothing;
      case "returnNode":
        this.#return(fault.node);
        return nothing;
      case "replaceAfter":
        this.#operator.want(["SETTINGS", "REPLACEAFTERMS", String(fault.ms)]);
        return nothing;
      case "wantReplicas":
        this.#operator.want(["SETTINGS", "REPLICAS", String(fault.replicas)]);
        return nothing;
    }
  }

  /** Whoever is lost is removed, as far as the cluster knows of it. */
  removeLost(): void {
    const [newest] = [...this.#members.values()]
      .flatMap(({ node }) => (node === undefined ? [] : [node.directoryState]))
      .sort((left, right) => right.epoch - left.epoch);
    for (const { name, state } of newest?.nodes ?? []) {
      const member = this.#members.get(name);
      if (state !== "removed" && member?.isGone === true && member.machine.process === undefined) this.#remove(member);
    }
  }

  readonly #members: ReadonlyMap<string, ClusterMember>;
  readonly #operator: Operator;
  readonly #erased: Set<string> = new Set();

  #decommission(member: ClusterMember | undefined): void {
    if (member === undefined) return;
    member.expectRemoval();
    this.#operator.want(["NODE", "DECOMMISSION", member.name]);
  }

  #lose({ disk, isRemoved, node }: Extract<MemberFault, { readonly kind: "loseNode" }>): void {
    const member = this.#members.get(node);
    if (member?.isPresent !== true) return;
    member.lose();
    if (disk === "erased") {
      member.machine.disk.erase();
      member.excuse("the machine is lost");
      this.#erased.add(node);
    }
    if (isRemoved) this.#remove(member);
  }

  /** Until the others see that it is away they say that it is alive. */
  #remove(member: ClusterMember): void {
    member.expectRemoval();
    const isDoubt = (answer: string): boolean => answer.startsWith("NODE_STATE") && !member.isPresent;
    this.#operator.want(["NODE", "REMOVE", member.name], isDoubt);
  }

  #return(node: string): void {
    const member = this.#members.get(node);
    if (member === undefined || member.isPresent || member.startCount === 0 || this.#erased.has(node)) return;
    member.enter();
  }

  #leaderOf(group: number): ClusterMember | undefined {
    let leader: ClusterMember | undefined;
    let highest = 0;
    for (const member of this.#members.values()) {
      const { node } = member;
      if (node === undefined || (group > 0 && !node.hostedShards.includes(group - 1))) continue;
      const core = (group === 0 ? node.directoryReplica : node.replicaOf(group - 1))?.core;
      if (core?.role !== "leader" || core.term <= highest) continue;
      highest = core.term;
      leader = member;
    }
    return leader;
  }
}

function nothing(): void {}
