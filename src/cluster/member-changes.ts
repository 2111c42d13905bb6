/**
 * What a leader does for its group's membership: replicas that have lost what they had acknowledged are made anew on their
 * nodes, one at a time (CONSENSUS D-3). Each look goes by what is seen now (`replica-change.ts`): any leader goes on where
 * the one before it stopped, whoever crashed.
 */
import { type Clock, type Logger, mark } from "../platform/index.ts";
import type { Configuration, ConfigurationChange, Proposed, ReplicaId } from "../raft/index.ts";
import type { Replica } from "./replica.ts";
import { nextStep, type ReplicaStep, wishOf } from "./replica-change.ts";
import { nodeOf } from "./replica-id.ts";

/** Ticks between two looks. */
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
}

/** A replica that is being made anew, as its leader sees it. */
export interface ChangeUnderWay {
  readonly node: number;
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

  /** A node says that its replicas up to this one are lost. Kept also by who does not lead: it may, soon. */
  lost(upTo: ReplicaId): void {
    this.#lost.set(nodeOf(upTo), { upTo, heardMs: this.#options.clock.nowMs() });
  }

  /** Time has passed. */
  tick(): void {
    const replica = this.#options.replica();
    if (!replica.isLeading) {
      this.#underWay = undefined;
      return;
    }
    if (++this.#tickCount % lookTicks === 0) this.#look(replica);
  }

  readonly #options: MemberChangesOptions;
  /** By node. */
  readonly #lost: Map<number, { readonly upTo: ReplicaId; readonly heardMs: number }> = new Map();
  #tickCount = 0;
  /** The one for which there was nothing to do. */
  #quietConfiguration: Configuration | undefined;
  #underWay: ChangeUnderWay | undefined;
  #notedMs = Number.NEGATIVE_INFINITY;
  /** What was said last of a change that was refused, so that it is said once. */
  #refused = "";

  #look(replica: Replica): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [nodeId, { heardMs }] of this.#lost) if (nowMs - heardMs > lostMs) this.#lost.delete(nodeId);
    const { core } = replica;
    // Where nobody is lost, nothing changes by itself.
    if (this.#lost.size === 0 && core.configuration === this.#quietConfiguration) return;
    const { configuration, progress, lastIndex } = core.status();
    const isLost = (id: ReplicaId): boolean => this.#isLost(id);
    const view = { self: core.id, configuration, progress, lastIndex, isLost, lagEntriesMax: promotionLagEntriesMax };
    const wish = wishOf(view);
    if (wish === undefined) {
      this.#underWay = undefined;
      this.#quietConfiguration = configuration;
      return;
    }
    const step = nextStep(view, wish);
    const matchIndex = step.kind === "wait" ? step.matchIndex : 0;
    this.#underWay = { node: wish.node, step: step.kind, matchIndex, lastIndex };
    if (step.kind === "wait") this.#noteProgress(replica, step);
    if (step.kind === "handOver") replica.handOver();
    else if ("change" in step && step.change !== undefined) this.#propose(replica, step, step.change);
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
      this.#noteRefusal(proposed, fields);
      return;
    }
    this.#refused = "";
    const [first] = change.changes;
    const node = first === undefined ? "" : nameOf(nodeOf(first.replica));
    logger.log("info", "a replica is made anew", { ...fields, node });
    if (step.kind === "add") mark("a lost replica gets a successor");
    else if (step.kind === "drop") mark("a learner of no use is dropped");
    else if (step.kind === "swap") mark("a successor takes the vote over");
  }

  #noteRefusal(
    proposed: Extract<Proposed, { readonly refused: string }>,
    fields: Readonly<Record<string, string | number>>,
  ): void {
    const text = `${proposed.refused} ${fields.members}`;
    // A change that is being applied passes by itself.
    if (text === this.#refused || proposed.refused === "changePending") return;
    this.#refused = text;
    this.#options.logger.log("warn", "a replica cannot be made anew now", { ...fields, reason: proposed.refused });
  }
}
