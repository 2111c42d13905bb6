/**
 * What a leader does for its group's membership: replicas that have lost what they had acknowledged are made anew on their
 * nodes, one at a time (CONSENSUS D-3), and the members come to be on the nodes on which they are wished (§15). Each look goes
 * by what is seen now (`group-change.ts`): any leader goes on where the one before it stopped, whoever crashed.
 */
import { type Clock, type Logger, mark } from "../../platform/index.ts";
import type { Configuration, ConfigurationChange, ReplicaId } from "../../raft/index.ts";
import { handOverToWell, type PeerDisks } from "../leadership/hand-over.ts";
import type { Replica } from "../replica/replica.ts";
import { nodeOf } from "../replica/replica-id.ts";
import { isCaughtUp } from "../replica/succession.ts";
import { type GroupWish, groupStep } from "./group-change.ts";
import type { ReplicaStep } from "./replica-change.ts";

/** Ticks between two looks while nothing is under way; otherwise each tick has one, so that a move is no longer than it must be. */
const lookTicks = 5;
/** Who says that it is lost says so every few seconds; what is older is not believed any more. */
const lostMs = 10_000;
/** Between two times that progress is logged. */
const noteMs = 5_000;
/** A learner that lacks no more entries than this gets its vote. */
export const promotionLagEntriesMax = 1_000;

export interface MemberChangesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly replica: () => Replica;
  readonly nameOf: (nodeId: number) => string;
  /** Where the members are to be; the same object as long as that does not change. Undefined: where they are. */
  readonly wish: () => GroupWish | undefined;
  /** What the other nodes say of theirs. */
  readonly disks: PeerDisks;
  /** See `GroupPlacement.isKnown`. */
  readonly areMembersKnown: (configuration: Configuration) => boolean;
}

/** A replica that comes or goes, as its group's leader sees it. */
export interface ChangeUnderWay {
  readonly node: number;
  /** A lost replica is made anew; otherwise it is wished. */
  readonly isRebuild: boolean;
  readonly step: ReplicaStep["kind"];
  /** What the new replica has of the log, and how long that is. */
  readonly matchIndex: number;
  readonly lastIndex: number;
}

export class MemberChanges {
  constructor(options: MemberChangesOptions) {
    this.#options = options;
  }

  /** What is under way; undefined if nothing is, or this replica does not lead. */
  get underWay(): ChangeUnderWay | undefined {
    return this.#options.replica().isLeading ? this.#underWay : undefined;
  }

  /** Whether this replica leads, and its group's members are as they should be: nothing is under way, and nothing to be done. */
  get isAtRest(): boolean {
    const { isLeading, core } = this.#options.replica();
    return isLeading && this.#quiet?.configuration === core.configuration && this.#quiet.wish === this.#options.wish();
  }

  /** A node says that its replicas up to this one are lost, and so all before it. Kept also by who does not lead: it may, soon. */
  lost(upTo: ReplicaId): void {
    if (this.#isLost(upTo) && this.#lost.get(nodeOf(upTo))?.upTo !== upTo) return;
    this.#lost.set(nodeOf(upTo), { upTo, heardMs: this.#options.clock.nowMs() });
  }

  /** Time has passed. */
  tick(): void {
    const replica = this.#options.replica();
    if (!replica.isLeading) {
      this.#underWay = undefined;
      return;
    }
    if (++this.#tickCount % lookTicks === 0 || this.#underWay !== undefined) this.#look(replica);
  }

  readonly #options: MemberChangesOptions;
  /** By node. */
  readonly #lost: Map<number, { readonly upTo: ReplicaId; readonly heardMs: number }> = new Map();
  #tickCount = 0;
  /** What there was nothing to do for. */
  #quiet: { readonly configuration: Configuration; readonly wish: GroupWish | undefined } | undefined;
  #underWay: ChangeUnderWay | undefined;
  #notedMs = Number.NEGATIVE_INFINITY;
  /** What was said last of a change that was refused, so that it is said once. */
  #refused = "";

  #look(replica: Replica): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [nodeId, { heardMs }] of this.#lost) if (nowMs - heardMs > lostMs) this.#lost.delete(nodeId);
    const { core } = replica;
    const wish = this.#options.wish();
    // Where nobody is lost, nothing changes by itself.
    const isQuiet = core.configuration === this.#quiet?.configuration && wish === this.#quiet.wish;
    if (this.#lost.size === 0 && isQuiet) return;
    const { configuration, progress, lastIndex } = core.status();
    const isLost = (id: ReplicaId): boolean => this.#isLost(id);
    const view = { self: core.id, configuration, progress, lastIndex, isLost, lagEntriesMax: promotionLagEntriesMax };
    const { step, node, isRebuild } = groupStep(view, wish);
    if (step.kind === "done") {
      this.#underWay = undefined;
      this.#quiet = { configuration, wish };
      return;
    }
    const matchIndex = step.kind === "wait" ? step.matchIndex : 0;
    this.#underWay = { node, isRebuild, step: step.kind, matchIndex, lastIndex };
    if (step.kind === "wait") this.#noteProgress(replica, step);
    // Until the members are known, which is under way as well.
    if (step.kind === "swap" && !isRebuild && !this.#options.areMembersKnown(configuration)) return;
    if (step.kind === "handOver") this.#handOver(replica, step.nodes);
    else if (step.kind === "blocked") this.#noteRefusal(step.because, { group: replica.group, step: step.kind });
    else if ("change" in step && step.change !== undefined) this.#propose(replica, step, step.change);
  }

  /** To one that stays, as long as one of those follows closely; otherwise to anybody. Of these to one whose disk is well. */
  #handOver(replica: Replica, nodes: readonly number[]): void {
    if (replica.handOverTarget !== undefined) return;
    const { progress } = replica.core.status();
    const close = nodes.filter((node) => isCaughtUp(progress, node, replica.core.lastIndex));
    const isNext = (node: number): boolean => close.length === 0 || close.includes(node);
    handOverToWell(replica, this.#options.disks, isNext);
    mark("a leader that is to go hands over");
  }

  #noteProgress(
    { group }: Replica,
    { to, matchIndex, lastIndex }: Extract<ReplicaStep, { readonly kind: "wait" }>,
  ): void {
    const { clock, logger, nameOf } = this.#options;
    if (clock.nowMs() - this.#notedMs < noteMs) return;
    this.#notedMs = clock.nowMs();
    logger.log("info", "a replica is copied", { group, node: nameOf(nodeOf(to)), matchIndex, lastIndex });
  }

  #isLost(id: ReplicaId): boolean {
    const said = this.#lost.get(nodeOf(id));
    return said !== undefined && id <= said.upTo && this.#options.clock.nowMs() - said.heardMs <= lostMs;
  }

  #propose(replica: Replica, step: ReplicaStep, change: ConfigurationChange): void {
    const proposed = replica.proposeMembers(change);
    if (proposed === undefined) return;
    const { logger, nameOf } = this.#options;
    const members = change.changes.map((each) => `${each.action} ${each.replica}`).join(", ");
    const fields = { group: replica.group, step: step.kind, members };
    if ("refused" in proposed) {
      // A change that is being applied passes by itself.
      if (proposed.refused !== "changePending") this.#noteRefusal(proposed.refused, fields);
      return;
    }
    this.#refused = "";
    const [first] = change.changes;
    const node = first === undefined ? "" : nameOf(nodeOf(first.replica));
    const isRebuild = this.#underWay?.isRebuild === true;
    logger.log("info", isRebuild ? "a replica is made anew" : "a replica moves", { ...fields, node });
    if (isRebuild) {
      if (step.kind === "add") mark("a lost replica gets a successor");
      else if (step.kind === "drop") mark("a learner of no use is dropped");
      else if (step.kind === "swap") mark("a successor takes the vote over");
    } else if (step.kind === "add") mark("a replica is added where it is wished");
    else if (step.kind === "swap") mark("a replica gets its vote where it is wished");
    else if (step.kind === "drop") mark("a replica goes that is not wished any more");
  }

  /** Says it once. */
  #noteRefusal(reason: string, fields: Readonly<Record<string, string | number>>): void {
    const text = `${reason} ${fields.members}`;
    if (text === this.#refused) return;
    this.#refused = text;
    this.#options.logger.log("warn", "the members of a group cannot change now", { ...fields, reason });
  }
}
