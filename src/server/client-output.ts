import type { StreamSocket } from "../platform/index.ts";
import { ErrorReply, noReply, RawReply, type Reply, type RespVersion } from "../resp/index.ts";
import { ReplyQueue } from "./reply-queue.ts";
import type { ServedCommand } from "./served-command.ts";
import type { ServerContext } from "./server-context.ts";

const minus = 0x2d;
/** Text of replies that is handed to the socket at once. */
const writeBytes = 131_072;
/** Handed to a socket that takes everything before others have their turn. */
const turnBytesMax = 1_048_576;

/**
 * - "flowing": the client takes what it is sent.
 * - "unfinished": it does, and there is more than one turn should send; go on in the next one.
 * - "full": it has left so much that it should be served no further until it has taken all of it.
 * - "exceeded": it has left more than is allowed, and is to be disconnected.
 */
export type OutputState = "flowing" | "unfinished" | "full" | "exceeded";

/**
 * What goes to one client: replies in the order of its commands, counted, and given to the socket in pieces. While the
 * client takes nothing, replies wait as values, most of which cost nothing since the keyspace holds them too; text
 * is made of no more than the socket is to be given.
 */
export class ClientOutput {
  readonly #context: ServerContext;
  readonly #socket: StreamSocket;
  readonly #replies = new ReplyQueue(writeBytes);
  /** `CLIENT REPLY OFF`, and `SKIP` before and after the command that it is about. */
  #isMuted = false;
  #skipsNext = false;
  #skippedTicket = -1;
  /** Since when more than the soft limit has not been taken. */
  #softLimitMs: number | undefined;

  constructor(context: ServerContext, socket: StreamSocket) {
    this.#context = context;
    this.#socket = socket;
  }

  /** Commands that are not answered, or whose answers wait for earlier ones or for room. */
  get openCount(): number {
    return this.#replies.openCount;
  }

  /** The client has not taken what it was sent, or there is more than it was sent yet. */
  get isBehind(): boolean {
    return this.#replies.isBehind;
  }

  /** Enough text is there to hand it to the socket before the turn ends. */
  get isWorthWriting(): boolean {
    return this.#replies.textBytes >= writeBytes && !this.#replies.isHeldBack;
  }

  /** Bytes of replies that wait here: for earlier ones, for room, or for the end of the turn. Looks at each of them. */
  waitingBytes(): number {
    return this.#replies.textBytes + this.#replies.waitingBytes();
  }

  /** Bytes that the operating system has not taken yet. */
  get untakenBytes(): number {
    return this.#socket.pendingBytes;
  }

  /** A ticket for the next command; `command` is undefined for what is refused. */
  take(command: ServedCommand | undefined): number {
    const ticket = this.#replies.take(command, this.#context.turnMs);
    if (this.#skipsNext) {
      this.#skipsNext = false;
      this.#skippedTicket = ticket;
    }
    return ticket;
  }

  /** True while the ticket is not answered, or its reply waits. */
  isWaiting(ticket: number): boolean {
    return ticket >= this.#replies.head;
  }

  /** True while the ticket is not answered. */
  isOpen(ticket: number): boolean {
    return this.#replies.isOpen(ticket);
  }

  /**
   * Answers an open ticket. The command took `milliseconds`; by default since the turn in which it was read. Returns what
   * it took.
   */
  answer(ticket: number, reply: Reply, protocol: RespVersion, milliseconds?: number): number {
    const replies = this.#replies;
    const command = replies.commandOf(ticket);
    const took = milliseconds ?? this.#context.turnMs - replies.startedMsOf(ticket);
    this.#count(command, took, errorOf(reply));
    replies.settle(ticket, this.#isMuted || ticket === this.#skippedTicket ? noReply : reply, protocol);
    return took;
  }

  /** Adds whole replies outside of the order of commands; false if the client has left too much of what it got before. */
  push(text: string): boolean {
    this.#replies.push(text);
    return this.untakenBytes + this.#replies.textBytes <= this.#context.limits.pushedBytesMax;
  }

  setReplyMode(mode: "on" | "off" | "skip"): void {
    this.#skipsNext = mode === "skip" && !this.#isMuted;
    if (mode !== "skip") this.#isMuted = mode === "off";
    // It answers that it is on, even where it came as the command to be skipped.
    if (mode === "on") this.#skippedTicket = -1;
  }

  /** Gives to the socket what is ready, and of what waits as much as it takes. */
  write(protocol: RespVersion): OutputState {
    const { statistics, limits } = this.#context;
    const replies = this.#replies;
    const socket = this.#socket;
    if (replies.isHeldBack && socket.pendingBytes > 0) return this.#judge();
    replies.isHeldBack = false;
    replies.fill(protocol);
    let writtenBytes = 0;
    for (let text = replies.takeOutput(); text !== ""; text = replies.takeOutput()) {
      statistics.writes++;
      statistics.outputBytes += text.length;
      socket.write(text);
      writtenBytes += text.length;
      if (socket.pendingBytes > limits.outputBytesMax) {
        replies.isHeldBack = true;
        return this.#judge();
      }
      replies.fill(protocol);
      if (writtenBytes >= turnBytesMax && replies.textBytes > 0) return "unfinished";
    }
    return this.#softLimitMs === undefined && socket.pendingBytes === 0 ? "flowing" : this.#judge();
  }

  /** What the operator's limits say of a client that does not take what it is sent. */
  #judge(): OutputState {
    const { outputLimit, turnMs } = this.#context;
    if (outputLimit.isSet) {
      let untakenBytes = this.#socket.pendingBytes;
      if (this.#replies.isHeldBack) untakenBytes += this.waitingBytes();
      this.#softLimitMs = outputLimit.isAboveSoft(untakenBytes) ? (this.#softLimitMs ?? turnMs) : undefined;
      const softForMs = this.#softLimitMs === undefined ? 0 : turnMs - this.#softLimitMs;
      if (outputLimit.isExceeded(untakenBytes, softForMs)) return "exceeded";
    }
    return this.#replies.isHeldBack ? "full" : "flowing";
  }

  /** `error` is what the command answered, if that was an error. */
  #count(command: ServedCommand | undefined, milliseconds: number, error: string | undefined): void {
    const context = this.#context;
    if (error !== undefined) context.statistics.countError(error);
    if (command === undefined) return;
    context.statistics.commandsProcessed++;
    if (error !== undefined) command.statistics.failedCalls++;
    command.statistics.record(milliseconds * 1_000, context.isLatencyTracked);
    if (milliseconds >= context.latency.thresholdMs)
      context.latency.record(command.isFast ? "fast-command" : "command", milliseconds, context.clock.wallMs());
  }
}

/** The error that a reply is, without its sign. */
function errorOf(reply: Reply): string | undefined {
  if (typeof reply !== "object") return undefined;
  if (reply instanceof ErrorReply) return reply.text;
  return reply instanceof RawReply && reply.text.charCodeAt(0) === minus ? reply.text.slice(1) : undefined;
}
