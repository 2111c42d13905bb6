/** How others come to be nodes of this node's cluster, and how the cluster hears where this one is. */
import {
  type Decision,
  type DirectoryState,
  decide,
  type NodeDetails,
  NodeStateError,
  nodeOfDirectory,
} from "../../directory/index.ts";
import type { Logger, Platform, SocketAddress } from "../../platform/index.ts";
import { Announcer } from "./announcer.ts";
import type { AskToJoin } from "./join-asking.ts";
import { joinGrant } from "./join-grant.ts";
import { JoinVisit } from "./join-visit.ts";
import type { JoinGrant, JoinRequest } from "./join-wire.ts";
import type { Member } from "./member.ts";
import type { NodeDirectory } from "./node-directory.ts";
import { PeerSearch } from "./peer-search.ts";

export interface NodeJoinsOptions {
  readonly platform: Pick<Platform, "clock" | "random">;
  readonly logger: Logger;
  readonly directory: NodeDirectory;
  /** Where this node's peers reach it; undefined: nowhere. */
  readonly peerAddress: () => SocketAddress | undefined;
  /** What else this node was told about itself. */
  readonly details: Pick<NodeDetails, "zone" | "weight">;
  /** How the cluster is asked by a node that joined; undefined: nobody said where. */
  readonly ask: AskToJoin | undefined;
  /** Whether a peer is connected. */
  readonly hasPeer: () => boolean;
  /** Takes where the others are, as the cluster has answered. */
  readonly found: (members: readonly Member[]) => void;
  /** This node's copy of the cluster's directory. */
  readonly state: () => DirectoryState;
  /** Makes a change of it; see `ClusterDirectory.change`. */
  readonly change: (decide: (state: DirectoryState) => Decision) => Promise<DirectoryState>;
}

export class NodeJoins {
  constructor(options: NodeJoinsOptions) {
    this.#options = options;
  }

  /** From now on the cluster's directory is told what this node says of itself, and lost peers are looked for. */
  start(): void {
    const { platform, logger, directory, details, state, change, peerAddress } = this.#options;
    this.#startSearch();
    this.#announcer = new Announcer({
      clock: platform.clock,
      logger,
      nodeId: directory.nodeId,
      details: () => ({ ...details, peerAddress: peerAddress() }),
      state,
      change,
    });
  }

  stop(): void {
    this.#announcer?.stop();
    this.#search?.stop();
  }

  /** Whoever is connected from `remoteHost` may ask to become a node of the cluster. */
  open(remoteHost: string): JoinVisit {
    const { platform, logger, directory } = this.#options;
    const { isOpen, record, secret } = directory;
    return new JoinVisit({
      secret,
      openNames: isOpen ? record.names : undefined,
      remoteHost,
      random: platform.random,
      logger,
      onStranger: () => this.#noteStranger(remoteHost),
      admit: (request) => this.admit(request),
    });
  }

  /**
   * Has the cluster take a node in that has proven to belong there.
   *
   * @throws the DirectoryRefusal that says why not, DirectoryUnavailableError (DIRECTORY_UNAVAILABLE)
   */
  async admit(request: JoinRequest): Promise<JoinGrant> {
    const { change, directory, logger, peerAddress } = this.#options;
    const own = peerAddress();
    if (own === undefined) {
      const cure =
        "Start it with --peers that names its own address for them; one that others reach needs a secret, too.";
      throw new NodeStateError(
        `Node ${directory.record.name} listens for no peers, so that nobody can join it. ${cure}`,
      );
    }
    const { clusterId, ...asked } = request;
    const isKnown = clusterId !== undefined;
    if (isKnown && clusterId !== directory.record.clusterId) throw stranger;
    const state = await change((newest) => {
      // Who says that it is a node already gets no number.
      const isNode = !isKnown || nodeOfDirectory(newest, request.directoryId) !== undefined;
      return isNode ? decide(newest, { kind: "join", ...asked }) : { kind: "refused", refusal: stranger };
    });
    const addressOf = (id: number): SocketAddress | undefined =>
      id === directory.nodeId ? own : directory.addressOf(id);
    const grant = joinGrant(state, request.directoryId, { record: directory.record, addressOf });
    const event = isKnown ? "a node asks where the others are" : "a node joins the cluster";
    logger.log("info", event, { name: request.name, number: grant.nodeId });
    return grant;
  }

  readonly #options: NodeJoinsOptions;
  #announcer: Announcer | undefined;
  #search: PeerSearch | undefined;
  /** Before it, strangers are not logged again. */
  #strangerMs = 0;

  #startSearch(): void {
    const { ask, directory, found, hasPeer, logger, peerAddress, platform } = this.#options;
    const { clusterId, directoryId } = directory.record;
    const secret = directory.isOpen ? undefined : directory.secret;
    // The cluster does not know a first node's directory: to it, that would be one more node.
    if (ask === undefined || directory.member(directory.nodeId)?.directoryId !== directoryId) return;
    this.#search = new PeerSearch({
      clock: platform.clock,
      logger,
      hasPeer,
      ask: () => ask(directoryId, { clusterId, secret, peerAddress: peerAddress() }),
      found: ({ members }) => found(members),
    });
  }

  #noteStranger(from: string): void {
    const { platform, logger } = this.#options;
    const nowMs = platform.clock.nowMs();
    if (nowMs < this.#strangerMs) return;
    this.#strangerMs = nowMs + strangerLogMs;
    logger.log("warn", "a node that does not know the cluster's secret asked to join", { from });
  }
}

const strangerLogMs = 10_000;

const stranger = new NodeStateError(
  "This cluster does not know the node, which says that it is one of its nodes. Give it the address of a node of its own cluster.",
);
