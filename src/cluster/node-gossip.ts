/**
 * What a node hears of others by gossip, and tells of itself: datagrams on the peer port's number, beside the connections.
 *
 * - A peer whose address has changed is found through anybody who has heard of it, if it is not connected.
 * - Who does not answer anybody is shown as that, by this node's status.
 *
 * Both are hints (CONSENSUS W-8): a wrong address costs an attempt, since whoever is there has to prove who it is, and what
 * gossip says of a node decides nothing. A cluster without it works; so a port that cannot be had is said, once, and the
 * node goes on.
 */
import { InvalidArgumentError } from "../channels/index.ts";
import {
  addressesMax,
  Gossip,
  type GossipEvent,
  type Member as Gossiper,
  type GossipSettings,
  isMemberAddress,
  type MemberAddress,
  type MemberState,
} from "../gossip/index.ts";
import { AddressUnavailableError, InvalidAddressError, type PeerLinks, parseAddress } from "../net/index.ts";
import { formatAddress, type Logger, type Platform, type SocketAddress, type Timer } from "../platform/index.ts";
import { weightDefault } from "../ring/index.ts";
import { type GossipStatus, gossipStatus } from "./gossip-status.ts";
import type { NodeDirectory } from "./membership/node-directory.ts";

export interface NodeGossipOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly settings: GossipSettings;
  readonly directory: NodeDirectory;
  readonly links: () => Pick<PeerLinks, "address" | "link" | "redirect">;
  /** Asks a peer over its connection whether it is there; calls `answered` once, or never. */
  readonly probe: (nodeId: number, timeoutMs: number, answered: () => void) => void;
  /** What the cluster knows of this node. */
  readonly details: () => { readonly zone: string; readonly weight: number } | undefined;
  /** What the program around the node has said of it. Those that are addresses are passed on. */
  readonly attributes: () => Readonly<Record<string, string>>;
}

/** Where to take datagrams, and where others send them. */
export interface GossipPlace {
  readonly bind: SocketAddress;
  readonly advertise: SocketAddress;
}

/** So many incarnations belong to one start, so that each start is above all earlier ones without anything to be written. */
const incarnationsPerStart = 2 ** 20;
/** Between two looks at whether a peer that is missing was heard of elsewhere. */
const lookMs = 1_000;

export class NodeGossip {
  constructor(options: NodeGossipOptions) {
    this.#options = options;
  }

  /** Resolves when the port is bound, or cannot be. */
  async start({ bind, advertise }: GossipPlace): Promise<void> {
    const { platform, logger, settings, directory } = this.#options;
    const { record } = directory;
    try {
      this.#gossip = await Gossip.start({
        id: directory.nodeId,
        incarnation: record.bootCounter * incarnationsPerStart,
        name: record.name,
        ...this.#details(),
        bind,
        advertise,
        seeds: this.#seeds(),
        clusterId: Buffer.from(record.clusterId, "hex"),
        ...(directory.isOpen ? {} : { secret: Buffer.from(directory.secret, "utf8") }),
        settings,
        clock: platform.clock,
        random: platform.random,
        datagrams: platform.datagrams,
        // The connections' log says what matters; a member that is silent is told below.
        logger: { log: (_level, event, fields) => logger.log("debug", `gossip: ${event}`, fields) },
        streamProber: { probe: ({ id }, timeoutMs, answered) => this.#options.probe(id, timeoutMs, answered) },
        onEvent: (event) => this.#onEvent(event),
      });
    } catch (error) {
      if (!(error instanceof AddressUnavailableError || error instanceof InvalidArgumentError)) throw error;
      logger.log("warn", "the node goes on without gossip", { address: formatAddress(bind), reason: error.message });
      return;
    }
    this.#arm();
  }

  /** What gossip says of a node; undefined: nothing. Only a hint. */
  stateOf(nodeId: number): MemberState | undefined {
    return this.#find(nodeId)?.state;
  }

  /** What a node says of itself there; empty as long as it was not heard of. */
  attributesOf(nodeId: number): Readonly<Record<string, string>> {
    const addresses = this.#find(nodeId)?.addresses ?? [];
    return Object.fromEntries(addresses.map(({ use, host, port }) => [use, formatAddress({ host, port })]));
  }

  /** Null: the node has none. */
  status(): GossipStatus | null {
    if (this.#gossip === undefined) return null;
    const states = this.#options.directory.peerIds.map((nodeId) => this.stateOf(nodeId));
    return gossipStatus(this.#gossip.counters(), states);
  }

  /** What this node says of itself may have changed. */
  tell(): void {
    this.#gossip?.setDetails(this.#details());
  }

  /** Tells some others, at once, that this node goes; they tell the rest. Resolves when the port is free. Idempotent. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#isClosed = true;
    await this.#gossip?.leave(0);
  }

  readonly #options: NodeGossipOptions;
  #gossip: Gossip | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  /** Somebody who bears the number of a node, and its name. */
  #find(nodeId: number): Gossiper | undefined {
    const heard = this.#gossip?.find(nodeId);
    return heard?.name === this.#options.directory.nameOf(nodeId) ? heard : undefined;
  }

  /** Where the peers were when they were heard last, and where the cluster's directory has them. */
  #seeds(): readonly SocketAddress[] {
    const { directory } = this.#options;
    const known = new Map<string, SocketAddress>();
    for (const id of directory.peerIds) {
      for (const address of [directory.addressOf(id), directory.member(id)?.peerAddress])
        if (address !== undefined && address.port !== 0) known.set(formatAddress(address), address);
    }
    return [...known.values()];
  }

  #details(): { readonly zone: string; readonly weight: number; readonly addresses: readonly MemberAddress[] } {
    const { zone = "", weight = weightDefault } = this.#options.details() ?? {};
    const addresses = Object.entries(this.#options.attributes()).flatMap(([use, text]) => addressFrom(use, text));
    return { zone, weight, addresses: addresses.slice(0, addressesMax) };
  }

  #onEvent(event: GossipEvent): void {
    if (event.type === "leader" || this.#isClosed) return;
    const { id, name } = event.member;
    if (event.type === "joined" || event.type === "updated") this.#follow(id);
    if (event.type === "died") this.#options.logger.log("info", "no node hears this one any more", { peer: name });
  }

  #arm(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.platform.clock.setTimer(lookMs, () => {
      for (const nodeId of this.#options.directory.peerIds) this.#follow(nodeId);
      this.tell();
      this.#arm();
    });
  }

  /** A peer that is not connected is dialled where it was heard to be, unless a connection has said something newer. */
  #follow(nodeId: number): void {
    const { directory, logger } = this.#options;
    const links = this.#options.links();
    const heard = this.#find(nodeId);
    if (heard === undefined || links.link(nodeId, "control") !== undefined) return;
    const { address, incarnation, name } = heard;
    const known = links.address(nodeId);
    if (known === undefined || (known.host === address.host && known.port === address.port)) return;
    const start = Math.floor(incarnation / incarnationsPerStart);
    if (start < (directory.memoryOf(nodeId)?.bootCounter ?? 0)) return;
    if (!links.redirect(nodeId, address)) return;
    directory.rememberAddress(nodeId, address);
    logger.log("info", "a peer was heard of at another address", { peer: name, address: formatAddress(address) });
  }
}

function addressFrom(use: string, text: string): readonly MemberAddress[] {
  try {
    const address = { use, ...parseAddress(text) };
    return isMemberAddress(address) ? [address] : [];
  } catch (error) {
    if (error instanceof InvalidAddressError) return [];
    throw error;
  }
}
