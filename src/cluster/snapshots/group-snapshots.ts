/** All that has to do with the snapshots of one group on this node: made, sent and received. */
import type { NodeLog } from "../../log/index.ts";
import type { PeerLinks } from "../../net/index.ts";
import type { Clock, Logger } from "../../platform/index.ts";
import type { InstallSnapshot } from "../../raft/index.ts";
import { handOverToWell, type PeerDisks } from "../leadership/hand-over.ts";
import type { DiskSpace } from "../peers/disk-space.ts";
import type { Replica } from "../replica/replica.ts";
import { isSnapshotAwaited } from "../replica/snapshot-need.ts";
import type { NodeSettings } from "../settings.ts";
import type { SnapshotBudget } from "./snapshot-budget.ts";
import { SnapshotMaker } from "./snapshot-maker.ts";
import { type SnapshotProgress, SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import type { SnapshotPiece, SnapshotQuestion } from "./snapshot-wire.ts";

export interface GroupSnapshotsOptions {
  readonly group: number;
  readonly log: NodeLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: NodeSettings;
  readonly links: () => PeerLinks;
  readonly budget: SnapshotBudget;
  readonly space: Pick<DiskSpace, "isPeerFull">;
  /** What peers say of their disks. */
  readonly disks: PeerDisks;
  readonly onOutput: () => void;
}

export class GroupSnapshots {
  /** Where the group's core gets what it sends. */
  readonly sender: SnapshotSender;

  constructor(options: GroupSnapshotsOptions) {
    this.#options = options;
    this.sender = new SnapshotSender({
      ...options,
      isAwaited: (follower) => this.#replica !== undefined && isSnapshotAwaited(this.#replica, follower),
      onFailed: (follower) => this.#replica?.snapshotFailed(follower),
      onOutdated: () => this.want(),
      onUnreadable: () => this.unreadable(),
    });
  }

  /** The replica is there now. */
  begin(replica: Replica): void {
    this.#replica = replica;
    this.#maker = new SnapshotMaker({ ...this.#options, replica });
    this.#receiver = new SnapshotReceiver({ ...this.#options, replica });
  }

  /** The log needs the space that this group's entries take. */
  want(): void {
    this.#maker?.want();
  }

  /**
   * The last one is damaged: somebody else should lead, whose snapshot can be sent; and the next one here will be readable
   * (CONSENSUS N-7, D-8).
   */
  unreadable(): void {
    if (this.#replica !== undefined) handOverToWell(this.#replica, this.#options.disks);
    this.want();
  }

  tick(): void {
    this.#maker?.tick();
    this.#receiver?.tick();
    this.sender.tick();
  }

  /** A leader offers a snapshot. */
  offered(message: InstallSnapshot): void {
    this.#receiver?.offered(message);
  }

  /** How much of a snapshot has come that is on its way here. */
  get receiving(): SnapshotProgress | undefined {
    return this.#receiver?.progress;
  }

  asked(nodeId: number, question: SnapshotQuestion): void {
    this.sender.asked(nodeId, question);
  }

  /** A node is connected again. */
  connected(nodeId: number): void {
    this.sender.connected(nodeId);
  }

  /** False if the piece makes no sense. */
  arrived(nodeId: number, piece: SnapshotPiece): boolean {
    return this.#receiver?.arrived(nodeId, piece) ?? true;
  }

  /** The state was replaced by a received snapshot. */
  installed(): void {
    this.#maker?.cancel();
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.sender.stop();
    await Promise.all([this.#maker?.stop(), this.#receiver?.stop()]);
  }

  readonly #options: GroupSnapshotsOptions;
  #replica: Replica | undefined;
  #maker: SnapshotMaker | undefined;
  #receiver: SnapshotReceiver | undefined;
}
