/**
 * Heartbeats and their answers, of all groups: what goes to one node in one turn is one message, however many groups there
 * are (CONSENSUS H-2).
 */
import type { PeerLink } from "../net/index.ts";
import type { Heartbeat, HeartbeatResponse } from "../raft/index.ts";
import { messageType } from "./message-type.ts";
import { raftMessageBytes, writeRaftMessage } from "./raft-codec.ts";
import { nodeOf } from "./replica-id.ts";

/** A connection to a node. */
export type HeartbeatLink = Pick<PeerLink, "queuedBytes" | "begin" | "end">;

export class Heartbeats {
  /** `controlLink` is the way to a node, while there is one; what finds more than `queueBytesMax` waiting there is dropped. */
  constructor(controlLink: (nodeId: number) => HeartbeatLink | undefined, queueBytesMax: number) {
    this.#controlLink = controlLink;
    this.#queueBytesMax = queueBytesMax;
  }

  add(group: number, message: Heartbeat | HeartbeatResponse): void {
    const nodeId = nodeOf(message.to);
    const waiting = this.#waiting.get(nodeId);
    if (waiting === undefined) this.#waiting.set(nodeId, [{ group, message }]);
    else waiting.push({ group, message });
  }

  /** Raft does not miss what is lost here: the next ones follow. */
  flush(): void {
    for (const [nodeId, waiting] of this.#waiting) {
      const [first] = waiting;
      if (first === undefined) continue;
      const link = this.#controlLink(nodeId);
      if (link !== undefined && link.queuedBytes <= this.#queueBytesMax) {
        const out = link.begin(messageType.heartbeats, waiting.length * (raftMessageBytes(first.message) + 8));
        for (const { group, message } of waiting) writeRaftMessage(out, group, message);
        link.end();
      }
      waiting.length = 0;
    }
  }

  readonly #controlLink: (nodeId: number) => HeartbeatLink | undefined;
  readonly #queueBytesMax: number;
  /** By node. */
  readonly #waiting: Map<number, { group: number; message: Heartbeat | HeartbeatResponse }[]> = new Map();
}
