import type { Refusal } from "../../net/index.ts";
import type { Message, ReplicaId } from "../../raft/index.ts";
import type { Checksum } from "../groups/checksums.ts";
import type { LedTerm } from "../groups/shard-place.ts";
import type { SnapshotPiece, SnapshotQuestion } from "../snapshots/snapshot-wire.ts";
/** What a node does with what its peers say, and what it tells them. */
export interface PeerTrafficHandler {
  onRaftMessage(group: number, message: Message): void;
  /** Messages to the peer were dropped. */
  onLost(nodeId: number): void;
  /** All messages of a chunk have been handed out. */
  onMessagesEnd(): void;
  onPeerUp(nodeId: number): void;
  /** Nobody listens any more where the peer was. */
  onPeerGone(nodeId: number): void;
  onDigest(nodeId: number, group: number, checksum: Checksum): void;
  /** The node of these replicas says that those of the group up to this one have lost what they had acknowledged. */
  onReplicaLost(group: number, upTo: ReplicaId): void;
  /** What this node leads. */
  led(): readonly LedTerm[];
  /** Another node says what it leads. */
  onLed(nodeId: number, led: readonly LedTerm[]): void;
  /** What the peer leads is not known any more: the connection to it is lost, or is a new one. */
  onLedUnknown(nodeId: number): void;
  onSnapshotQuestion(nodeId: number, question: SnapshotQuestion): void;
  /** False if it makes no sense. */
  onSnapshotPiece(nodeId: number, piece: SnapshotPiece): boolean;
  onStatusQuestion(nodeId: number): string;
  /** What the other nodes should know of this one: JSON. */
  facts(): string;
  /** What another node wants to be known of it. */
  onFacts(nodeId: number, text: string): void;
  /** What it said before counts no more: it will say it anew. */
  onFactsUnknown(nodeId: number): void;
  /** Something was written, or may be now: there is to be a turn. */
  onOutput(): void;
  /** The peers do not take this node as who it says it is: it must stop. */
  onRefusedForGood(refusal: Refusal): void;
}
