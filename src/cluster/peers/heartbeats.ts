/**
 * Heartbeats and their answers, of all groups: what goes to one node in one turn is one message, however many groups there
 * are (CONSENSUS H-2). Answers that say nothing new wait for the next beat, and go with the heartbeats of this node: at rest
 * two nodes send each other one message a beat.
 */
import type { PeerLink } from "../../net/index.ts";
import type { Heartbeat, HeartbeatResponse, Term } from "../../raft/index.ts";
import { nodeOf } from "../replica/replica-id.ts";
import { messageType } from "./message-type.ts";
import { raftMessageBytes, writeRaftMessage } from "./raft-codec.ts";

/** A connection to a node. */
export type HeartbeatLink = Pick<PeerLink, "queuedBytes" | "begin" | "end">;

export class Heartbeats {
  /** `controlLink` is the way to a node, while there is one; what finds more than `queueBytesMax` waiting there is dropped. */
  constructor(controlLink: (nodeId: number) => HeartbeatLink | undefined, queueBytesMax: number) {
    this.#controlLink = controlLink;
    this.#queueBytesMax = queueBytesMax;
  }

  add(group: number, message: Heartbeat | HeartbeatResponse): void {
    const waiting = this.#of(nodeOf(message.to));
    waiting.messages.push({ group, message });
    if (!isNothingNew(group, message, waiting)) waiting.isDue = true;
    if (message.type === "heartbeatResponse") waiting.answeredTerms.set(group, message.term);
  }

  /** What waits goes at the end of this turn. */
  beat(): void {
    for (const waiting of this.#waiting.values()) if (waiting.messages.length > 0) waiting.isDue = true;
  }

  /** A connection to the node has ended: what it was told lately may have been lost. */
  lost(nodeId: number): void {
    this.#of(nodeId).answeredTerms.clear();
  }

  /** The end of a turn. Raft does not miss what is lost here: the next ones follow. */
  flush(): void {
    for (const [nodeId, waiting] of this.#waiting) {
      const { messages } = waiting;
      const [first] = messages;
      if (first === undefined || !waiting.isDue) continue;
      const link = this.#controlLink(nodeId);
      if (link !== undefined && link.queuedBytes <= this.#queueBytesMax) {
        const out = link.begin(messageType.heartbeats, messages.length * (raftMessageBytes(first.message) + 8));
        for (const { group, message } of messages) writeRaftMessage(out, group, message);
        link.end();
      } else {
        waiting.answeredTerms.clear();
      }
      messages.length = 0;
      waiting.isDue = false;
    }
  }

  readonly #controlLink: (nodeId: number) => HeartbeatLink | undefined;
  readonly #queueBytesMax: number;
  /** By node. */
  readonly #waiting: Map<number, Waiting> = new Map();

  #of(nodeId: number): Waiting {
    const known = this.#waiting.get(nodeId);
    if (known !== undefined) return known;
    const waiting: Waiting = { messages: [], isDue: false, answeredTerms: new Map() };
    this.#waiting.set(nodeId, waiting);
    return waiting;
  }
}

/** What goes to one node. */
interface Waiting {
  readonly messages: { readonly group: number; readonly message: Heartbeat | HeartbeatResponse }[];
  isDue: boolean;
  /** By group, the term of the last answer to that node. */
  readonly answeredTerms: Map<number, Term>;
}

/** Whether it says once more that a follower is there, which the leader asks in many beats, and confirms no read. */
function isNothingNew(group: number, message: Heartbeat | HeartbeatResponse, { answeredTerms }: Waiting): boolean {
  const isAnswer = message.type === "heartbeatResponse";
  return isAnswer && message.readRound === 0 && answeredTerms.get(group) === message.term;
}
