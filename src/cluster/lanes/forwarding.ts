/** All forwarded streams of a node: those of its own clients to leaders elsewhere, and those of other nodes to leaders here. */
import { ByteReader, type PeerLink, type PeerLinks } from "../../net/index.ts";
import { Arguments } from "../../resp/index.ts";
import type { Replica } from "../replica/replica.ts";
import { readWords } from "../replica/words.ts";
import type { NodeSettings } from "../settings.ts";
import { BulkReceiver, BulkSender, commandTransfer, replyTransfer } from "./bulk.ts";
import type { ForwardStream } from "./forward-stream.ts";
import {
  type ForwardHeader,
  readForwardHeader,
  readForwardReply,
  readReplyHeader,
  restOf,
  sendForwardRefusal,
} from "./forward-wire.ts";
import { ForwardedLane } from "./forwarded-lane.ts";

/** Streams that one peer may have open here; commands of more are refused. */
const lanesMax = 65_536;

interface Transfers {
  readonly sender: BulkSender;
  readonly receiver: BulkReceiver;
  /** Commands that have come while only the peer knew of the data connection: it is up there as soon as the peer has agreed. */
  readonly early: Buffer[];
}

export class Forwarding {
  constructor(options: {
    readonly links: () => PeerLinks;
    readonly replica: (group: number) => Replica | undefined;
    readonly settings: NodeSettings;
    readonly onOutput: () => void;
  }) {
    this.#links = options.links;
    this.#replica = options.replica;
    this.#settings = options.settings;
    this.#onOutput = options.onOutput;
  }

  openStream(make: (id: number) => ForwardStream): ForwardStream {
    const stream = make(++this.#lastStream);
    this.#streams.set(stream.id, stream);
    return stream;
  }

  closeStream(stream: ForwardStream): void {
    this.#streams.delete(stream.id);
  }

  bulkSender(nodeId: number): BulkSender {
    return this.#transfersOf(nodeId).sender;
  }

  /** Hands large things on, as far as the connections take them: once a turn. */
  pump(): void {
    for (const { sender } of this.#transfers.values()) sender.pump();
  }

  /** The `receive…` methods are false if the message cannot be understood. */
  receiveForward(link: PeerLink, input: ByteReader): boolean {
    const header = readForwardHeader(input);
    if (header === undefined || !readWords(input, this.#args) || !input.isWhole()) return false;
    this.#accept(link, header, this.#args);
    return true;
  }

  receiveEnd(link: PeerLink, input: ByteReader): boolean {
    const stream = input.integer();
    const lanes = this.#lanes.get(link);
    lanes?.get(stream)?.close();
    lanes?.delete(stream);
    return input.isWhole();
  }

  receiveCredit(link: PeerLink, input: ByteReader): boolean {
    const stream = input.integer();
    const takenBytes = input.integer();
    if (!input.isWhole()) return false;
    this.#lanes.get(link)?.get(stream)?.credit(takenBytes);
    return true;
  }

  receiveReply(link: PeerLink, input: ByteReader): boolean {
    const reply = readForwardReply(input);
    if (reply === undefined) return false;
    const stream = this.#streams.get(reply.stream);
    if (stream?.link === link) stream.receive(reply);
    return true;
  }

  receiveRefusal(link: PeerLink, input: ByteReader): boolean {
    const id = input.integer();
    const number = input.integer();
    if (!input.isWhole()) return false;
    const stream = this.#streams.get(id);
    if (stream?.link === link) stream.refused(number);
    return true;
  }

  receiveBulk(link: PeerLink, input: ByteReader): boolean {
    const { receiver, early } = this.#transfersOf(link.peer.nodeId);
    const whole = receiver.receive(input);
    if (whole === "bad") return false;
    if (whole === undefined) return true;
    const data = this.#links().link(link.peer.nodeId, "data");
    if (whole.kind === commandTransfer) {
      if (data !== undefined) return this.receiveForward(data, readerOf(whole.content));
      early.push(whole.content);
      return early.reduce((bytes, { length }) => bytes + length, 0) <= this.#heldBytesMax;
    }
    if (whole.kind !== replyTransfer) return false;
    // Without it, whoever waits for this has been told that it is lost.
    if (data === undefined) return true;
    const content = readerOf(whole.content);
    const header = readReplyHeader(content);
    if (header === undefined) return false;
    const stream = this.#streams.get(header.stream);
    if (stream?.link === data) stream.receiveBulk(header.number, restOf(content));
    return true;
  }

  /** Commands that came over the bulk connection before this one was up belong to it. */
  linkUp(link: PeerLink): void {
    if (link.kind !== "data") return;
    for (const content of this.#transfers.get(link.peer.nodeId)?.early.splice(0) ?? []) {
      if (!this.receiveForward(link, readerOf(content))) link.close("a message makes no sense");
    }
  }

  /** Data and bulk connection share one fate: what was under way on either of them is lost. */
  linkDown(link: PeerLink): void {
    if (link.kind === "control") return;
    const { nodeId } = link.peer;
    this.#transfers.delete(nodeId);
    for (const kind of ["data", "bulk"] as const) {
      this.#links().link(nodeId, kind)?.close(`the ${link.kind} connection was lost`);
    }
    for (const lane of this.#lanes.get(link)?.values() ?? []) lane.close();
    this.#lanes.delete(link);
    for (const stream of [...this.#streams.values()]) if (stream.link === link) stream.break();
  }

  readonly #links: () => PeerLinks;
  readonly #replica: (group: number) => Replica | undefined;
  readonly #settings: NodeSettings;
  readonly #onOutput: () => void;
  readonly #streams: Map<number, ForwardStream> = new Map();
  readonly #lanes: Map<PeerLink, Map<number, ForwardedLane>> = new Map();
  readonly #transfers: Map<number, Transfers> = new Map();
  readonly #args: Arguments = new Arguments();
  #lastStream = 0;

  get #heldBytesMax(): number {
    return 2 * this.#settings.assembledBytesMax;
  }

  #accept(link: PeerLink, header: ForwardHeader, args: Arguments): void {
    const lane = this.#laneOf(link, header);
    if (lane !== undefined) {
      lane.accept(header, args);
    } else {
      sendForwardRefusal(link, header.stream, header.number);
      this.#onOutput();
    }
  }

  /** The lane of a stream, made at its first command; undefined if there can be none. */
  #laneOf(link: PeerLink, header: ForwardHeader): ForwardedLane | undefined {
    let lanes = this.#lanes.get(link);
    if (lanes === undefined) {
      lanes = new Map();
      this.#lanes.set(link, lanes);
    }
    const known = lanes.get(header.stream);
    if (known !== undefined) return known;
    const replica = this.#replica(header.group);
    if (replica === undefined || header.number !== 1 || lanes.size >= lanesMax) return undefined;
    const lane = new ForwardedLane({
      first: header,
      replica,
      link,
      bulk: this.bulkSender(link.peer.nodeId),
      bulkBytesMin: this.#settings.pieceBytes,
      replyBytesMax: this.#settings.assembledBytesMax,
      replyWindowBytes: this.#settings.replyWindowBytes,
      onOutput: this.#onOutput,
    });
    lanes.set(header.stream, lane);
    return lane;
  }

  #transfersOf(nodeId: number): Transfers {
    let transfers = this.#transfers.get(nodeId);
    if (transfers === undefined) {
      const sender = new BulkSender(() => this.#links().link(nodeId, "bulk"));
      transfers = { sender, receiver: new BulkReceiver(this.#heldBytesMax), early: [] };
      this.#transfers.set(nodeId, transfers);
    }
    return transfers;
  }
}

function readerOf(bytes: Buffer): ByteReader {
  const reader = new ByteReader();
  reader.open(bytes, 0, bytes.length);
  return reader;
}
