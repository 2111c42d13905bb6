import { type Arguments, ErrorReply, type ParseResult, RespParser } from "../resp/index.ts";
import type { ServerContext } from "./server-context.ts";

/**
 * - "bounded": it is within its bounds.
 * - "full": more than should be read ahead is kept; the socket should not be read until commands are served again.
 * - "exceeded": more than the operator allows is kept, and the client is to be disconnected.
 */
export type InputState = "bounded" | "full" | "exceeded";

/** What comes from one client: bytes, parsed into commands, and kept within bounds while they wait. */
export class ClientInput {
  readonly #context: ServerContext;
  readonly #parser: RespParser;
  /** What this client adds to the context's `unfinishedBytes`. */
  #countedBytes = 0;
  /** The command that is being read over was given up for want of memory. */
  #isOutOfMemory = false;

  constructor(context: ServerContext) {
    this.#context = context;
    this.#parser = new RespParser({ scratch: context.scratch, commandBytesMax: context.limits.commandBytesMax });
    this.#parser.setBulkBytesMax(context.bulkBytesMax);
  }

  /** Bytes that have come and are not used yet, those of the command that is running included. */
  get bytes(): number {
    return this.#parser.unfinishedBytes;
  }

  /** Memory that holds such bytes. */
  get memoryBytes(): number {
    return this.#parser.ownBytes;
  }

  /** A client that has not authenticated may send small commands only. */
  get isAuthenticated(): boolean {
    return !this.#parser.isUnauthenticated;
  }

  set isAuthenticated(value: boolean) {
    this.#parser.isUnauthenticated = !value;
  }

  setBulkBytesMax(bytes: number): void {
    this.#parser.setBulkBytesMax(bytes);
  }

  feed(bytes: Uint8Array): void {
    this.#parser.feed(bytes);
  }

  next(args: Arguments): ParseResult {
    return this.#parser.next(args);
  }

  /** Copies what has not been used, since the socket's buffer will be used again. */
  keep(): void {
    this.#parser.keep();
  }

  /** Why there is no next command. */
  protocolError(): ErrorReply {
    return new ErrorReply(`ERR ${this.#parser.error}`);
  }

  /** Why a command was read over. */
  largeCommandError(): ErrorReply {
    const { commandBytesMax, unfinishedBytesMax } = this.#context.limits;
    const reason = this.#isOutOfMemory
      ? `OOM Unfinished commands of all clients take more than ${unfinishedBytesMax} bytes on this node`
      : `ERR A command is larger than commandBytesMax (${commandBytesMax})`;
    this.#isOutOfMemory = false;
    return new ErrorReply(`${reason}: it did not happen.`);
  }

  /**
   * To be called after bytes were fed. If all clients together keep too much, the command that is being read is given
   * up: it will be answered with an error.
   */
  bound(isServed: boolean): InputState {
    const context = this.#context;
    const parser = this.#parser;
    if (parser.ownBytes === 0 && this.#countedBytes === 0) return "bounded";
    this.#count(parser.ownBytes);
    if (parser.unfinishedBytes > context.queryBytesMax) return "exceeded";
    if (!isServed) return parser.unfinishedBytes > context.limits.inputAheadBytesMax ? "full" : "bounded";
    if (context.unfinishedBytes > context.limits.unfinishedBytesMax && parser.discardUnfinished()) {
      this.#isOutOfMemory = true;
      this.#count(parser.ownBytes);
    }
    return "bounded";
  }

  /** The client is gone. */
  close(): void {
    this.#count(0);
  }

  #count(bytes: number): void {
    this.#context.unfinishedBytes += bytes - this.#countedBytes;
    this.#countedBytes = bytes;
  }
}
