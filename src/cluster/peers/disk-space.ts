/**
 * Who has space for what. Nodes with full disks take no entries, save those that are vital to a group; and where no majority can be
 * had without them, entries that only free space, and what stands before either, from the reserve of their logs. Why so: docs/decisions/full-disks.md.
 */
import type { LogRecords, NodeLog } from "../../log/index.ts";
import type { AppendEntries, Message, Persist, ReplicaId } from "../../raft/index.ts";
import type { NodeDisks } from "../leadership/node-disks.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import { nodeOf } from "../replica/replica-id.ts";
import type { NodeSettings } from "../settings.ts";
import { noStretchRoom, type StretchRoom, vitalPart } from "./vital-part.ts";

/**
 * What stands before a vital entry goes to a full node in one append with it, of at most this: more than a leader has under way
 * in one group, with the defaults, and half a frame.
 */
export const stretchBytesMax: number = 4 * 1_048_576;

const stretchRoom: StretchRoom = { beforeVitalBytes: stretchBytesMax, freeingBytes: stretchBytesMax };

export interface DiskSpaceOptions {
  readonly directory: Pick<NodeDirectory, "nodeId">;
  readonly settings: Pick<NodeSettings, "appendBytesMax">;
  readonly log: Pick<NodeLog, "isFull" | "roomBeforeVitalBytes" | "roomForFreeingBytes">;
  /** What the other nodes say of theirs. */
  readonly disks: Pick<NodeDisks, "hasFullPeer" | "isPeerFull">;
  /** Whose answer is undefined where no link is up. */
  readonly links: () => { link(nodeId: number, kind: "control"): unknown };
  /** The nodes of a group's voters, if the group is hosted here. */
  readonly votersOf: (group: number) => readonly number[];
}

export class DiskSpace {
  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  /** Whether this node's disk takes no entries. */
  get isFull(): boolean {
    return this.#options.log.isFull;
  }

  /** Whether entries proposed here would have to wait for space: here, or on too many other nodes. */
  lacksSpace(group: number): boolean {
    if (this.isFull) return true;
    return this.#options.disks.hasFullPeer && this.needsFull(group);
  }

  /** Whether a peer's disk takes no entries, as far as it has said. */
  isPeerFull(nodeId: number): boolean {
    return this.#options.disks.isPeerFull(nodeId);
  }

  /**
   * While space is lacking: bytes of entries that may be proposed here if they only free space. What the other nodes have left is
   * not known, so that there should never be much of them under way.
   */
  get roomForFreeingBytes(): number {
    return this.isFull ? this.#options.log.roomForFreeingBytes : Number.POSITIVE_INFINITY;
  }

  /** Whether no majority of the group's voters has space, as far as is known here: then nothing is committed without full nodes. */
  needsFull(group: number): boolean {
    const { directory, disks, links, votersOf } = this.#options;
    const voters = votersOf(group);
    const isHeard = (id: number): boolean => links().link(id, "control") !== undefined;
    const hasSpace = (id: number): boolean =>
      id === directory.nodeId ? !this.isFull : !disks.isPeerFull(id) && isHeard(id);
    return 2 * voters.filter(hasSpace).length <= voters.length;
  }

  /** What may be sent of a leader's entries; undefined: nothing. */
  sent(group: number, message: AppendEntries): AppendEntries | undefined {
    if (!this.#options.disks.isPeerFull(nodeOf(message.to))) return message;
    return vitalPart(message, this.needsFull(group) ? stretchRoom : noStretchRoom);
  }

  /** What is taken of a leader's entries; undefined: nothing. */
  taken(group: number, message: AppendEntries): AppendEntries | undefined {
    if (!this.isFull) return message;
    if (!this.needsFull(group)) return vitalPart(message, noStretchRoom);
    const { roomBeforeVitalBytes, roomForFreeingBytes } = this.#options.log;
    return vitalPart(message, { beforeVitalBytes: roomBeforeVitalBytes, freeingBytes: roomForFreeingBytes });
  }

  /** Bytes of entries that one append to a replica carries. */
  appendBytesMax(group: number, to: ReplicaId): number {
    const { disks, settings } = this.#options;
    return disks.isPeerFull(nodeOf(to)) && this.needsFull(group) ? stretchBytesMax : settings.appendBytesMax;
  }

  /**
   * What goes into the log. Votes, also those that change nothing, and refusals of appends stand behind the entries of their group
   * that wait for space: where a group needs its full nodes, these come along.
   */
  records(group: number, persist: Persist): LogRecords {
    if (!this.isFull || !persist.messages.some(isSayNeeded) || !this.needsFull(group)) return persist;
    return { ...persist, isVital: true };
  }

  readonly #options: DiskSpaceOptions;
}

/** Without the answer nobody is elected, or no leader learns what to send. */
function isSayNeeded(message: Message): boolean {
  return message.type === "requestVoteResponse" || (message.type === "appendEntriesResponse" && message.rejected);
}
