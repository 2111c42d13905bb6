import { assert } from "../platform/index.ts";
import { encodeReply, ok, type Reply, ReplyPieces, type RespVersion, replyBytes } from "../resp/index.ts";
import type { ServedCommand } from "./served-command.ts";

/** A reply above this size is made into text piece by piece, as there is room for it. */
const pieceBytes = 65_536;

/**
 * Puts the replies of one connection in the order of its commands. Each command takes a ticket, the next number; each
 * ticket is settled once, at any time, with its reply. What is settled in order becomes text in `output`, as far as
 * there is room; what is early, or finds no room, waits in a ring as the value that it is, which the keyspace holds as
 * well in most cases.
 *
 * ```
 *            head                        next
 *   … output │ settled or open, any way  │ not taken yet
 * ```
 */
export class ReplyQueue {
  /** Text in order, ready to be sent. */
  output = "";
  /** The oldest ticket whose reply has not become text; all before it are in `output` or sent. */
  head = 0;
  /** The ticket that is taken next. */
  next = 0;
  /** Whoever is to get it takes nothing at present: no reply becomes text. Call `fill` when that is over. */
  isHeldBack = false;

  readonly #outputBytesMax: number;
  /** The reply of `head`, if it goes out in pieces. */
  #pieces: ReplyPieces | undefined;
  /** What was pushed meanwhile: it has to wait for the last piece. */
  #pushed = "";
  #mask = 3;
  #replies: (Reply | undefined)[] = [undefined, undefined, undefined, undefined];
  #commands: (ServedCommand | undefined)[] = [undefined, undefined, undefined, undefined];
  #startedMs = new Float64Array(4);

  /** Above `outputBytesMax` replies wait until `output` is taken. */
  constructor(outputBytesMax: number = Number.POSITIVE_INFINITY) {
    this.#outputBytesMax = outputBytesMax;
  }

  /** Tickets that are taken and whose replies have not become text. */
  get openCount(): number {
    return this.next - this.head;
  }

  /** Text that is there. */
  get textBytes(): number {
    return this.output.length + this.#pushed.length;
  }

  /** Replies that are settled have to wait for room. */
  get isBehind(): boolean {
    return this.#pieces !== undefined || !this.#hasRoom;
  }

  take(command: ServedCommand | undefined, startedMs: number): number {
    if (this.next - this.head > this.#mask) this.#grow();
    const ticket = this.next++;
    const place = ticket & this.#mask;
    this.#commands[place] = command;
    this.#startedMs[place] = startedMs;
    return ticket;
  }

  /** True while the ticket waits for its reply. */
  isOpen(ticket: number): boolean {
    return ticket >= this.head && ticket < this.next && this.#replies[ticket & this.#mask] === undefined;
  }

  /** Of an open ticket. */
  commandOf(ticket: number): ServedCommand | undefined {
    return this.#commands[ticket & this.#mask];
  }

  /** Of an open ticket. */
  startedMsOf(ticket: number): number {
    return this.#startedMs[ticket & this.#mask] as number;
  }

  /** Answers an open ticket. */
  settle(ticket: number, reply: Reply, protocol: RespVersion): void {
    assert(this.isOpen(ticket), "a ticket is settled once");
    if (ticket !== this.head || !this.#hasRoom || isLong(reply)) {
      this.#replies[ticket & this.#mask] = reply;
      if (ticket === this.head) this.fill(protocol);
      return;
    }
    this.output += encodeReply(reply, protocol);
    this.head++;
    if (this.#replies[this.head & this.#mask] !== undefined) this.fill(protocol);
  }

  /** Makes text of what is settled in order, as far as there is room. */
  fill(protocol: RespVersion): void {
    while (this.head < this.next && this.#hasRoom) {
      const place = this.head & this.#mask;
      const reply = this.#replies[place];
      if (reply === undefined) return;
      if (this.#pieces === undefined && isLong(reply)) this.#pieces = new ReplyPieces(reply, protocol, pieceBytes);
      const text = this.#pieces === undefined ? encodeReply(reply, protocol) : this.#pieces.next();
      if (text !== undefined) this.output += text;
      if (text !== undefined && this.#pieces !== undefined) continue;
      this.#pieces = undefined;
      this.#replies[place] = undefined;
      this.head++;
      this.output += this.#pushed;
      this.#pushed = "";
    }
  }

  /** Adds whole replies outside of the order of commands. */
  push(text: string): void {
    if (this.#pieces === undefined) this.output += text;
    else this.#pushed += text;
  }

  /** What is to be sent now; it is the caller's. */
  takeOutput(): string {
    const output = this.output;
    this.output = "";
    return output;
  }

  /** What is settled and waits, in bytes of replies, whether or not others hold them too. Looks at each of them. */
  waitingBytes(): number {
    let bytes = 0;
    for (let ticket = this.head; ticket < this.next; ticket++) {
      const reply = this.#replies[ticket & this.#mask];
      if (reply !== undefined) bytes += replyBytes(reply);
    }
    return bytes;
  }

  get #hasRoom(): boolean {
    return !this.isHeldBack && this.output.length < this.#outputBytesMax;
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const replies: (Reply | undefined)[] = new Array(size).fill(undefined);
    const commands: (ServedCommand | undefined)[] = new Array(size).fill(undefined);
    const startedMs = new Float64Array(size);
    for (let ticket = this.head; ticket < this.next; ticket++) {
      const from = ticket & this.#mask;
      const to = ticket & (size - 1);
      replies[to] = this.#replies[from];
      commands[to] = this.#commands[from];
      startedMs[to] = this.#startedMs[from] as number;
    }
    this.#mask = size - 1;
    this.#replies = replies;
    this.#commands = commands;
    this.#startedMs = startedMs;
  }
}

function isLong(reply: Reply): boolean {
  if (typeof reply === "string") return reply.length > pieceBytes;
  // The frequent ones first.
  if (reply === ok || typeof reply !== "object" || reply === null) return false;
  return replyBytes(reply, pieceBytes) > pieceBytes;
}
