/** How others come to be nodes of this node's cluster, and how the cluster hears where this one is. */
import { type Decision, type DirectoryState, decide, type NodeDetails, NodeStateError } from "../directory/index.ts";
import type { Logger, Platform, SocketAddress } from "../platform/index.ts";
import { Announcer } from "./announcer.ts";
import { joinGrant } from "./join-grant.ts";
import { JoinVisit } from "./join-visit.ts";
import type { JoinGrant, JoinRequest } from "./join-wire.ts";
import type { NodeDirectory } from "./node-directory.ts";

export interface NodeJoinsOptions {
  readonly platform: Pick<Platform, "clock" | "random">;
  readonly logger: Logger;
  readonly directory: NodeDirectory;
  /** Where this node's peers reach it; undefined: nowhere. */
  readonly peerAddress: () => SocketAddress | undefined;
  /** What else this node was told about itself. */
  readonly details: Pick<NodeDetails, "zone" | "weight">;
  /** This node's copy of the cluster's directory. */
  readonly state: () => DirectoryState;
  /** Makes a change of it; see `ClusterDirectory.change`. */
  readonly change: (decide: (state: DirectoryState) => Decision) => Promise<DirectoryState>;
}

export class NodeJoins {
  constructor(options: NodeJoinsOptions) {
    this.#options = options;
  }

  /** From now on the cluster's directory is told what this node says of itself. */
  start(): void {
    const { platform, logger, directory, details, state, change, peerAddress } = this.#options;
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
    const state = await change((newest) => decide(newest, { kind: "join", ...request }));
    const addressOf = (id: number): SocketAddress | undefined =>
      id === directory.nodeId ? own : directory.addressOf(id);
    const grant = joinGrant(state, request.directoryId, { record: directory.record, addressOf });
    logger.log("info", "a node joins the cluster", { name: request.name, number: grant.nodeId });
    return grant;
  }

  readonly #options: NodeJoinsOptions;
  #announcer: Announcer | undefined;
}
