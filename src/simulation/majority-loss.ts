import { isRecoveryNeeded, type NodeSurvey, type RecoveryPlan } from "../cluster/index.ts";
import { membersOf } from "../raft/index.ts";
import { hashSlotOfText, SlotRanges } from "../ring/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import type { ClusterWatch } from "./cluster-watch.ts";
import type { FoundValue, KeptHistory } from "./kept-history.ts";
import type { KeyValueOutput } from "./key-value-specification.ts";
import { damageSurvivor } from "./recovery-damage.ts";
import type { DrawnRecovery } from "./recovery-drawing.ts";
import { drillRecovery } from "./recovery-drill.ts";
import type { SimulatedWorld } from "./world.ts";

/** What came of it. Nothing is left where none of the directories that are left can be surveyed. */
export type RecoveryEnd = "recovered" | "nothing is left" | "cut short";

/** Of each node that was left, by shard. */
type AgreedIndexes = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** True once it is done; false if that took too long, or the run is over. */
export type GoOn = (isDone: () => boolean, limitMs: number, what: string) => Promise<boolean>;

export interface MajorityLossOptions {
  readonly world: SimulatedWorld;
  readonly members: readonly ClusterMember[];
  readonly watch: ClusterWatch;
  readonly history: KeptHistory;
  readonly recovery: DrawnRecovery;
  readonly shards: number;
  readonly segmentBytes: number | undefined;
  /** A node that was declared lost starts again. */
  readonly onReturn: (member: ClusterMember) => void;
  readonly onViolation: (text: string) => void;
}

const upMsMax = 20_000;
/** From the start of a node that was declared lost until it has ended. */
const refusedMsMax = 20_000;
/** Whoever is told to go may be started again by somebody who has not looked. */
const returnsMax = 2;

/**
 * Most machines are lost for good while clients work. What is left is stopped, surveyed, recovered and started, as
 * docs/nodes.md tells operators to do it.
 */
export class MajorityLoss {
  constructor(options: MajorityLossOptions) {
    this.#options = options;
    this.#ranges = new SlotRanges(options.shards);
    const { joiners, lost } = options.recovery;
    this.#lost = options.members.filter(({ name }) => lost.includes(name));
    this.#joiners = options.members.filter(({ name }) => joiners.includes(name));
    this.#left = options.members.filter(({ name }) => !lost.includes(name) && !joiners.includes(name));
  }

  /** Until the clients have asked in vain for some time. */
  async lose(goOn: GoOn): Promise<boolean> {
    const { members, recovery, world } = this.#options;
    if (!(await goOn(() => this.#areUp(), upMsMax, "not every node came up before most are lost"))) return false;
    if (!(await this.#pass(goOn, recovery.afterMs))) return false;
    world.trace("phase", `most nodes are lost: ${recovery.lost.join(" ")}`);
    const others = members.flatMap(({ name }) => (recovery.apart.includes(name) ? [] : [name]));
    if (recovery.apartMs > 0) world.network.partition([recovery.apart, others]);
    if (!(await this.#pass(goOn, recovery.apartMs))) return false;
    for (const member of this.#lost) {
      const returner = recovery.returners.find(({ node }) => node === member.name);
      if (returner?.how === "cutPower") member.machine.cutPower("random");
      member.lose();
      if (returner === undefined) member.machine.disk.erase();
    }
    world.network.healAll();
    return this.#pass(goOn, recovery.vainMs);
  }

  /** The nodes that are left run again, or begin to, and the new ones are about to join. */
  async recover(goOn: GoOn): Promise<RecoveryEnd> {
    const { onViolation, recovery, watch, world } = this.#options;
    if (!(await goOn(() => this.#areUp(), upMsMax, "not every node that is left is up"))) return "cut short";
    const agreed = new Map(this.#left.map((member) => [member.name, this.#agreedIndexes(member)]));
    for (const member of this.#left) member.halt(recovery.stop);
    this.#damage();
    try {
      const outcome = await drillRecovery({ ...this.#options, members: this.#left });
      if (outcome === undefined) return "nothing is left";
      const { plan } = outcome;
      this.#leaveOut(outcome.members);
      this.#checkEmptied(plan, agreed);
      this.#sinceAt = this.#keptSince(plan, agreed);
      this.#emptied = new Set(plan.groups.flatMap(({ group, kind }) => (kind === "emptied" ? [group - 1] : [])));
      if (isRecoveryNeeded(plan)) watch.forget();
    } catch (error) {
      onViolation(`the cluster was not recovered: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
      return "cut short";
    }
    world.trace("phase", "the nodes that are left start again");
    for (const member of this.#left) member.resume();
    for (const [at, member] of this.#joiners.entries()) {
      world.schedule(recovery.joinsMs[at] ?? 0, () => member.enter());
    }
    return "recovered";
  }

  /** Until those that carried on have been stopped and started again, and time for work has passed. */
  async upset(goOn: GoOn): Promise<boolean> {
    const { recovery, world } = this.#options;
    let downCount = 0;
    for (const { atMs, downMs, how, node } of recovery.upsets) {
      world.schedule(atMs, () => {
        const member = this.#left.find(({ name }) => name === node);
        if (member?.node === undefined) return;
        world.trace("operator", `${node} is stopped once more: ${how}`);
        downCount++;
        member.halt(how);
        world.schedule(downMs, () => {
          downCount--;
          member.resume();
        });
      });
    }
    if (!(await this.#pass(goOn, recovery.workMs))) return false;
    return goOn(() => downCount === 0 && this.#areUp(), upMsMax, "not every node that was left is up again");
  }

  /** Some that were declared lost start again as they were, and once more after that. Each time they are told to go. */
  async returnLost(goOn: GoOn): Promise<boolean> {
    const { onReturn, recovery, world } = this.#options;
    const back = recovery.returners.flatMap(({ afterMs, node }) => {
      return this.#lost.flatMap((member) => (member.name === node ? [{ afterMs, member }] : []));
    });
    for (let round = 1; round <= returnsMax && back.length > 0; round++) {
      world.trace("phase", "nodes that were declared lost start again");
      const firstMs = Math.min(...back.map(({ afterMs }) => afterMs));
      for (const { afterMs, member } of back) {
        world.schedule(afterMs - firstMs, () => {
          member.returnInVain();
          onReturn(member);
        });
      }
      const areRefused = (): boolean => back.every(({ member }) => member.refusalCount === round);
      const what = "not every node that was declared lost was refused";
      if (!(await goOn(areRefused, refusedMsMax, what))) return false;
    }
    return true;
  }

  /** Whether the new nodes have begun to join. */
  get isJoined(): boolean {
    return this.#joiners.every(({ isPresent }) => isPresent);
  }

  /** What is found of each key, and since when it may be so. */
  found(values: ReadonlyMap<string, KeyValueOutput>): readonly FoundValue[] {
    const { onViolation } = this.#options;
    return [...values].map(([key, value]) => {
      const shard = this.#ranges.shardOf(hashSlotOfText(key));
      if (this.#emptied.has(shard) && value !== null) onViolation(`${key} is there, and no log of its shard was left`);
      return { key, value, sinceAt: this.#sinceAt[shard] ?? 0 };
    });
  }

  readonly #options: MajorityLossOptions;
  readonly #ranges: SlotRanges;
  readonly #lost: readonly ClusterMember[];
  #left: readonly ClusterMember[];
  readonly #joiners: readonly ClusterMember[];
  /** By shard. */
  #sinceAt: readonly number[] = [];
  #emptied: ReadonlySet<number> = new Set();

  /** Of one disk that is left, as it was drawn. */
  #damage(): void {
    const { damage } = this.#options.recovery;
    const member = this.#left.find(({ name }) => name === damage?.node);
    if (damage !== undefined && member !== undefined) damageSurvivor(member, damage);
  }

  /** Who cannot be surveyed is a lost node like the others. */
  #leaveOut(surveyed: readonly ClusterMember[]): void {
    for (const member of this.#left) if (!surveyed.includes(member)) member.lose();
    this.#left = surveyed;
  }

  /** A shard begins with nothing only where no log of it is left that can be read. */
  #checkEmptied({ groups, surveys }: RecoveryPlan, agreed: AgreedIndexes): void {
    const { onViolation } = this.#options;
    for (const { group, kind } of groups) {
      if (kind !== "emptied") continue;
      for (const survey of surveys) {
        const found = soundReplica(survey, group);
        const isKnown = (agreed.get(survey.name)?.get(group - 1) ?? 0) > 0;
        if (isKnown && found !== undefined && found.lastIndex > 0)
          onViolation(`group ${group} is to begin with nothing, and ${survey.name} has a log of it`);
      }
    }
  }

  #areUp(): boolean {
    return [...this.#left, ...this.#lost].every((member) => member.isGone || member.node !== undefined);
  }

  #pass(goOn: GoOn, durationMs: number): Promise<boolean> {
    const { world } = this.#options;
    const endMs = world.nowMs + durationMs;
    return goOn(() => world.nowMs >= endMs, durationMs + 1_000, "time did not pass");
  }

  /** By shard, up to where the log that a node has in memory is known to hold what is committed, if it is a member's. */
  #agreedIndexes({ node }: ClusterMember): ReadonlyMap<number, number> {
    const { watch } = this.#options;
    const indexes = new Map<number, number>();
    for (const shard of node?.hostedShards ?? []) {
      const replica = node?.replicaOf(shard);
      if (replica === undefined || replica.stoppedBecause !== undefined) continue;
      const { configuration, id } = replica.core;
      // One that has gone from the group, and only its data is still there, is no part of it.
      if (membersOf(configuration).includes(id)) indexes.set(shard, watch.agreedIndex(shard + 1, replica));
    }
    return indexes;
  }

  /**
   * By shard, since when what is found may be so. All that any of the logs that were left held of what was committed is kept:
   * of what was in memory as much as was on the disk.
   */
  #keptSince(plan: RecoveryPlan, agreed: AgreedIndexes): readonly number[] {
    const { history, shards, watch, world } = this.#options;
    const never = history.now + 1;
    return Array.from({ length: shards }, (_, shard) => {
      const fate = plan.groups[shard + 1];
      if (fate?.kind === "whole") return never;
      if (fate?.kind !== "recovered") return 0;
      // Of a damaged log nothing counts.
      const kept = plan.surveys.map((survey) => {
        const onDisk = soundReplica(survey, shard + 1)?.lastIndex ?? 0;
        return Math.min(onDisk, agreed.get(survey.name)?.get(shard) ?? 0);
      });
      const index = Math.max(...kept);
      const sinceAt = watch.committedBeyondAt(shard + 1, index) ?? never;
      world.trace("operator", `shard ${shard} goes on from ${index}, as of operation ${sinceAt} of ${never}`);
      return sinceAt;
    });
  }
}

/** Undefined: there is none, or it cannot be counted on. */
function soundReplica({ groups }: NodeSurvey, group: number): NodeSurvey["groups"][number] | undefined {
  return groups.find((each) => each.group === group && each.damage === undefined && !each.hasGone);
}
