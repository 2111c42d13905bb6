/** A replica with what the node does for it beside its commands: hastened elections and the comparison of digests. */
import type { NodeLog } from "../log/index.ts";
import { MemoryLog } from "../log/index.ts";
import { type LogIndex, RaftCore } from "../raft/index.ts";
import type { Reply } from "../resp/index.ts";
import { type Checksum, Checksums } from "./checksums.ts";
import { ElectionHaste } from "./election-haste.ts";
import { replicaStopped } from "./errors.ts";
import { OwnLane } from "./own-lane.ts";
import { Replica, type ReplicaHost } from "./replica.ts";

/** Committed entries that are handed out and not applied yet, in bytes. */
const applyBytesMax = 4 * 1_048_576;
/** Entries that are under way to one follower: a slow connection should not hold more. */
const inflightBytesMax = 4 * 1_048_576;

export interface HostedGroupOptions {
  readonly group: number;
  /** This replica, and all of the group. In a fixed cluster they have the numbers of their nodes. */
  readonly id: number;
  readonly voters: readonly number[];
  readonly log: NodeLog;
  readonly host: ReplicaHost;
  readonly announce: (group: number, checksum: Checksum) => void;
  readonly onDifference: (index: LogIndex) => void;
}

export class HostedGroup {
  readonly group: number;
  readonly voters: readonly number[];
  /** Without this one. */
  readonly otherVoters: readonly number[];
  readonly replica: Replica;
  readonly haste: ElectionHaste;
  readonly checksums: Checksums;

  constructor(options: HostedGroupOptions) {
    const { group, id, voters, host } = options;
    const { clock, random, settings } = host;
    this.#host = host;
    this.group = group;
    this.voters = voters;
    this.otherVoters = voters.filter((voter) => voter !== id);
    const stored = options.log.group(group);
    // What is damaged is left alone, for people to look at: the replica is there, and stopped.
    const log = stored.isDamaged ? new MemoryLog({ clock }).group(group) : stored;
    this.#replayedIndex = log.hardState.commit;
    const core = new RaftCore({
      id,
      electionTicks: settings.electionTicks,
      heartbeatTicks: 1,
      random,
      log,
      hardState: log.hardState,
      configuration: { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
      applied: 0,
      applyBytesMax,
      messageBytesMax: settings.appendBytesMax,
      inflightBytesMax,
      heartbeatsOvertake: true,
    });
    this.replica = new Replica({ group, core, log, host });
    this.haste = new ElectionHaste(this.replica, { clock, random });
    const lane = new OwnLane(() => this.checksums.dropped());
    this.checksums = new Checksums({
      clock,
      intervalMs: settings.checksumIntervalMs,
      replicaCount: voters.length,
      propose: (args) => this.replica.proposeOwn(lane, args),
      announce: (checksum) => {
        if (checksum.index > this.#replayedIndex) options.announce(group, checksum);
      },
      onDifference: options.onDifference,
    });
    if (stored.isDamaged) this.replica.stop("its log is damaged", replicaStopped);
  }

  tick(): void {
    this.replica.tick();
    // On a full disk the entry would wait for space, and votes behind it.
    if (this.replica.isLeading && !this.#host.isDiskFull()) this.checksums.tick();
  }

  /** A digest was computed by an entry. */
  computed(index: LogIndex, from: number, reply: Reply): void {
    this.checksums.computed(index, from, reply);
  }

  readonly #host: ReplicaHost;
  readonly #replayedIndex: LogIndex;
}
