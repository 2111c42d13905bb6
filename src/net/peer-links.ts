/**
 * All connections of a node with its peers: three a pair (`link-kind.ts`), dialled by the node with the lower number.
 * The other one only *introduces* itself: a handshake without a connection behind it, by which the dialler learns that
 * it is there, and where, since addresses may change at every start. What breaks is made again, with a growing wait.
 */
import {
  assert,
  type Clock,
  type Logger,
  type LogValue,
  type Network,
  type Random,
  type SocketAddress,
  type StreamListener,
  type StreamSocket,
  type Timer,
} from "../platform/index.ts";
import type { ByteReader } from "./byte-reader.ts";
import { type AttemptOutcome, ConnectionAttempt } from "./connection-attempt.ts";
import {
  Handshake,
  type HandshakeOptions,
  type LinkPurpose,
  type ProtocolVersions,
  protocolVersions,
} from "./handshake.ts";
import type { LinkKind } from "./link-kind.ts";
import { LogLimiter } from "./log-limiter.ts";
import { Peer } from "./peer.ts";
import type { EarlierRun, PeerIdentity, Refusal } from "./peer-identity.ts";
import { PeerLink } from "./peer-link.ts";

/** What the host of the links hears and decides. */
export interface PeerLinksHandler {
  /** Which start of a peer was seen last; 0: none. */
  startSeen(nodeId: number): number;
  /** Which incarnation an earlier run of this node was; undefined: it does not know. */
  incarnationOf(start: number): Uint8Array | undefined;
  /**
   * Judges who proved to know the secret: undefined lets it in. Called at each handshake. `earlier` is who the peer says it
   * was at the start that was seen last; on a connection that reached another node than the one dialled it answers for that one's.
   */
  admit(peer: PeerIdentity, earlier: EarlierRun): Refusal | undefined;
  /** A peer that knows the secret refuses this node. */
  onRefused(refusal: Refusal, by: string): void;
  onUp(link: PeerLink): void;
  onDown(link: PeerLink, reason: string): void;
  /** An attempt to reach the peer failed at once: nobody listens at its address. */
  onUnreachable(nodeId: number): void;
  /** The peer listens somewhere else than we thought. */
  onAddress(nodeId: number, address: SocketAddress): void;
  onMessage(link: PeerLink, type: number, payload: ByteReader): boolean;
  onMessagesEnd(link: PeerLink): void;
  onDrain(link: PeerLink): void;
}

export interface PeerLinksSettings {
  /** From the first packet to the end of the handshake. */
  readonly handshakeTimeoutMs: number;
  /** Connections to this node that have not finished their handshake; when more come, the oldest is closed. */
  readonly handshakesMax: number;
  /** The wait before a connection is dialled again, after the first and after many failures. */
  readonly dialWaitMsMin: number;
  readonly dialWaitMsMax: number;
  /** A control connection on which nothing came for so long is broken off: the host sends something more often. */
  readonly silenceMsMax: number;
  /** A connection that takes no bytes for so long is broken off. */
  readonly stallMsMax: number;
  /** Longest frame that is read. */
  readonly frameBytesMax: number;
  /** What this node speaks; anything else than the default only in tests. */
  readonly versions: ProtocolVersions;
}

export const peerLinksDefaults: PeerLinksSettings = {
  handshakeTimeoutMs: 3_000,
  handshakesMax: 64,
  dialWaitMsMin: 50,
  dialWaitMsMax: 1_000,
  silenceMsMax: 3_000,
  stallMsMax: 10_000,
  frameBytesMax: 8 * 1024 * 1024,
  versions: protocolVersions,
};

/** Another node. */
export interface KnownPeer {
  readonly nodeId: number;
  readonly name: string;
  /** Where it was last heard to listen for its peers; with port 0 it is not known, and the peer is waited for. */
  readonly address: SocketAddress;
}

export interface PeerLinksOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly logger: Logger;
  /** What to say of ourselves; asked at each handshake, since the disk epoch rises. */
  readonly own: () => PeerIdentity;
  readonly secret: Uint8Array;
  /** Those that are known at the start; see {@link PeerLinks.add}. */
  readonly peers: readonly KnownPeer[];
  readonly handler: PeerLinksHandler;
  readonly settings?: Partial<PeerLinksSettings>;
}

/** What an attempt is for; one that somebody else began is for nobody yet. */
interface Dial {
  readonly dialled: Peer | undefined;
  readonly purpose: LinkPurpose | undefined;
  /** Of the protocol: said by the dialler. */
  readonly version: number;
}

type Success = Extract<AttemptOutcome, { readonly kind: "done" }>;

/** How often the health of the connections is looked at. */
const checkMs = 500;

export class PeerLinks {
  constructor(options: PeerLinksOptions) {
    this.#options = options;
    this.#settings = { ...peerLinksDefaults, ...options.settings };
    this.#log = new LogLimiter(options.clock, options.logger);
    for (const peer of options.peers) this.add(peer);
  }

  /** Holds connections with one more peer from now on; nothing if it is one already. */
  add({ nodeId, name, address }: KnownPeer): void {
    if (this.#isClosed || this.#peers.has(nodeId)) return;
    const ownId = this.#options.own().nodeId;
    assert(nodeId !== ownId, "no node is its own peer");
    const peer = new Peer({ nodeId, name, address, isDialledByUs: ownId < nodeId });
    this.#peers.set(nodeId, peer);
    if (this.#isStarted) this.#dialMissing(peer);
  }

  /** Gives up all connections with a peer, and makes none any more. Who is admitted all the same gets nowhere. */
  remove(nodeId: number): void {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return;
    this.#peers.delete(nodeId);
    peer.cancelTimers();
    for (const attempt of peer.attempts()) {
      this.#forget(attempt);
      attempt.cancel();
    }
    peer.closeAll("the node is no peer any more");
  }

  /** Somebody else has said where a peer listens: it is dialled there from now on. False: it is connected, and knows better. */
  redirect(nodeId: number, address: SocketAddress): boolean {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined || peer.links.control !== undefined) return false;
    peer.address = address;
    if (this.#isStarted) this.#dialMissing(peer);
    return true;
  }

  /** Starts to listen. @throws NetworkError if it cannot. */
  async listen(address: SocketAddress): Promise<SocketAddress> {
    const { network } = this.#options;
    this.#listener = await network.listen(address, (socket) => {
      if (this.#isClosed) {
        socket.handle({ onData: () => {}, onClose: () => {} });
        socket.destroy();
      } else {
        this.#accept(socket);
      }
    });
    return this.#listener.address;
  }

  /** Starts to dial. */
  start(): void {
    this.#isStarted = true;
    for (const peer of this.#peers.values()) this.#dialMissing(peer);
    this.#armCheck();
  }

  /** The connection of this kind to a peer, if there is one now. */
  link(nodeId: number, kind: LinkKind): PeerLink | undefined {
    return this.#peers.get(nodeId)?.links[kind];
  }

  address(nodeId: number): SocketAddress | undefined {
    return this.#peers.get(nodeId)?.address;
  }

  /** Connections that were turned away, for whatever reason, since the start. */
  get rejectedCount(): number {
    return this.#rejectedCount;
  }

  /** Sends what has collected on all connections: once a turn. */
  flush(): void {
    for (const peer of this.#peers.values()) {
      peer.links.control?.flush();
      peer.links.data?.flush();
      peer.links.bulk?.flush();
    }
  }

  /** Dials now what is missing, whatever wait was under way. */
  dialNow(nodeId: number): void {
    const peer = this.#peers.get(nodeId);
    if (peer !== undefined) this.#dialMissing(peer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#checkTimer?.cancel();
    for (const attempt of this.#attempts) attempt.cancel();
    this.#attempts.clear();
    for (const peer of this.#peers.values()) {
      peer.cancelTimers();
      peer.closeAll("this node is closing");
    }
    await this.#listener?.close();
  }

  readonly #options: PeerLinksOptions;
  readonly #settings: PeerLinksSettings;
  readonly #log: LogLimiter;
  readonly #peers: Map<number, Peer> = new Map();
  readonly #attempts: Set<ConnectionAttempt> = new Set();
  /** Those that others began, the oldest first. */
  readonly #accepted: Set<ConnectionAttempt> = new Set();
  #listener: StreamListener | undefined;
  #checkTimer: Timer | undefined;
  #isStarted = false;
  #isClosed = false;
  #rejectedCount = 0;

  /** When there are too many, the oldest goes: a peer is quick, and does not starve behind strangers that keep silent. */
  #accept(socket: StreamSocket): void {
    const [oldest] = this.#accepted;
    if (oldest !== undefined && this.#accepted.size >= this.#settings.handshakesMax) {
      this.#reject("too many connections within their handshake", oldest.remoteAddress);
      this.#forget(oldest);
      oldest.cancel();
    }
    const attempt = this.#attempt("acceptor", undefined, undefined);
    this.#accepted.add(attempt);
    attempt.accepted(socket);
  }

  #forget(attempt: ConnectionAttempt): void {
    this.#attempts.delete(attempt);
    this.#accepted.delete(attempt);
  }

  #dialMissing(peer: Peer): void {
    for (const purpose of peer.missing()) this.#dial(peer, purpose);
  }

  /** Whether no connection with it is wanted any more. */
  #isGone(peer: Peer): boolean {
    return this.#isClosed || this.#peers.get(peer.nodeId) !== peer;
  }

  #dial(peer: Peer, purpose: LinkPurpose): void {
    if (this.#isGone(peer) || peer.isDialling(purpose) || peer.address.port === 0) return;
    const attempt = this.#attempt("dialler", purpose, peer);
    peer.dialling(purpose, attempt);
    attempt.dialled((handlers) => this.#options.network.connect(peer.address, handlers));
  }

  #attempt(role: "dialler" | "acceptor", purpose: LinkPurpose | undefined, peer: Peer | undefined): ConnectionAttempt {
    const { own, secret, random, clock, handler } = this.#options;
    const { versions } = this.#settings;
    const version = peer?.versionOf(versions) ?? versions.max;
    const options: HandshakeOptions = {
      own: own(),
      secret,
      nonce: random.bytes(32),
      versions,
      version,
      ...(peer === undefined ? {} : { expectedNodeId: peer.nodeId }),
      startSeen: (nodeId) => handler.startSeen(nodeId),
      incarnationOf: (start) => handler.incarnationOf(start),
      admit: (identity, earlier) => this.#admit(identity, earlier, peer),
    };
    const attempt = new ConnectionAttempt({
      clock,
      handshake: new Handshake(role, purpose, options),
      timeoutMs: this.#settings.handshakeTimeoutMs,
      onOutcome: (self, outcome) => this.#onOutcome(self, { dialled: peer, purpose, version }, outcome),
    });
    this.#attempts.add(attempt);
    return attempt;
  }

  #admit(identity: PeerIdentity, earlier: EarlierRun, dialled: Peer | undefined): Refusal | undefined {
    const refusal = this.#options.handler.admit(identity, earlier);
    if (refusal !== undefined) return refusal;
    if (dialled !== undefined && dialled.nodeId !== identity.nodeId) {
      const text = `the address of node ${dialled.name} now belongs to node ${identity.name}.`;
      return { code: "NOT_EXPECTED", text };
    }
    return undefined;
  }

  #onOutcome(attempt: ConnectionAttempt, dial: Dial, outcome: AttemptOutcome): void {
    const { dialled, purpose } = dial;
    this.#forget(attempt);
    if (dialled !== undefined && purpose !== undefined) dialled.dialled(purpose);
    if (this.#isClosed) {
      attempt.cancel();
    } else if (outcome.kind === "done") {
      this.#succeeded(attempt, dialled !== undefined, outcome);
    } else {
      this.#failed(attempt, dial, outcome);
      if (dialled !== undefined && purpose !== undefined) this.#dialLater(dialled, purpose);
    }
  }

  #succeeded(attempt: ConnectionAttempt, isOurs: boolean, outcome: Success): void {
    const peer = this.#peers.get(outcome.peer.nodeId);
    if (peer === undefined) {
      // Whoever was admitted is one of the peers; the host's word is checked all the same.
      attempt.cancel();
      return;
    }
    this.#learnAddress(peer, outcome.peer.address);
    if (outcome.purpose !== "introduction") {
      this.#connected(attempt, peer, outcome.purpose, outcome);
    } else {
      attempt.end();
      if (isOurs) this.#dialLater(peer, "introduction");
      else this.#dialMissing(peer);
    }
  }

  #failed(attempt: ConnectionAttempt, { dialled, version }: Dial, outcome: Exclude<AttemptOutcome, Success>): void {
    const { handler, logger } = this.#options;
    const from = dialled?.address ?? attempt.remoteAddress;
    const who = dialled?.name ?? "";
    if (outcome.kind === "refused") {
      const { code, text } = outcome.refusal;
      const by = outcome.peer?.name ?? who;
      if (code === "WRONG_VERSION" && dialled?.refusedVersion(version, this.#settings.versions) === true) {
        logger.log("info", "a peer speaks an older version of the protocol", { peer: by, text });
        return;
      }
      if (code !== "UNKNOWN_NODE" || !outcome.isProven)
        this.#warn("a peer refuses this node", from, { peer: by, code, text, isProven: outcome.isProven });
      if (outcome.isProven && code !== "NOT_EXPECTED") handler.onRefused(outcome.refusal, by);
    } else if (outcome.kind === "refusing") {
      const name = outcome.peer?.name;
      const { code, text } = outcome.refusal;
      this.#rejectedCount++;
      if (code === "UNKNOWN_NODE") logger.log("debug", "a peer is not known here yet", { peer: name });
      else this.#warn("a peer was refused", from, { peer: name, code, text });
    } else if (dialled === undefined) {
      this.#reject(outcome.kind === "broken" ? outcome.reason : "no handshake within the time limit", from);
    } else if (outcome.kind === "unreachable") {
      logger.log("debug", "a peer cannot be reached", { peer: who, code: outcome.error.code });
      handler.onUnreachable(dialled.nodeId);
    } else {
      this.#warn("a peer does not complete the handshake", from, { peer: who, reason: outcome.kind });
    }
  }

  #connected(attempt: ConnectionAttempt, peer: Peer, kind: LinkKind, outcome: Success): void {
    peer.closeOtherLives(outcome.peer);
    const earlier = peer.links[kind];
    attempt.handOver((socket) => {
      const link = this.#makeLink(peer, kind, socket, outcome);
      peer.connected(link);
      return link.handlers;
    });
    earlier?.close("the peer has made a new connection");
    this.#options.logger.log("info", "a peer is connected", { peer: peer.name, link: kind });
    const link = peer.links[kind];
    if (link !== undefined) this.#options.handler.onUp(link);
  }

  #makeLink(peer: Peer, kind: LinkKind, socket: StreamSocket, outcome: Success): PeerLink {
    const { clock, handler } = this.#options;
    return new PeerLink({
      clock,
      kind,
      peer: outcome.peer,
      version: outcome.version,
      socket,
      sendSeed: outcome.sendSeed,
      receiveSeed: outcome.receiveSeed,
      frameBytesMax: this.#settings.frameBytesMax,
      handler: {
        onMessage: (link, type, payload) => handler.onMessage(link, type, payload),
        onMessagesEnd: (link) => handler.onMessagesEnd(link),
        onDrain: (link) => handler.onDrain(link),
        onDown: (link, reason) => this.#onDown(peer, link, reason),
      },
    });
  }

  #onDown(peer: Peer, link: PeerLink, reason: string): void {
    const wasSteady = peer.disconnected(link, this.#options.clock.nowMs());
    this.#options.logger.log("info", "a connection to a peer broke", { peer: peer.name, link: link.kind, reason });
    this.#options.handler.onDown(link, reason);
    if (link.kind === "control") peer.closeUnwatched();
    if (this.#isGone(peer)) return;
    // The first try comes at once: its failure is the quickest news of a peer's death.
    for (const purpose of peer.missing()) {
      if (wasSteady) this.#dial(peer, purpose);
      else this.#dialLater(peer, purpose);
    }
  }

  #dialLater(peer: Peer, purpose: LinkPurpose): void {
    const { clock, random } = this.#options;
    peer.dialLater(purpose, { clock, random, settings: this.#settings }, () => {
      if (peer.missing().includes(purpose)) this.#dial(peer, purpose);
    });
  }

  #learnAddress(peer: Peer, address: SocketAddress): void {
    if (peer.address.host === address.host && peer.address.port === address.port) return;
    peer.address = address;
    this.#options.handler.onAddress(peer.nodeId, address);
  }

  #armCheck(): void {
    const { clock } = this.#options;
    const armedMs = clock.nowMs();
    this.#checkTimer = clock.setTimer(checkMs, () => {
      // After a pause of this process what waits in the sockets is read first.
      const wasPaused = clock.nowMs() - armedMs > 2 * checkMs;
      if (!wasPaused) for (const peer of this.#peers.values()) peer.closeDeadLinks(clock.nowMs(), this.#settings);
      this.#armCheck();
    });
  }

  #reject(reason: string, from: SocketAddress | undefined): void {
    this.#rejectedCount++;
    this.#warn("a connection to the peer port was closed", from, { reason });
  }

  #warn(event: string, from: SocketAddress | undefined, fields: Readonly<Record<string, LogValue>>): void {
    const address = from === undefined ? undefined : `${from.host}:${from.port}`;
    this.#log.log("warn", event, { ...fields, address });
  }
}
