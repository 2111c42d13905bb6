/** A replica with what the node does for it beside its commands: hastened elections, digests, snapshots. */
import { Keyspace } from "../keyspace/index.ts";
import { type GroupLog, MemoryLog, type NodeLog } from "../log/index.ts";
import type { PeerLinks } from "../net/index.ts";
import { emptyConfiguration, InvariantViolation, type LogIndex, RaftCore, type SnapshotSource } from "../raft/index.ts";
import type { Reply } from "../resp/index.ts";
import { type Checksum, Checksums } from "./checksums.ts";
import { ElectionHaste } from "./election-haste.ts";
import { replicaStopped } from "./errors.ts";
import { GroupSnapshots } from "./group-snapshots.ts";
import { OwnLane } from "./own-lane.ts";
import { Replica, type ReplicaHost } from "./replica.ts";
import type { NodeSettings } from "./settings.ts";
import type { SnapshotBudget } from "./snapshot-budget.ts";

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
  /** The state that the group's newest snapshot holds, undefined without one, or why it cannot be had. */
  readonly keyspace: Keyspace | Error | undefined;
  readonly links: () => PeerLinks;
  readonly budget: SnapshotBudget;
  /** This group's: with others on the node it has a share of what the node sets aside. */
  readonly settings: NodeSettings;
  readonly host: ReplicaHost;
  readonly onOutput: () => void;
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
  readonly snapshots: GroupSnapshots;

  constructor(options: HostedGroupOptions) {
    const { group, id, voters, host, keyspace } = options;
    const { clock, random, settings } = host;
    this.#host = host;
    this.group = group;
    this.voters = voters;
    this.otherVoters = voters.filter((voter) => voter !== id);
    const stored = options.log.group(group);
    // What is damaged is left alone, for people to look at: the replica is there, and stopped.
    const isUsable = !stored.isDamaged && !(keyspace instanceof Error);
    this.snapshots = new GroupSnapshots({ ...options, ...host, settings: options.settings });
    const begun = isUsable ? beginCore(options, stored, this.snapshots.sender) : undefined;
    const isBegun = begun instanceof RaftCore;
    const log = isBegun ? stored : new MemoryLog({ clock }).group(group);
    this.#replayedIndex = log.hardState.commit;
    const core = isBegun ? begun : coreOf(options, log, this.snapshots.sender);
    const state = isBegun && keyspace instanceof Keyspace ? keyspace : new Keyspace();
    this.replica = new Replica({ group, core, log, keyspace: state, host });
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
    else if (keyspace instanceof Error) this.replica.stop(`its snapshot: ${keyspace.message}`, replicaStopped);
    else if (begun instanceof InvariantViolation) this.replica.fail(begun);
    else this.snapshots.begin(this.replica);
  }

  tick(): void {
    this.replica.tick();
    // On a full disk the entry would wait for space, and votes behind it.
    if (this.replica.isLeading && !this.#host.lacksSpace(this.group)) this.checksums.tick();
    this.snapshots.tick();
  }

  /** A snapshot has replaced the state. */
  installed(): void {
    this.snapshots.installed();
    this.checksums.skipped();
  }

  /** A digest was computed by an entry. */
  computed(index: LogIndex, from: number, reply: Reply): void {
    this.checksums.computed(index, from, reply);
  }

  readonly #host: ReplicaHost;
  readonly #replayedIndex: LogIndex;
}

/** A core upon what is stored; or what of it cannot be, if it all came back as it was written. */
function beginCore(
  options: HostedGroupOptions,
  log: GroupLog,
  snapshots: SnapshotSource,
): RaftCore | InvariantViolation {
  try {
    return coreOf(options, log, snapshots);
  } catch (error) {
    if (error instanceof InvariantViolation) return error;
    throw error;
  }
}

function coreOf({ id, voters, host }: HostedGroupOptions, log: GroupLog, snapshots: SnapshotSource): RaftCore {
  const { random, settings } = host;
  return new RaftCore({
    id,
    electionTicks: settings.electionTicks,
    heartbeatTicks: 1,
    random,
    log,
    hardState: log.hardState,
    configuration: log.snapshot?.configuration ?? { ...emptyConfiguration, voters },
    applied: log.snapshot?.index ?? 0,
    applyBytesMax,
    messageBytesMax: settings.appendBytesMax,
    inflightBytesMax,
    heartbeatsOvertake: true,
    asksFewForReads: settings.readPatienceMs > 0,
    snapshots,
    invariantSwitch: settings.invariantSwitch,
  });
}
