import type { StreamSocket } from "../platform/index.ts";
import { encodeReply, type Reply, type RespVersion } from "../resp/index.ts";
import { ReplyQueue } from "./reply-queue.ts";
import type { ServedCommand } from "./served-command.ts";
import type { ServerContext } from "./server-context.ts";

const minus = 0x2d;

/**
 * - "flowing": the client takes what it is sent.
 * - "full": it has left so much that it should be served no further until it has taken all of it.
 * - "exceeded": it has left more than is allowed, and is to be disconnected.
 */
export type OutputState = "flowing" | "full" | "exceeded";

/** What goes to one client: replies in the order of its commands, counted, and given to the socket in large pieces. */
export class ClientOutput {
  readonly #context: ServerContext;
  readonly #socket: StreamSocket;
  readonly #replies = new ReplyQueue();
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

  /** Commands that are not answered, or whose answers wait for earlier ones. */
  get openCount(): number {
    return this.#replies.openCount;
  }

  /** Bytes that can be written now. */
  get readyBytes(): number {
    return this.#replies.output.length;
  }

  /** Bytes of replies that wait for earlier ones. */
  get earlyBytes(): number {
    return this.#replies.earlyBytes;
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
    const text = encodeReply(reply, protocol);
    const command = replies.commandOf(ticket);
    const took = milliseconds ?? this.#context.turnMs - replies.startedMsOf(ticket);
    // Only what is no value can be an error; looking at the text of a value would make V8 copy it together first.
    this.#count(command, took, typeof reply !== "string" && text.charCodeAt(0) === minus ? text.slice(1) : undefined);
    replies.settle(ticket, this.#isMuted || ticket === this.#skippedTicket ? "" : text);
    return took;
  }

  /** Adds whole replies outside of the order of commands; false if the client has left too much of what it got before. */
  push(text: string): boolean {
    this.#replies.output += text;
    return this.untakenBytes + this.readyBytes <= this.#context.limits.pushedBytesMax;
  }

  setReplyMode(mode: "on" | "off" | "skip"): void {
    this.#skipsNext = mode === "skip" && !this.#isMuted;
    if (mode !== "skip") this.#isMuted = mode === "off";
  }

  /** Gives to the socket what is ready. */
  write(): OutputState {
    const { statistics, limits, outputLimit } = this.#context;
    const text = this.#replies.takeOutput();
    if (text !== "") {
      statistics.writes++;
      statistics.outputBytes += text.length;
      this.#socket.write(text);
    }
    const untakenBytes = this.#socket.pendingBytes;
    if (untakenBytes === 0) {
      this.#softLimitMs = undefined;
      return "flowing";
    }
    if (outputLimit.isAboveSoft(untakenBytes)) this.#softLimitMs ??= this.#context.turnMs;
    else this.#softLimitMs = undefined;
    const softForMs = this.#softLimitMs === undefined ? 0 : this.#context.turnMs - this.#softLimitMs;
    if (untakenBytes > limits.untakenBytesMax || outputLimit.isExceeded(untakenBytes, softForMs)) return "exceeded";
    return untakenBytes > limits.outputBytesMax ? "full" : "flowing";
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
