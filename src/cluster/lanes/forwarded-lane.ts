/**
 * The leader's side of a forwarded stream (`forward-wire.ts`): a lane like that of a client of its own, so that reads
 * see the writes before them here as well. It accepts the next number only, and only in the term that the client's node
 * meant; whatever it refuses, it refuses everything behind it too. Replies that the client does not take stay here, as the
 * values that the keyspace holds as well, so that the client's node is not filled with their text.
 */
import {
  type CommandTable,
  directoryCommandTable,
  isWrite,
  type Keyspace,
  shardCommandTable,
} from "../../keyspace/index.ts";
import type { PeerLink } from "../../net/index.ts";
import {
  type Arguments,
  type ErrorReply,
  encodeReply,
  type Reply,
  type RespVersion,
  replyBytes,
} from "../../resp/index.ts";
import { replyTooLarge, uncertain } from "../errors.ts";
import { Lane } from "../replica/lane.ts";
import type { Replica } from "../replica/replica.ts";
import { directoryGroup } from "../replica/shard-group.ts";
import { waitSpec } from "../replica/write-waits.ts";
import { type BulkSender, replyTransfer } from "./bulk.ts";
import { type ForwardHeader, replyHeader, sendForwardRefusal, sendForwardReply } from "./forward-wire.ts";

export interface ForwardedLaneOptions {
  readonly first: ForwardHeader;
  readonly replica: Replica;
  /** The data connection that the stream came over, and on which its replies go back. */
  readonly link: PeerLink;
  /** For replies above `bulkBytesMin`. */
  readonly bulk: BulkSender;
  readonly bulkBytesMin: number;
  readonly replyBytesMax: number;
  /** What is sent before the client has taken it; a reply that begins within it may be longer. */
  readonly replyWindowBytes: number;
  /** A reply was written to `link`, or to the bulk connection: they are to be flushed. */
  readonly onOutput: () => void;
}

export class ForwardedLane extends Lane {
  constructor(options: ForwardedLaneOptions) {
    super();
    this.#options = options;
    this.#stream = options.first.stream;
    this.#protocol = options.first.protocol;
  }

  /** The client's node has ended the stream, or the connection is gone. Nobody hears what is still answered. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
  }

  accept(header: ForwardHeader, args: Arguments): void {
    const { number, term } = header;
    const { replica } = this.#options;
    // Behind what was refused everything is: it was told so when that happened.
    if (this.#refusedFrom !== undefined || this.#isClosed) return;
    const isNext = number === this.#nextNumber && !this.isBehindLarge && header.protocol === this.#protocol;
    if (!isNext || !replica.isLeading || replica.route.term !== term) {
      this.#refuse(number);
      return;
    }
    this.#nextNumber++;
    const table = this.#table;
    const spec = isWait(args) ? waitSpec : table.resolve(args);
    if (spec !== undefined && isWrite(spec)) this.#writes.add(number);
    if (spec === undefined) this.answer(number, table.refusal(args));
    else replica.submit(this, number, spec, args);
  }

  /** Replies leave in the order of their numbers; one that comes before its turn, or finds no room, waits. */
  override answer(number: number, reply: Reply): void {
    if (this.#isClosed) return;
    if (number !== this.#nextReply || !this.#hasCredit) {
      this.#waiting.set(number, reply);
      return;
    }
    this.#send(reply);
    if (this.#waiting.size > 0) this.#sendWaiting();
  }

  /** The client has taken so much text of replies, of all that this lane has sent. */
  credit(takenBytes: number): void {
    if (this.#isClosed || takenBytes <= this.#takenBytes) return;
    this.#takenBytes = takenBytes;
    this.#sendWaiting();
  }

  override giveBack(number: number): void {
    this.#refuse(number);
  }

  override largeProposed(): void {}

  readonly #options: ForwardedLaneOptions;
  readonly #stream: number;
  readonly #protocol: RespVersion;
  #nextNumber = 1;
  #nextReply = 1;
  readonly #waiting: Map<number, Reply> = new Map();
  /** Of the commands that are not answered, those that write: only of them can there be a doubt. */
  readonly #writes: Set<number> = new Set();
  #sentBytes = 0;
  #takenBytes = 0;
  #refusedFrom: number | undefined;
  #isClosed = false;

  get #hasCredit(): boolean {
    return this.#sentBytes - this.#takenBytes < this.#options.replyWindowBytes;
  }

  /** What may come: a client's commands, or another node's own. */
  get #table(): CommandTable<Keyspace> {
    return this.#options.replica.group === directoryGroup ? directoryCommandTable : shardCommandTable;
  }

  #sendWaiting(): void {
    while (this.#waiting.size > 0 && this.#hasCredit) {
      const reply = this.#waiting.get(this.#nextReply);
      if (reply === undefined) return;
      this.#waiting.delete(this.#nextReply);
      this.#send(reply);
    }
  }

  #send(reply: Reply): void {
    const { link, bulk, bulkBytesMin, replyBytesMax, onOutput } = this.#options;
    const header = { stream: this.#stream, number: this.#nextReply++, index: this.lastWriteIndex };
    const hasWritten = this.#writes.delete(header.number);
    const bytes = replyBytes(reply, replyBytesMax);
    const sent = bytes > replyBytesMax ? refusalOf(bytes, replyBytesMax, hasWritten) : reply;
    const text = encodeReply(sent, this.#protocol);
    this.#sentBytes += text.length;
    if (text.length > bulkBytesMin) {
      sendForwardReply(link, { ...header, text: undefined });
      bulk.add(replyTransfer, replyHeader(header), text);
    } else {
      sendForwardReply(link, { ...header, text });
    }
    onOutput();
  }

  /** Nothing from `number` on was proposed. Said once: the first is the lowest, since lanes give back in order. */
  #refuse(number: number): void {
    if (this.#isClosed || this.#refusedFrom !== undefined) return;
    this.#refusedFrom = number;
    sendForwardRefusal(this.#options.link, this.#stream, number);
    this.#options.onOutput();
  }
}

/** A read has changed nothing, so there is no doubt; of a write's reply nobody but the leader knows. */
function refusalOf(bytes: number, bytesMax: number, hasWritten: boolean): ErrorReply {
  return hasWritten
    ? uncertain(`its reply of ${bytes} bytes is above what one node hands on to another (${bytesMax})`)
    : replyTooLarge(bytes, bytesMax);
}

function isWait(args: Arguments): boolean {
  return args.count === 4 && args.byteLength(0) === 4 && args.text(0) === "WAIT";
}
