/**
 * A node hears of new ones from its replica of the directory, and that from whoever leads the directory. Where the leader is itself
 * a node that came while this one was away, or did not keep what it heard, the two never come to speak: the one is not known,
 * and nobody else tells. So a node at which one that it does not know knocks asks those that it does know.
 *
 * ```
 * question   u53 highest number of a node that the sender knows        from version 7 of the peer protocol on
 * answer     text, JSON: the nodes, in the order of their numbers      likewise
 * ```
 *
 * Who knows no more says nothing. The one that knocks is not asked: whether it is one of the cluster is what others have to say.
 */
import type { ByteReader, PeerLink } from "../../net/index.ts";
import type { Clock, Logger } from "../../platform/index.ts";
import { messageType } from "../peers/message-type.ts";
import type { Member } from "./member.ts";
import type { NodeDirectory } from "./node-directory.ts";
import { parseMembers } from "./node-record.ts";

/** What is needed of a control connection. */
export type MemberNewsLink = Pick<PeerLink, "begin" | "end" | "version"> & {
  readonly peer: Pick<PeerLink["peer"], "name">;
};

export interface MemberNewsOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly logger: Logger;
  readonly directory: Pick<NodeDirectory, "members" | "peerIds">;
  /** The control connection to a peer; undefined: there is none. */
  readonly link: (nodeId: number) => MemberNewsLink | undefined;
  /** Takes what the directory of a later time says of all nodes, in the order of their numbers. */
  readonly setMembers: (nodes: readonly Member[]) => void;
  /** Something was written: there is to be a turn. */
  readonly onOutput: () => void;
}

const newsVersion = 7;
/** Who knocks does so again and again: the others are not asked more often. */
const askMs = 500;

export class MemberNews {
  constructor(options: MemberNewsOptions) {
    this.#options = options;
  }

  /** A node with this number, which is not known here, wants to be let in. */
  knocked(nodeId: number): void {
    const { clock, directory, onOutput } = this.#options;
    // Numbers only rise: one below was removed, and forgotten.
    if (nodeId <= this.#highest || clock.nowMs() < this.#silentUntilMs) return;
    this.#silentUntilMs = clock.nowMs() + askMs;
    for (const peerId of directory.peerIds) {
      const link = this.#options.link(peerId);
      if (link === undefined || link.version < newsVersion) continue;
      link.begin(messageType.membersQuestion, 8).integer(this.#highest);
      link.end();
    }
    onOutput();
  }

  receiveQuestion(link: MemberNewsLink, input: ByteReader): boolean {
    const highest = input.integer();
    if (!input.isWhole()) return false;
    if (highest >= this.#highest) return true;
    const text = JSON.stringify(this.#options.directory.members);
    link.begin(messageType.membersAnswer, 4 + 3 * text.length).text(text);
    link.end();
    this.#options.onOutput();
    return true;
  }

  /** A list without a higher number than the highest known one may be older than what is known: it is left alone. */
  receiveAnswer(link: MemberNewsLink, input: ByteReader): boolean {
    const text = input.text();
    const members = input.isWhole() ? parseMembers(text) : undefined;
    if (members === undefined) return false;
    if ((members.at(-1)?.id ?? 0) <= this.#highest) return true;
    const { logger, setMembers } = this.#options;
    logger.log("info", "a peer told of nodes that were not known here", { peer: link.peer.name });
    setMembers(members);
    return true;
  }

  readonly #options: MemberNewsOptions;
  /** On the monotonic clock. */
  #silentUntilMs = 0;

  get #highest(): number {
    return this.#options.directory.members.at(-1)?.id ?? 0;
  }
}
