/** What comes from other nodes and goes to them: Raft's messages, clocks, forwarded commands, questions for the status. */
import type {
  ByteReader,
  EarlierRun,
  PeerIdentity,
  PeerLink,
  PeerLinks,
  PeerLinksHandler,
  Refusal,
} from "../../net/index.ts";
import type { Clock, Logger, SocketAddress } from "../../platform/index.ts";
import type { Message, ReplicaId } from "../../raft/index.ts";
import type { Checksum } from "../groups/checksums.ts";
import type { LedTerm } from "../groups/shard-place.ts";
import type { Forwarding } from "../lanes/forwarding.ts";
import type { LanePlace } from "../lanes/local-lane.ts";
import type { LeaderTransfers } from "../leadership/leader-transfers.ts";
import type { NodeDisks } from "../leadership/node-disks.ts";
import { admit } from "../membership/admission.ts";
import type { Member } from "../membership/member.ts";
import { MemberNews } from "../membership/member-news.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import { nodeOf } from "../replica/replica-id.ts";
import type { NodeSettings } from "../settings.ts";
import { readSnapshotPiece, readSnapshotQuestion } from "../snapshots/snapshot-wire.ts";
import type { DiskSpace } from "./disk-space.ts";
import type { EntryClock } from "./entry-clock.ts";
import { Heartbeats } from "./heartbeats.ts";
import { LinkProbes } from "./link-probes.ts";
import { messageType } from "./message-type.ts";
import type { PeerTrafficHandler } from "./peer-traffic-handler.ts";
import { pingBytes, readPing, writePing } from "./ping.ts";
import { raftMessageBytes, readRaftMessage, readRaftMessages, writeRaftMessage } from "./raft-codec.ts";
import { Silences } from "./silences.ts";

/** Ticks between two questions for a peer's clock. */
export const pingTicks = 5;
/** So long after it should have come, a leader whose heartbeat has not may be gone. */
const lateTicks = 2;

export interface PeerTrafficOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: NodeDirectory;
  readonly entryClock: EntryClock;
  readonly forwarding: Forwarding;
  readonly transfers: LeaderTransfers;
  readonly links: () => PeerLinks;
  readonly settings: Pick<NodeSettings, "restHeartbeatTicks" | "tickMs">;
  readonly peerQueueBytesMax: number;
  readonly diskEpoch: () => number;
  /** This node's, and those that the others tell of. */
  readonly disks: NodeDisks;
  readonly space: Pick<DiskSpace, "sent">;
  /** Takes what the directory says of all nodes, in the order of their numbers. */
  readonly setMembers: (nodes: readonly Member[]) => void;
  readonly handler: PeerTrafficHandler;
}

/** Raft's messages with entries go over the data connection, in their order; everything else over the control connection. */
export class PeerTraffic implements PeerLinksHandler {
  /** Who is not heard, here and elsewhere. */
  readonly silences: Silences;
  readonly heartbeats: Heartbeats;

  constructor(options: PeerTrafficOptions) {
    const { clock, directory } = options;
    this.#options = options;
    this.silences = new Silences({
      clock,
      peerIds: () => directory.peerIds,
      heardMs: (nodeId) => this.heardMs(nodeId),
    });
    this.heartbeats = new Heartbeats((nodeId) => options.links().link(nodeId, "control"), options.peerQueueBytesMax);
    this.#news = new MemberNews({
      ...options,
      link: (nodeId) => options.links().link(nodeId, "control"),
      onOutput: () => options.handler.onOutput(),
    });
  }

  send(group: number, message: Message): void {
    const { links, peerQueueBytesMax, space, handler } = this.#options;
    if (message.type === "heartbeat" || message.type === "heartbeatResponse") {
      this.heartbeats.add(group, message);
      handler.onOutput();
      return;
    }
    const isData = message.type === "appendEntries";
    const nodeId = nodeOf(message.to);
    const link = links().link(nodeId, isData ? "data" : "control");
    if (link === undefined || link.queuedBytes > peerQueueBytesMax) {
      if (isData) handler.onLost(nodeId);
      return;
    }
    const sent = isData ? space.sent(group, message) : message;
    if (sent === undefined) return;
    writeRaftMessage(link.begin(messageType.raft, raftMessageBytes(sent)), group, sent);
    link.end();
    handler.onOutput();
  }

  /** The end of a turn: the heartbeats of all groups to a node, and the answers to its own, go out as one message (H-2). */
  flush(): void {
    this.heartbeats.flush();
  }

  announce(group: number, checksum: Checksum): void {
    for (const nodeId of this.#options.directory.peerIds) {
      const link = this.#options.links().link(nodeId, "control");
      const out = link?.begin(messageType.digest, 64);
      out?.integer(group);
      out?.integer(checksum.index);
      out?.text(checksum.digest);
      link?.end();
    }
    this.#options.handler.onOutput();
  }

  /** Tells every peer what it should know of this node. */
  tellFacts(): void {
    for (const nodeId of this.#options.directory.peerIds)
      this.#tellFacts(this.#options.links().link(nodeId, "control"));
    this.#options.handler.onOutput();
  }

  /** Tells every peer that this node's replicas of the group up to this one have lost what they had acknowledged. */
  sendLost(group: number, upTo: ReplicaId): void {
    for (const nodeId of this.#options.directory.peerIds) {
      const link = this.#options.links().link(nodeId, "control");
      const out = link?.begin(messageType.replicaLost, 16);
      out?.integer(group);
      out?.integer(upTo);
      link?.end();
    }
    this.#options.handler.onOutput();
  }

  /** Tells every peer that this node leads these groups, so that those without a replica know where to turn. */
  sendLed(led: readonly LedTerm[]): void {
    for (const nodeId of this.#options.directory.peerIds)
      this.#sendLed(this.#options.links().link(nodeId, "control"), led);
    this.#options.handler.onOutput();
  }

  /** Asks every peer for the time, which also tells it that we are here. */
  ping(): void {
    for (const nodeId of this.#options.directory.peerIds) this.#ping(this.#options.links().link(nodeId, "control"));
    this.#options.handler.onOutput();
  }

  /** Asks a peer for a sign of life from its process; calls `answered` within that time, or never. */
  probe(nodeId: number, timeoutMs: number, answered: () => void): void {
    const fromMs = this.#options.clock.nowMs();
    this.#probes.begin(nodeId, { fromMs, untilMs: fromMs + timeoutMs, answered });
    this.#ping(this.#options.links().link(nodeId, "control"));
    this.#options.handler.onOutput();
  }

  /** Asks a peer for its status; undefined if it does not answer in time. Answers come to whoever asked last. */
  askStatus(nodeId: number, timeoutMs: number): Promise<string | undefined> {
    const { clock, links, handler } = this.#options;
    const link = links().link(nodeId, "control");
    if (link === undefined) return Promise.resolve(undefined);
    const question = ++this.#lastQuestion;
    link.begin(messageType.statusQuestion, 8).integer(question);
    link.end();
    handler.onOutput();
    return new Promise((resolve) => {
      const timer = clock.setTimer(timeoutMs, () => {
        this.#questions.delete(question);
        resolve(undefined);
      });
      this.#questions.set(question, (answer) => {
        timer.cancel();
        this.#questions.delete(question);
        resolve(answer);
      });
    });
  }

  /** Monotonic time at which something was heard of a peer last. */
  heardMs(nodeId: number): number | undefined {
    const { links } = this.#options;
    return links().link(nodeId, "control")?.receivedMs ?? this.#heardMs.get(nodeId);
  }

  /**
   * Whether another node leads there that was heard lately: nobody is sent to one that may be gone (CONSENSUS B-4).
   */
  isLeaderHeard({ route: { leader }, replica }: LanePlace): boolean {
    const { clock, directory, links, settings } = this.#options;
    const link = leader === directory.nodeId ? undefined : links().link(leader, "control");
    // To a node without a replica it may have nothing to say between two pings.
    const ticks = settings.restHeartbeatTicks + lateTicks + (replica === undefined ? pingTicks : 0);
    return link !== undefined && clock.nowMs() - link.receivedMs <= ticks * settings.tickMs;
  }

  startSeen(nodeId: number): number {
    const { directory } = this.#options;
    return directory.memoryOf(nodeId)?.bootCounter ?? 0;
  }

  incarnationOf(start: number): Uint8Array | undefined {
    return this.#options.directory.incarnationOf(start);
  }

  admit(peer: PeerIdentity, earlier: EarlierRun): Refusal | undefined {
    const refusal = admit(this.#options.directory, peer, earlier);
    if (refusal?.code === "UNKNOWN_NODE") this.#news.knocked(peer.nodeId);
    return refusal;
  }

  onRefused(refusal: Refusal, by: string): void {
    const { directory, handler, links } = this.#options;
    const { peerIds } = directory;
    if (refusal.code === "FORGOTTEN" || refusal.code === "REMOVED") {
      handler.onRefusedForGood(refusal);
      return;
    }
    if (refusal.code === "UNKNOWN_NODE") {
      this.#onUnknown(by);
      return;
    }
    // Two that contradict each other cannot both be right: only a majority of the peers decides who has to go.
    this.#refusedBy.add(by);
    const hasFriend = peerIds.some((nodeId) => links().link(nodeId, "control") !== undefined);
    if (hasFriend || 2 * this.#refusedBy.size <= peerIds.length) return;
    handler.onRefusedForGood(refusal);
  }

  onUp(link: PeerLink): void {
    const { directory, handler } = this.#options;
    const { nodeId, name } = link.peer;
    this.#refusedBy.delete(name);
    this.#unknownTo.delete(name);
    if (link.kind === "control") {
      this.#ping(link);
      this.#tellFacts(link);
      handler.onFactsUnknown(nodeId);
      handler.onLedUnknown(nodeId);
      this.#sendLed(link, handler.led());
      handler.onPeerUp(nodeId);
    } else if (link.kind === "data") {
      this.#options.forwarding.linkUp(link);
      handler.onPeerUp(nodeId);
    }
    if (directory.nodeIdOf(name) === nodeId) handler.onOutput();
  }

  onDown(link: PeerLink): void {
    this.#options.forwarding.linkDown(link);
    if (link.kind === "control") this.#controlDown(link);
    if (link.kind === "data") this.#options.handler.onLost(link.peer.nodeId);
    this.#options.handler.onOutput();
  }

  onUnreachable(nodeId: number): void {
    if (this.#options.links().link(nodeId, "control") === undefined) this.#options.handler.onPeerGone(nodeId);
  }

  onAddress(nodeId: number, address: SocketAddress): void {
    const { directory, logger } = this.#options;
    const name = directory.nameOf(nodeId);
    logger.log("info", "a peer has another address", { peer: name, address: `${address.host}:${address.port}` });
    directory.rememberAddress(nodeId, address);
  }

  onMessage(link: PeerLink, type: number, input: ByteReader): boolean {
    const { forwarding, transfers } = this.#options;
    switch (type) {
      case messageType.raft:
        return this.#receiveRaft(link, input);
      case messageType.heartbeats:
        return this.#receiveHeartbeats(link, input);
      case messageType.facts:
        return this.#receiveFacts(link, input);
      case messageType.ping:
        return this.#receivePing(link, input);
      case messageType.pong:
        return this.#receivePong(link, input);
      case messageType.forward:
        return forwarding.receiveForward(link, input);
      case messageType.forwardReply:
        return forwarding.receiveReply(link, input);
      case messageType.forwardRefusal:
        return forwarding.receiveRefusal(link, input);
      case messageType.forwardCredit:
        return forwarding.receiveCredit(link, input);
      case messageType.forwardEnd:
        return forwarding.receiveEnd(link, input);
      case messageType.bulkPiece:
        return forwarding.receiveBulk(link, input);
      case messageType.snapshotQuestion:
        return this.#receiveSnapshotQuestion(link, input);
      case messageType.snapshotPiece:
        return this.#receiveSnapshotPiece(link, input);
      case messageType.statusQuestion:
        return this.#receiveQuestion(link, input);
      case messageType.statusAnswer:
        return this.#receiveAnswer(input);
      case messageType.digest:
        return this.#receiveDigest(link, input);
      case messageType.replicaLost:
        return this.#receiveLost(link, input);
      case messageType.led:
        return this.#receiveLed(link, input);
      case messageType.transferQuestion:
        return transfers.receiveQuestion(link, input);
      case messageType.transferAnswer:
        return transfers.receiveAnswer(input);
      case messageType.leaderKept:
        return transfers.receiveKept(input);
      case messageType.membersQuestion:
        return this.#news.receiveQuestion(link, input);
      case messageType.membersAnswer:
        return this.#news.receiveAnswer(link, input);
      default:
        return false;
    }
  }

  onMessagesEnd(): void {
    this.#options.handler.onMessagesEnd();
  }

  onDrain(): void {
    this.#options.handler.onOutput();
  }

  readonly #options: PeerTrafficOptions;
  readonly #news: MemberNews;
  readonly #heardMs: Map<number, number> = new Map();
  readonly #refusedBy: Set<string> = new Set();
  /** Peers that have not heard of this node yet. */
  readonly #unknownTo: Set<string> = new Set();
  readonly #probes: LinkProbes = new LinkProbes();
  readonly #questions: Map<number, (answer: string) => void> = new Map();
  #lastQuestion = 0;

  /** It passes: once that peer has heard what the others have agreed upon. */
  #onUnknown(by: string): void {
    if (this.#unknownTo.has(by)) return;
    this.#unknownTo.add(by);
    this.#options.logger.log("info", "a peer has not heard of this node yet, and is asked again", { peer: by });
  }

  #tellFacts(link: PeerLink | undefined): void {
    const text = this.#options.handler.facts();
    link?.begin(messageType.facts, 4 + 3 * text.length).text(text);
    link?.end();
  }

  #controlDown({ peer, receivedMs }: PeerLink): void {
    const { links, handler } = this.#options;
    this.heartbeats.lost(peer.nodeId);
    this.#heardMs.set(peer.nodeId, receivedMs);
    if (links().link(peer.nodeId, "control") === undefined) handler.onLedUnknown(peer.nodeId);
  }

  #sendLed(link: PeerLink | undefined, led: readonly LedTerm[]): void {
    if (led.length === 0) return;
    const out = link?.begin(messageType.led, 16 * led.length);
    for (const { group, term } of led) {
      out?.integer(group);
      out?.integer(term);
    }
    link?.end();
  }

  #receiveLed(link: PeerLink, input: ByteReader): boolean {
    const led: LedTerm[] = [];
    while (input.remainingBytes > 0) led.push({ group: input.integer(), term: input.integer() });
    if (!input.isWhole()) return false;
    this.#options.handler.onLed(link.peer.nodeId, led);
    return true;
  }

  #receiveFacts(link: PeerLink, input: ByteReader): boolean {
    const text = input.text();
    if (!input.isWhole()) return false;
    this.#options.handler.onFacts(link.peer.nodeId, text);
    return true;
  }

  #ping(link: PeerLink | undefined): void {
    if (link === undefined) return;
    const { clock, diskEpoch, disks } = this.#options;
    const silent = this.silences.own;
    const ping = { sentMs: clock.nowMs(), diskEpoch: diskEpoch(), disk: disks.own, silent };
    writePing(link.begin(messageType.ping, pingBytes(silent.length)), ping, link.version);
    link.end();
  }

  #receiveRaft(link: PeerLink, input: ByteReader): boolean {
    const group = input.integer();
    const message = readRaftMessage(input);
    if (message === undefined || nodeOf(message.from) !== link.peer.nodeId) return false;
    this.#options.handler.onRaftMessage(group, message);
    return true;
  }

  #receiveHeartbeats(link: PeerLink, input: ByteReader): boolean {
    const messages = readRaftMessages(input);
    if (messages === undefined || messages.some(({ message }) => nodeOf(message.from) !== link.peer.nodeId))
      return false;
    for (const { group, message } of messages) this.#options.handler.onRaftMessage(group, message);
    return true;
  }

  #receiveSnapshotQuestion(link: PeerLink, input: ByteReader): boolean {
    const question = readSnapshotQuestion(input);
    if (question !== undefined) this.#options.handler.onSnapshotQuestion(link.peer.nodeId, question);
    return question !== undefined;
  }

  #receiveSnapshotPiece(link: PeerLink, input: ByteReader): boolean {
    const piece = readSnapshotPiece(input);
    return piece !== undefined && this.#options.handler.onSnapshotPiece(link.peer.nodeId, piece);
  }

  #receivePing(link: PeerLink, input: ByteReader): boolean {
    const ping = readPing(input, link.version);
    if (ping === undefined) return false;
    const { clock, directory, disks, handler } = this.#options;
    const { sentMs, diskEpoch, disk } = ping;
    disks.heard(link.peer.nodeId, disk);
    if (ping.silent !== undefined) this.silences.told(link.peer.nodeId, ping.silent);
    directory.remember({ ...link.peer, diskEpoch });
    const out = link.begin(messageType.pong, 16);
    out.double(sentMs);
    out.double(clock.wallMs());
    link.end();
    handler.onOutput();
    return true;
  }

  #receivePong(link: PeerLink, input: ByteReader): boolean {
    const sentMs = input.double();
    const wallMs = input.double();
    if (!input.isWhole()) return false;
    this.#options.entryClock.observe(link.peer.nodeId, wallMs, sentMs);
    this.#probes.answered(link.peer.nodeId, sentMs, this.#options.clock.nowMs());
    return true;
  }

  #receiveQuestion(link: PeerLink, input: ByteReader): boolean {
    const question = input.integer();
    if (!input.isWhole()) return false;
    const answer = this.#options.handler.onStatusQuestion(link.peer.nodeId);
    const out = link.begin(messageType.statusAnswer, 12 + answer.length);
    out.integer(question);
    out.text(answer);
    link.end();
    this.#options.handler.onOutput();
    return true;
  }

  #receiveAnswer(input: ByteReader): boolean {
    const question = input.integer();
    const answer = input.text();
    if (!input.isWhole()) return false;
    this.#questions.get(question)?.(answer);
    return true;
  }

  #receiveLost(link: PeerLink, input: ByteReader): boolean {
    const group = input.integer();
    const upTo = input.integer();
    const { nodeId } = link.peer;
    if (!input.isWhole() || nodeOf(upTo) !== nodeId) return false;
    this.#options.handler.onReplicaLost(group, upTo);
    return true;
  }

  #receiveDigest(link: PeerLink, input: ByteReader): boolean {
    const group = input.integer();
    const index = input.integer();
    const digest = input.text();
    if (!input.isWhole()) return false;
    this.#options.handler.onDigest(link.peer.nodeId, group, { index, digest });
    return true;
  }
}
