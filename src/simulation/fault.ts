import type { MarkName } from "../platform/index.ts";
import type { DiskLoss } from "./file-content.ts";
import type { SimulatedVersion } from "./simulated-version.ts";

/**
 * Something that goes wrong, as data: a schedule of faults can be printed, and played again without some of them. Nodes
 * are given by their names.
 */
export type Fault =
  | ProcessFault
  | NetworkFault
  | DiskFailure
  | Damage
  | ClockFault
  | MemberFault
  | VersionFault
  | StagedFault;

export type ProcessFault =
  /** The process is killed and started again. */
  | { readonly kind: "kill"; readonly nodes: readonly string[]; readonly forMs: number }
  /** Killed again and again, each time after having run for `upMs`. */
  | { readonly kind: "crashLoop"; readonly node: string; readonly upMs: number; readonly forMs: number }
  | { readonly kind: "cutPower"; readonly nodes: readonly string[]; readonly loss: DiskLoss; readonly forMs: number }
  /** The process stands still, as under SIGSTOP. */
  | { readonly kind: "pause"; readonly node: string; readonly forMs: number }
  /** As one of these, but exactly where execution passes a mark the next time, within `forMs`; it is back `downMs` later. */
  | {
      readonly kind: "stopAt";
      readonly node: string;
      readonly mark: MarkName;
      readonly how: "kill" | "cutPower" | "pause";
      readonly downMs: number;
      readonly forMs: number;
    }
  /**
   * The power goes while the next batch of the log is being written, after this part of the time that it takes. What of it the disk
   * holds then is chance. It is back `downMs` later.
   */
  | {
      readonly kind: "tearWrite";
      readonly node: string;
      readonly part: number;
      readonly downMs: number;
      readonly forMs: number;
    }
  /** Its callbacks cost so much more. */
  | { readonly kind: "slowNode"; readonly node: string; readonly factor: number; readonly forMs: number };

export type NetworkFault =
  /** Nothing gets through these links. */
  | { readonly kind: "cutLinks"; readonly links: readonly Link[]; readonly forMs: number }
  /**
   * Whoever is elected meanwhile is cut off, at once or a moment later, for `holdMs`: terms grow and logs part, as in
   * figure 8 of the Raft paper.
   */
  | { readonly kind: "cutLeaders"; readonly holdMs: number; readonly forMs: number }
  /** A client and a node do not reach each other. */
  | { readonly kind: "cutClient"; readonly link: Link; readonly forMs: number }
  | { readonly kind: "slowLink"; readonly link: Link; readonly latencyMs: number; readonly forMs: number }
  /** Some packets take very much longer than others. */
  | { readonly kind: "heavyTail"; readonly link: Link; readonly tailMs: number; readonly forMs: number }
  | { readonly kind: "lossyLink"; readonly link: Link; readonly lossChance: number; readonly forMs: number }
  /** Bytes between nodes are not what was sent, past TCP's checksum. */
  | { readonly kind: "corruptLink"; readonly link: Link; readonly corruptChance: number; readonly forMs: number }
  /** Packets between nodes come twice, late, in another order, or half. */
  | { readonly kind: "garbleLink"; readonly link: Link; readonly garbleChance: number; readonly forMs: number }
  /** All connections of the node break, with whatever they carry. */
  | { readonly kind: "resetConnections"; readonly node: string };

/** What a disk may do without having lost anything that it has acknowledged. */
export type DiskFailure =
  | { readonly kind: "stallDisk"; readonly node: string; readonly forMs: number }
  | { readonly kind: "slowDisk"; readonly node: string; readonly factor: number; readonly forMs: number }
  /** The next sync fails, and with it the process; it is started again. */
  | { readonly kind: "failSync"; readonly node: string; readonly restartMs: number }
  /** The next write fails, or the next operation on a name; so may the process. */
  | {
      readonly kind: "failOperation";
      readonly node: string;
      readonly operation: "write" | "rename" | "open" | "remove" | "list";
      readonly code: "EIO" | "EROFS";
      readonly restartMs: number;
    }
  /** No room for new pages, or, as on a file system that never writes in place, for any write. */
  | { readonly kind: "fullDisk"; readonly node: string; readonly writes: "new" | "all"; readonly forMs: number }
  /** Writes come to an end in the middle. */
  | { readonly kind: "shortWrites"; readonly node: string; readonly forMs: number };

/** The disk no longer holds what it has acknowledged: a budget says on how many nodes (CONSENSUS X-3). */
export type Damage =
  | { readonly kind: "flipBit"; readonly node: string; readonly age: "old" | "new" }
  | { readonly kind: "misdirectWrite"; readonly node: string }
  | { readonly kind: "failReads"; readonly node: string; readonly forMs: number }
  | { readonly kind: "loseFile"; readonly node: string; readonly while: "running" | "down"; readonly forMs: number }
  /**
   * New records are damaged, and the power goes, `afterMs` after execution has passed a mark within `forMs`; it is back
   * `downMs` later.
   */
  | {
      readonly kind: "damageAt";
      readonly node: string;
      readonly mark: MarkName;
      readonly afterMs: number;
      readonly downMs: number;
      readonly forMs: number;
    }
  /**
   * For `lagMs` the node and one other are alone, and the others do not hear what is committed. Then the power of the node goes, its
   * new records are damaged by so many `flips`, and it is back after `downMs`, for `holdMs` together with the others and without that one: they must
   * not go on without what it has lost.
   */
  | {
      readonly kind: "damageWitness";
      readonly node: string;
      readonly lagMs: number;
      readonly flips: number;
      readonly downMs: number;
      readonly holdMs: number;
    }
  /** The node comes back with an empty disk. */
  | { readonly kind: "loseDisk"; readonly node: string; readonly forMs: number }
  /** What the disk held before is put back after `ageMs`. */
  | { readonly kind: "oldCopy"; readonly node: string; readonly ageMs: number; readonly forMs: number };

export type ClockFault =
  /** The wall clock jumps, and back. */
  | { readonly kind: "jumpClock"; readonly node: string; readonly byMs: number; readonly forMs: number }
  | { readonly kind: "driftClock"; readonly node: string; readonly rate: number; readonly forMs: number }
  | { readonly kind: "freezeClock"; readonly node: string; readonly forMs: number };

/**
 * Nodes come and go. What operators want they ask for until somebody takes it or says no; in the end whoever is lost is
 * removed.
 */
export type MemberFault =
  | { readonly kind: "joinNode"; readonly node: string }
  /** Its replicas go elsewhere, and it takes some again afterwards. */
  | { readonly kind: "drainNode"; readonly node: string; readonly forMs: number }
  /** Its replicas go elsewhere, and then it is removed. */
  | { readonly kind: "decommissionNode"; readonly node: string }
  /** Whoever leads this group just then; 0: the directory's. */
  | { readonly kind: "decommissionLeader"; readonly group: number }
  /** It is gone for good, and removed; should its disk be kept, somebody may start it again after all. */
  | { readonly kind: "loseNode"; readonly node: string; readonly disk: "kept" | "erased"; readonly isRemoved: boolean }
  /** Who is lost, or was removed, is started on what its disk held. */
  | { readonly kind: "returnNode"; readonly node: string }
  /** Who is away for so long is replaced. */
  | { readonly kind: "replaceAfter"; readonly ms: number }
  | { readonly kind: "wantReplicas"; readonly replicas: number };

export type VersionFault =
  /** The process ends, and is that version from now on; it is back `downMs` later. There is no way back once the upgrade is being finished. */
  | {
      readonly kind: "restartAs";
      readonly node: string;
      readonly version: SimulatedVersion;
      readonly how: "kill" | "cutPower";
      readonly downMs: number;
    }
  /** An operator asks for the new semantics level until somebody takes it or says no. */
  | { readonly kind: "finishUpgrade" };

/** Several things in one moment, within `forMs`: promises that a fault of one thing at a time hardly ever puts to the test. */
export type StagedFault =
  /**
   * `afterMs` after a leader has passed the mark it is alone for `holdMs`, and the power of all others goes, so that they know what was durable
   * then and no more. Or its own power goes, and one of the others is alone. They are back `downMs` later, and elect somebody else.
   * Where syncs fail those whose power goes can sync nothing from the mark on: what they say until then, if they say anything, is forgotten.
   */
  | {
      readonly kind: "cutPowerAt";
      readonly mark: "an election is won" | "a batch is durable";
      readonly who: "others" | "itself";
      readonly doSyncsFail: boolean;
      readonly afterMs: number;
      readonly downMs: number;
      readonly holdMs: number;
      readonly forMs: number;
    }
  /**
   * A leader that has written stands still for `pauseMs`, so that another one is elected, and hears none of the nodes for `aloneMs` after that: it
   * still takes itself for the leader, and clients ask it.
   */
  | { readonly kind: "pauseLeader"; readonly pauseMs: number; readonly aloneMs: number; readonly forMs: number }
  /**
   * A leader that has written is alone for `holdMs`, in which somebody reads from it what somebody else writes elsewhere, each every
   * `thinkMs`: once the others have a leader, what it still answers is old.
   */
  | { readonly kind: "readAlone"; readonly holdMs: number; readonly thinkMs: number; readonly forMs: number }
  /**
   * A leader whose configuration becomes a joint one is alone for `holdMs` with those that get their votes by it, while those that
   * have had theirs may elect somebody else. It is killed, and starts again at once, `restartAfterMs` later.
   */
  | {
      readonly kind: "partHalves";
      readonly restartAfterMs: number;
      readonly holdMs: number;
      readonly forMs: number;
    };

export type FaultKind = Fault["kind"];
export type MemberFaultKind = MemberFault["kind"];
export type VersionFaultKind = VersionFault["kind"];
export type StagedFaultKind = StagedFault["kind"];
export type DamageKind = Damage["kind"];

export interface Link {
  readonly from: string;
  readonly to: string;
}

export interface TimedFault {
  /** After the beginning of the faults. */
  readonly atMs: number;
  readonly fault: Fault;
}

/** For the story of a run, e.g. "kill nodes=n1 forMs=312". */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${describeValue(value)}`);
  return `${kind} ${details.join(" ")}`;
}

function describeValue(value: string | number | boolean | Link | readonly string[] | readonly Link[]): string {
  if (typeof value === "number") return String(Math.round(value * 1000) / 1000);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if ("from" in value) return `${value.from}>${value.to}`;
  return value.map((each) => describeValue(each)).join(",");
}
