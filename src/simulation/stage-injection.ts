import { nodeExitCode, type ReplicaView } from "../cluster/index.ts";
import { nameOfNode, nodeOfReplica } from "../directory/index.ts";
import type { MarkName } from "../platform/index.ts";
import type { ReplicaId } from "../raft/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { cutLinks, linksBetween } from "./cuts.ts";
import type { StagedFault } from "./fault.ts";
import type { SimulatedWorld } from "./world.ts";

type CutPowerAt = Extract<StagedFault, { readonly kind: "cutPowerAt" }>;
type PauseLeader = Extract<StagedFault, { readonly kind: "pauseLeader" }>;
type ReadAlone = Extract<StagedFault, { readonly kind: "readAlone" }>;
type PartHalves = Extract<StagedFault, { readonly kind: "partHalves" }>;

export type OnAlone = (leader: ClusterMember, of: { readonly forMs: number; readonly thinkMs: number }) => void;

/**
 * Does several things in one moment, which each fault of its own would hardly ever meet together: the few that a broken
 * promise takes to be seen. Every one waits for its moment, and comes once.
 */
export class StageInjector {
  /** @param onAlone a leader is alone, and is to be read from, for so long */
  constructor(world: SimulatedWorld, members: readonly ClusterMember[], onAlone: OnAlone) {
    this.#world = world;
    this.#members = members;
    this.#onAlone = onAlone;
  }

  /** Returns what ends the waiting. */
  begin(fault: StagedFault): () => void {
    this.#armed.add(fault);
    return () => void this.#armed.delete(fault);
  }

  /** From now on nothing happens any more. */
  disarm(): void {
    this.#isOver = true;
    this.#armed.clear();
  }

  /** The process on this machine passes a mark. */
  passed(mark: MarkName, machineName: string): void {
    for (const fault of this.#armed) {
      if (mark !== momentOf(fault)) continue;
      const member = this.#members.find(({ name }) => name === machineName);
      if (member === undefined || !isLeading(member)) return;
      if (fault.kind === "partHalves") this.#partHalves(fault, member);
      else {
        this.#armed.delete(fault);
        if (fault.kind === "cutPowerAt") this.#cutPower(fault, member);
        else if (fault.kind === "readAlone") this.#readAlone(fault, member);
        else this.#pause(fault, member);
      }
      return;
    }
  }

  readonly #world: SimulatedWorld;
  readonly #members: readonly ClusterMember[];
  readonly #onAlone: OnAlone;
  readonly #armed: Set<StagedFault> = new Set();
  #isOver = false;

  #cutPower({ afterMs, doSyncsFail, downMs, holdMs, who }: CutPowerAt, leader: ClusterMember): void {
    const others = this.#members.filter((each) => each !== leader);
    const alone = who === "others" ? leader : this.#world.random.pick(others);
    const down = who === "others" ? others : [leader];
    const healSyncs = doSyncsFail ? failSyncs(down, downMs) : (): void => {};
    const happen = (): void => {
      this.#world.trace("fault", `${leader.name} leads, ${alone.name} is alone; power is cut: ${who}`);
      for (const { machine } of down) machine.cutPower("everything");
      healSyncs();
      this.#later(downMs, () => {
        for (const member of others) member.start();
        leader.start();
      });
    };
    const part = (): void => this.#part([alone.name], holdMs);
    // What a leader says first is to reach nobody.
    if (afterMs === 0) part();
    this.#later(afterMs, () => {
      if (afterMs > 0) part();
      happen();
    });
  }

  #pause({ aloneMs, pauseMs }: PauseLeader, leader: ClusterMember): void {
    this.#world.trace("fault", `${leader.name} leads, stands still, and is alone then`);
    this.#part([leader.name], pauseMs + aloneMs);
    leader.machine.pause();
    this.#later(pauseMs, () => leader.machine.resume());
  }

  #readAlone({ holdMs, thinkMs }: ReadAlone, leader: ClusterMember): void {
    this.#world.trace("fault", `${leader.name} leads, is alone, and is read from`);
    this.#part([leader.name], holdMs);
    // Not within the turn in which it passes the mark.
    this.#later(0, () => this.#onAlone(leader, { forMs: holdMs, thinkMs }));
  }

  #partHalves(fault: PartHalves, leader: ClusterMember): void {
    const coming = comingOf(leader);
    if (coming.length === 0) return;
    this.#armed.delete(fault);
    this.#world.trace("fault", `${leader.name} is alone with who comes: ${coming.join()}`);
    this.#part([leader.name, ...coming], fault.holdMs);
    this.#later(fault.restartAfterMs, () => {
      leader.machine.kill();
      leader.start();
    });
  }

  /** Cuts these off from all other nodes. */
  #part(side: readonly string[], holdMs: number): void {
    const rest = this.#members.flatMap(({ name }) => (side.includes(name) ? [] : [name]));
    this.#later(holdMs, cutLinks(this.#world, linksBetween(side, rest)));
  }

  #later(delayMs: number, callback: () => void): void {
    this.#world.schedule(delayMs, () => {
      if (!this.#isOver) callback();
    });
  }
}

/** A process whose sync has failed ends, and is started again later. */
function failSyncs(members: readonly ClusterMember[], restartMs: number): () => void {
  const ends = members.map((member) => {
    member.expectExit(nodeExitCode.diskFailed, restartMs);
    return member.machine.disk.inject({ operation: "sync", code: "EIO", count: Number.POSITIVE_INFINITY });
  });
  return () => {
    for (const end of ends) end();
  };
}

function momentOf(fault: StagedFault): MarkName {
  if (fault.kind === "pauseLeader" || fault.kind === "readAlone") return "a batch is durable";
  return fault.kind === "partHalves" ? "a leader's configuration becomes a joint one" : fault.mark;
}

/** Of all groups. */
function replicasOf({ node }: ClusterMember): readonly ReplicaView[] {
  if (node === undefined) return [];
  const { directoryReplica, hostedShards } = node;
  const shards = hostedShards.map((shard) => node.replicaOf(shard));
  return directoryReplica === undefined ? shards : [directoryReplica, ...shards];
}

/** Whether it leads any group. */
export function isLeading(member: ClusterMember): boolean {
  return replicasOf(member).some(({ core }) => core.role === "leader");
}

/** On which nodes replicas get their votes by the joint configuration of a group that this node leads. */
function comingOf(member: ClusterMember): readonly string[] {
  const { node } = member;
  if (node === undefined) return [];
  const comings = replicasOf(member).map(({ core }): readonly ReplicaId[] => {
    const { voters, votersOutgoing } = core.configuration;
    if (core.role !== "leader" || votersOutgoing.length === 0) return [];
    return voters.filter((id) => !votersOutgoing.includes(id));
  });
  const coming = comings.find((ids) => ids.length > 0) ?? [];
  return coming.map((id) => nameOfNode(node.directoryState, nodeOfReplica(id)));
}
