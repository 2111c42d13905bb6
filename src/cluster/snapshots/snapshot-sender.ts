/**
 * Sends a leader's snapshot to followers whose next entries are no longer in its log (Raft §7). They ask for it piece by
 * piece (`snapshot-wire.ts`); what is asked for is read and sent in the order of the questions, as far as the bulk
 * connection takes it and the node's budget allows. Only the follower's acknowledgement of what it has installed ends it
 * well (CONSENSUS N-4); one that asks for nothing for a while has failed, and is offered a snapshot again after a wait.
 */
import { type NodeLog, SnapshotDamagedError, type SnapshotReader, type StoredSnapshot } from "../../log/index.ts";
import type { PeerLink, PeerLinks } from "../../net/index.ts";
import type { Clock, Logger, Timer } from "../../platform/index.ts";
import { membersOf, type ReplicaId, type Snapshot, type SnapshotSource } from "../../raft/index.ts";
import { nodeOf } from "../replica/replica-id.ts";
import type { SnapshotBudget } from "./snapshot-budget.ts";
import { encodeDescription, type SnapshotQuestion, sendSnapshotPiece } from "./snapshot-wire.ts";

/** A follower that asks for nothing for so long has given up, or never heard of it. */
const idleMs = 5_000;
/** The wait before a follower is offered a snapshot again, after the first failure and after many. */
const backOffMsMin = 500;
const backOffMsMax = 30_000;
/** Questions of one follower that wait; it asks for far fewer at a time. */
const questionsMax = 16;
/** No piece is larger, whatever is asked for. */
const pieceBytesMax = 262_144;
/** No more is handed to a connection while so much of it waits there. */
const queuedBytesMax = 524_288;
/** Between two looks at a connection that takes nothing more. */
const linkWaitMs = 5;

export interface SnapshotSenderOptions {
  readonly group: number;
  readonly log: NodeLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly links: () => PeerLinks;
  readonly budget: SnapshotBudget;
  /** Whether the core waits for this follower to install a snapshot. */
  readonly isAwaited: (follower: ReplicaId) => boolean;
  readonly onFailed: (follower: ReplicaId) => void;
  /** A follower needs a snapshot from after it was added, and there is none. */
  readonly onOutdated: () => void;
  /** This node's own snapshot cannot be read. */
  readonly onUnreadable: () => void;
  /** Something was written to a connection. */
  readonly onOutput: () => void;
}

interface Sending {
  readonly follower: ReplicaId;
  readonly reader: SnapshotReader;
  readonly questions: SnapshotQuestion[];
  askedMs: number;
  isServing: boolean;
  isOver: boolean;
}

export class SnapshotSender implements SnapshotSource {
  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** How many followers are being served. */
  get count(): number {
    return this.#sendings.size;
  }

  latest(follower: ReplicaId): Snapshot | undefined {
    const { budget, clock, group, log } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs < (this.#failures.get(follower)?.untilMs ?? 0)) return undefined;
    this.#end(follower);
    if (!budget.beginSending()) return undefined;
    const reader = log.openSnapshot(group);
    if (reader === undefined) {
      budget.endSending();
      return undefined;
    }
    if (!membersOf(reader.snapshot.configuration).includes(follower)) {
      void reader.close();
      budget.endSending();
      this.#options.onOutdated();
      return undefined;
    }
    this.#sendings.set(follower, {
      follower,
      reader,
      questions: [],
      askedMs: nowMs,
      isServing: false,
      isOver: false,
    });
    const { index, term, configuration } = reader.snapshot;
    return { index, term, configuration, data: encodeDescription(reader.snapshot) };
  }

  /** The follower on a node asks for a piece. */
  asked(nodeId: number, question: SnapshotQuestion): void {
    const sending = this.#sendingsTo(nodeId).findLast(({ reader }) => isOf(question, reader.snapshot));
    if (sending === undefined) {
      this.#refuse(nodeId, question);
      return;
    }
    sending.askedMs = this.#options.clock.nowMs();
    if (sending.questions.length < questionsMax) sending.questions.push(question);
    if (!sending.isServing) void this.#serve(sending);
  }

  /** A node is connected again. Its replica may have forgotten what it was offered, and is offered it anew. */
  connected(nodeId: number): void {
    for (const { follower } of this.#sendingsTo(nodeId)) {
      this.#end(follower);
      this.#options.onFailed(follower);
    }
  }

  /** Time has passed. */
  tick(): void {
    const { clock, isAwaited, logger, group, onFailed } = this.#options;
    const nowMs = clock.nowMs();
    for (const { follower, askedMs } of [...this.#sendings.values()]) {
      if (!isAwaited(follower)) {
        this.#failures.delete(follower);
        this.#end(follower);
      } else if (nowMs - askedMs > idleMs) {
        logger.log("warn", "a follower does not take its snapshot", { group, follower });
        this.#failed(follower);
        onFailed(follower);
      }
    }
  }

  /** Sends nothing more. */
  stop(): void {
    for (const follower of [...this.#sendings.keys()]) this.#end(follower);
    for (const { timer, resume } of [...this.#waits]) {
      timer.cancel();
      resume();
    }
    this.#waits.clear();
  }

  readonly #options: SnapshotSenderOptions;
  readonly #sendings: Map<ReplicaId, Sending> = new Map();
  readonly #failures: Map<ReplicaId, { readonly count: number; readonly untilMs: number }> = new Map();
  readonly #waits: Set<{ readonly timer: Timer; readonly resume: () => void }> = new Set();

  /** Says that there is no such stream. One that there is will be offered again, if this node leads. */
  #refuse(nodeId: number, question: SnapshotQuestion): void {
    const { group, log, onOutput } = this.#options;
    const link = this.#link(nodeId);
    if (link === undefined || isOf(question, log.group(group).snapshot)) return;
    sendSnapshotPiece(link, question, nothing);
    onOutput();
  }

  /** Answers the questions of one follower, one after the other. Never rejects. */
  async #serve(sending: Sending): Promise<void> {
    sending.isServing = true;
    try {
      for (let question = sending.questions.shift(); question !== undefined; question = sending.questions.shift()) {
        await this.#answer(sending, question);
        if (sending.isOver) return;
      }
    } catch (error) {
      this.#readFailed(sending, error);
    } finally {
      sending.isServing = false;
    }
  }

  async #answer(sending: Sending, question: SnapshotQuestion): Promise<void> {
    const { budget, onOutput } = this.#options;
    const bytes = await sending.reader.read(question.offset, Math.min(question.bytesMax, pieceBytesMax));
    for (;;) {
      if (sending.isOver) return;
      const link = this.#link(nodeOf(sending.follower));
      // What was asked for over a connection that is lost is asked for again.
      if (link === undefined) return;
      const waitMs = Math.max(budget.waitMs, link.queuedBytes < queuedBytesMax ? 0 : linkWaitMs);
      if (waitMs === 0) {
        budget.spend(bytes.length);
        sendSnapshotPiece(link, question, bytes);
        sending.askedMs = this.#options.clock.nowMs();
        onOutput();
        return;
      }
      await this.#wait(waitMs);
    }
  }

  #readFailed(sending: Sending, error: unknown): void {
    if (sending.isOver) return;
    const { group, logger, onFailed, onUnreadable } = this.#options;
    const isDamaged = error instanceof SnapshotDamagedError;
    logger.log("error", "this node cannot read its own snapshot", { group, error: String(error) });
    this.#failed(sending.follower);
    onFailed(sending.follower);
    if (isDamaged) onUnreadable();
  }

  #failed(follower: ReplicaId): void {
    this.#end(follower);
    const count = this.#failures.get(follower)?.count ?? 0;
    const waitMs = Math.min(backOffMsMax, backOffMsMin * 2 ** Math.min(count, 10));
    this.#failures.set(follower, { count: count + 1, untilMs: this.#options.clock.nowMs() + waitMs });
  }

  #end(follower: ReplicaId): void {
    const sending = this.#sendings.get(follower);
    if (sending === undefined) return;
    this.#sendings.delete(follower);
    sending.isOver = true;
    this.#options.budget.endSending();
    void sending.reader.close();
  }

  /** While one replica takes another's place on a node there may be two; the newer one comes last. */
  #sendingsTo(nodeId: number): readonly Sending[] {
    const all = [...this.#sendings.values()].filter(({ follower }) => nodeOf(follower) === nodeId);
    return all.sort((left, right) => left.follower - right.follower);
  }

  #link(nodeId: number): PeerLink | undefined {
    return this.#options.links().link(nodeId, "bulk");
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wait = {
        timer: this.#options.clock.setTimer(delayMs, () => {
          this.#waits.delete(wait);
          resolve();
        }),
        resume: resolve,
      };
      this.#waits.add(wait);
    });
  }
}

const nothing: Uint8Array = new Uint8Array(0);

function isOf({ index, checksum }: SnapshotQuestion, snapshot: StoredSnapshot | undefined): boolean {
  return index === snapshot?.index && checksum === snapshot.checksum;
}
