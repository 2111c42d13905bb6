import { assert, type Random } from "../platform/index.ts";
import type { Configuration } from "./configuration.ts";
import { type Entry, entryBytes, type HardState, type LogIndex, type ReplicaId } from "./entry.ts";
import type { InvariantSwitch } from "./invariants.ts";
import type { LogReader, SnapshotSource } from "./ready.ts";

const mebibyte = 1_048_576;

/** What a replica is built from. The limits are in bytes of entries, or in ticks, and positive. */
export interface RaftOptions {
  /** This replica; never used before by a replica that has lost its log. */
  readonly id: ReplicaId;
  /** An election timeout is drawn from [electionTicks, 2 * electionTicks) again and again. */
  readonly electionTicks: number;
  /** Between two heartbeats; below `electionTicks`, a tenth of it is a good value. */
  readonly heartbeatTicks: number;
  readonly random: Random;
  readonly log: LogReader;
  readonly hardState: HardState;
  /** The configuration as of `applied` (CONSENSUS M-8). */
  readonly configuration: Configuration;
  /** What the state machine holds already; entries above it are handed out. */
  readonly applied: LogIndex;
  /** Thesis §9.6. Default true. */
  readonly preVote?: boolean;
  /** Thesis §6.2: a leader without an active quorum steps down, voters with a live leader refuse others. Default true. */
  readonly checkQuorum?: boolean;
  /**
   * "lease" answers reads without asking anybody, until `checkQuorum` notices that nobody answers: up to two election
   * timeouts late, when another one may lead already, however even the clocks are. Not for reads that must be
   * linearizable. Default "safe".
   */
  readonly readMode?: "safe" | "lease";
  /**
   * A read asks only those voters that confirmed the one before it, which spares a good part of all messages; the others
   * have their regular heartbeats. One that is silent then would cost reads up to a heartbeat, so that the host calls
   * `askEverybody` when they take long. Default false: everybody is asked at once.
   */
  readonly asksFewForReads?: boolean;
  /** A leader steps down when it applies its own removal or demotion. Default true. */
  readonly stepDownOnRemoval?: boolean;
  /** Entries in one append, to anybody or to whom it is asked for; a single entry always passes. Default 1 MiB. */
  readonly messageBytesMax?: number | ((to: ReplicaId) => number);
  /** Appends under way to one follower, and their bytes. Defaults 256 and 16 MiB. */
  readonly inflightMessagesMax?: number;
  readonly inflightBytesMax?: number;
  /**
   * Heartbeats and their answers may overtake appends, having a connection of their own: an answer then does not show
   * that a probe was lost, and its entries, sent again each time, would pile up in front of a slow connection. With it,
   * an empty append asks first. Default false.
   */
  readonly heartbeatsOvertake?: boolean;
  /**
   * A new commit index goes to followers with the next append or heartbeat, and never by an append of its own: where many
   * groups have few entries each, that and its answer would be half of all messages. Whoever follows then applies up to a
   * heartbeat later, for which nobody waits. Default false.
   */
  readonly commitsByHeartbeat?: boolean;
  /** Proposed and not committed: above it proposals are refused, unless nothing else is under way. Default 64 MiB. */
  readonly uncommittedBytesMax?: number;
  /** Committed entries handed out and not applied yet; a single entry always passes. Default 16 MiB. */
  readonly applyBytesMax?: number;
  /**
   * What a follower does with proposals: refuse them ("off", the default), send its own host's on to the leader but
   * not those that were forwarded to it ("once"), or all of them ("always", which may go in circles).
   */
  readonly forwarding?: "off" | "once" | "always";
  /** Refuse configuration changes that do not fit the applied configuration. Default true; false is for tests of the refusals' backstop. */
  readonly validateConfigurationChanges?: boolean;
  /**
   * Refuse to add a member whose id is not above all that the group ever gave (CONSENSUS C-4). Default false: whoever gives
   * the ids sees to it.
   */
  readonly idsAscend?: boolean;
  /** A learner that lacks more entries than this is not made a voter. Default 1000. */
  readonly promotionLagEntriesMax?: number;
  /** Default: none, so that a follower that needs one waits. */
  readonly snapshots?: SnapshotSource;
  /** What an entry counts for in the limits above. Default: its data and 16 bytes. */
  readonly entryBytes?: (entry: Entry) => number;
  /** For a benchmark of what checking the invariants costs, and nothing else. Default: they are checked. */
  readonly invariantSwitch?: InvariantSwitch;
}

/** {@link RaftOptions} with every default filled in. */
export interface Settings {
  readonly id: ReplicaId;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly random: Random;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly readMode: "safe" | "lease";
  readonly asksFewForReads: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly messageBytesMax: (to: ReplicaId) => number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly heartbeatsOvertake: boolean;
  readonly commitsByHeartbeat: boolean;
  readonly uncommittedBytesMax: number;
  readonly applyBytesMax: number;
  readonly forwarding: "off" | "once" | "always";
  readonly validateConfigurationChanges: boolean;
  readonly idsAscend: boolean;
  readonly promotionLagEntriesMax: number;
  readonly snapshots: SnapshotSource;
  readonly entryBytes: (entry: Entry) => number;
}

const noSnapshots: SnapshotSource = { latest: () => undefined };

/** Fills in defaults and asserts that the settings agree with each other. */
export function settingsOf(options: RaftOptions): Settings {
  const { messageBytesMax = mebibyte } = options;
  const settings: Settings = {
    id: options.id,
    electionTicks: options.electionTicks,
    heartbeatTicks: options.heartbeatTicks,
    random: options.random,
    preVote: options.preVote ?? true,
    checkQuorum: options.checkQuorum ?? true,
    readMode: options.readMode ?? "safe",
    asksFewForReads: options.asksFewForReads ?? false,
    stepDownOnRemoval: options.stepDownOnRemoval ?? true,
    messageBytesMax: typeof messageBytesMax === "number" ? () => messageBytesMax : messageBytesMax,
    inflightMessagesMax: options.inflightMessagesMax ?? 256,
    inflightBytesMax: options.inflightBytesMax ?? 16 * mebibyte,
    heartbeatsOvertake: options.heartbeatsOvertake ?? false,
    commitsByHeartbeat: options.commitsByHeartbeat ?? false,
    uncommittedBytesMax: options.uncommittedBytesMax ?? 64 * mebibyte,
    applyBytesMax: options.applyBytesMax ?? 16 * mebibyte,
    forwarding: options.forwarding ?? "off",
    validateConfigurationChanges: options.validateConfigurationChanges ?? true,
    idsAscend: options.idsAscend ?? false,
    promotionLagEntriesMax: options.promotionLagEntriesMax ?? 1000,
    snapshots: options.snapshots ?? noSnapshots,
    entryBytes: options.entryBytes ?? entryBytes,
  };
  assert(Number.isSafeInteger(settings.id) && settings.id > 0, "a replica id is a positive integer");
  assert(settings.heartbeatTicks > 0, "heartbeatTicks must be positive");
  assert(settings.electionTicks > settings.heartbeatTicks, "electionTicks must be above heartbeatTicks");
  assert(settings.inflightMessagesMax > 0, "inflightMessagesMax must be positive");
  assert(
    typeof messageBytesMax !== "number" || settings.inflightBytesMax >= messageBytesMax,
    "inflightBytesMax must be at least messageBytesMax",
  );
  assert(settings.readMode === "safe" || settings.checkQuorum, "lease reads need checkQuorum");
  return settings;
}
