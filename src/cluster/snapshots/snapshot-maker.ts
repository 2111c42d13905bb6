/**
 * Makes a replica's snapshots: when its log has grown by enough, or the node's log needs the space, the state is walked
 * in small slices between turns and written beside the log, which is cut once the snapshot is durable. Clients are served
 * all the while.
 */
import { type KeyspaceSnapshot, snapshotChunkBytes } from "../../keyspace/index.ts";
import { type NodeLog, type SnapshotMeta, SnapshotNotWrittenError, type SnapshotWriter } from "../../log/index.ts";
import { type Clock, type Logger, mark } from "../../platform/index.ts";
import type { DiskSpace } from "../peers/disk-space.ts";
import type { Replica } from "../replica/replica.ts";
import { nodeOf } from "../replica/replica-id.ts";
import type { NodeSettings } from "../settings.ts";
import { logCut } from "./log-cut.ts";
import { sliceWaitMs } from "./slice-wait.ts";
import type { SnapshotBudget } from "./snapshot-budget.ts";

/** With this part of what it may hold in memory held a snapshot is to be done soon. */
const heldHurryPart = 8;
/** Between two looks at how much there is in the log, and between two at what may go. */
const checkMs = 1_000;
const cutMs = 10_000;

export interface SnapshotMakerOptions {
  readonly replica: Replica;
  readonly log: NodeLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: NodeSettings;
  readonly budget: SnapshotBudget;
  readonly space: Pick<DiskSpace, "isPeerFull">;
}

export class SnapshotMaker {
  constructor(options: SnapshotMakerOptions) {
    this.#options = options;
  }

  /** Whether one is being made. */
  get isBusy(): boolean {
    return this.#making !== undefined;
  }

  /** There is a reason to make one, however little the log has grown. */
  want(): void {
    this.#isWanted = true;
    this.#checkedMs = Number.NEGATIVE_INFINITY;
  }

  /** Time has passed. */
  tick(): void {
    const { clock, replica } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#isStopped || replica.stoppedBecause !== undefined || nowMs - this.#checkedMs < checkMs) return;
    this.#checkedMs = nowMs;
    if (this.isBusy || this.#isWaitingForPlace) return;
    if (nowMs - this.#cutMs >= cutMs) this.#cut();
    if (nowMs >= this.#retryMs && this.#isDue()) this.#begin();
  }

  /** The state was replaced: what is being made of the old one is of no use. */
  cancel(): void {
    this.#cancelCount++;
  }

  /** Makes no more. Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.cancel();
    await this.#making;
  }

  readonly #options: SnapshotMakerOptions;
  #making: Promise<void> | undefined;
  #isWanted = false;
  #isWaitingForPlace = false;
  #isStopped = false;
  #cancelCount = 0;
  #checkedMs = 0;
  #cutMs = 0;
  #retryMs = 0;

  #isDue(): boolean {
    const { log, replica, settings } = this.#options;
    const { snapshot } = replica.log;
    const index = snapshot?.index ?? 0;
    const { appliedIndex } = replica.core;
    if (appliedIndex <= index) return false;
    // On a full disk whatever frees more than it takes is worth a try (CONSENSUS D-7).
    const bytesMin = log.isFull
      ? 2 * replica.keyspace.logicalBytes
      : Math.max(settings.snapshotLogBytesMin, snapshot?.sizeBytes ?? 0);
    // After a start nobody is served before the log is replayed; and a snapshot of the middle spares the less.
    if (replica.isReplaying && !log.isFull) return false;
    const sparedBytes = replica.log.bytesAbove(index) - replica.log.bytesAbove(appliedIndex);
    return this.#isWanted || sparedBytes >= bytesMin;
  }

  #begin(): void {
    const { budget, replica } = this.#options;
    if (!budget.beginMaking()) return;
    this.#isWaitingForPlace = true;
    replica.whenBetweenEntries(() => {
      this.#isWaitingForPlace = false;
      const meta = this.#isStopped ? undefined : replica.snapshotMeta();
      if (meta === undefined) {
        budget.endMaking();
        return;
      }
      this.#isWanted = false;
      this.#making = this.#make(meta).finally(() => {
        this.#making = undefined;
        budget.endMaking();
      });
    });
  }

  async #make(meta: SnapshotMeta): Promise<void> {
    const { clock, log, logger, replica, settings } = this.#options;
    const { group } = replica;
    const startedMs = clock.nowMs();
    const snapshot = replica.keyspace.beginSnapshot({ heldBytesMax: settings.snapshotHeldBytesMax });
    let writer: SnapshotWriter | undefined;
    try {
      writer = log.createSnapshot(group, meta);
      const outcome = await this.#write(snapshot, writer);
      if (outcome !== "whole") {
        await writer.abort();
        if (outcome === "abandoned") this.#retryMs = clock.nowMs() + settings.snapshotRetryMs;
        logger.log("info", "a snapshot was not finished", { group, index: meta.index, reason: outcome });
        return;
      }
      await writer.commit();
      mark("a snapshot was made");
      const durationMs = Math.round(clock.nowMs() - startedMs);
      logger.log("info", "snapshot", { group, index: meta.index, bytes: writer.sizeBytes, durationMs });
      this.#cut();
    } catch (error) {
      await writer?.abort();
      this.#retryMs = clock.nowMs() + settings.snapshotRetryMs;
      if (!(error instanceof SnapshotNotWrittenError)) replica.fail(error);
      else logger.log("warn", "a snapshot could not be written", { group, index: meta.index, error: error.message });
    } finally {
      snapshot.close();
    }
  }

  async #write(snapshot: KeyspaceSnapshot, writer: SnapshotWriter): Promise<"whole" | "abandoned" | "cancelled"> {
    const { clock, replica } = this.#options;
    const cancelCount = this.#cancelCount;
    // The writer copies: one piece of memory does, where a thousand would have to be collected.
    const room = Buffer.allocUnsafeSlow(snapshotChunkBytes);
    while (!snapshot.isAbandoned) {
      const begunMs = clock.nowMs();
      const chunk = snapshot.next(room);
      const waitMs = sliceWaitMs(clock.nowMs() - begunMs, this.#isHurried(snapshot));
      if (chunk === undefined) return "whole";
      if (chunk.length > 0) await writer.write(chunk);
      await new Promise<void>((resolve) => void clock.setTimer(waitMs, resolve));
      if (this.#cancelCount !== cancelCount || replica.stoppedBecause !== undefined) return "cancelled";
    }
    return "abandoned";
  }

  /** What changes meanwhile is held in memory, and on a full disk a snapshot is what gives space. */
  #isHurried(snapshot: KeyspaceSnapshot): boolean {
    const { log, settings } = this.#options;
    return log.isFull || snapshot.heldBytes > settings.snapshotHeldBytesMax / heldHurryPart;
  }

  /** Gives free what nobody needs any more. */
  #cut(): void {
    const { clock, log, replica, settings, space } = this.#options;
    const { snapshot, firstIndex } = replica.log;
    this.#cutMs = clock.nowMs();
    if (snapshot === undefined || firstIndex > snapshot.index || replica.isInstalling) return;
    // The files of a replica that has stopped are left as they are, for people to look at.
    if (replica.stoppedBecause !== undefined) return;
    const followers = replica.core
      .status()
      .progress.filter(({ id }) => id !== replica.core.id)
      .map((progress) => ({ ...progress, isFull: space.isPeerFull(nodeOf(progress.id)) }));
    const index = logCut(replica.log, followers, settings);
    if (index >= firstIndex) log.compact(replica.group, index);
  }
}
