/**
 * A node sees to it that the directory says what the node says of itself: where its peers reach it, and what it was told
 * about its zone and weight. So a cluster whose nodes have all moved finds together again once some of them have.
 */
import {
  type Decision,
  DirectoryRefusal,
  type DirectoryState,
  decide,
  type NodeDetails,
  nodeOfNumber,
} from "../../directory/index.ts";
import { type Clock, CoterieError, type Logger, type Timer } from "../../platform/index.ts";

export interface AnnouncerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** This node's number. */
  readonly nodeId: number;
  readonly details: () => NodeDetails;
  /** This node's copy of the directory. */
  readonly state: () => DirectoryState;
  /** Makes a change of the directory; see `ClusterDirectory.change`. */
  readonly change: (decide: (state: DirectoryState) => Decision) => Promise<DirectoryState>;
}

/** Between two looks; what was told meanwhile is in the copy by then. */
const lookMs = 3_000;

export class Announcer {
  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  readonly #options: AnnouncerOptions;
  #timer: Timer | undefined;
  #isStopped = false;
  /** What the directory has refused, as text: it is not asked again. */
  #refused = "";

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(lookMs, () => void this.#look().then(() => this.#arm()));
  }

  async #look(): Promise<void> {
    const { change, details, logger, nodeId, state } = this.#options;
    const said = details();
    const text = JSON.stringify(said);
    if (text === this.#refused || !isNews(state(), nodeId, said)) return;
    try {
      await change((newest) => decide(newest, { kind: "announce", node: nodeId, ...said }));
      logger.log("info", "the directory knows this node's details", { details: text });
    } catch (error) {
      // Without a leader, for example: the next look tries again.
      if (!(error instanceof CoterieError)) throw error;
      logger.log("warn", "the directory does not know this node's details", { details: text, why: error.message });
      if (error instanceof DirectoryRefusal) this.#refused = text;
    }
  }
}

/**
 * Whether the directory is to hear it. As long as nothing has ever changed there, all nodes are where their files say: a
 * fixed cluster starts, and stays, without a write for that.
 */
function isNews(state: DirectoryState, nodeId: number, { peerAddress, zone, weight }: NodeDetails): boolean {
  const known = nodeOfNumber(state, nodeId);
  if (known === undefined || known.state === "removed") return false;
  if (zone !== undefined && zone !== known.zone) return true;
  if (weight !== undefined && weight !== known.weight) return true;
  if (state.epoch === 0 || peerAddress === undefined) return false;
  return peerAddress.host !== known.peerAddress?.host || peerAddress.port !== known.peerAddress.port;
}
