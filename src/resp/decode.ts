import { assert, CoterieError } from "../platform/index.ts";
import { ParseWindow } from "./parse-window.ts";
import { bulkBytesMax } from "./parser.ts";
import {
  DoubleReply,
  ErrorReply,
  MapReply,
  nullArray,
  PushReply,
  type Reply,
  SetReply,
  SimpleString,
  VerbatimReply,
} from "./reply.ts";

/** Most bytes of a line, and most arrays within arrays. */
const lineBytesMax = 65_536;
const depthMax = 128;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** What a server sent is no RESP. Nothing that comes after it on the same stream can be trusted: close it. */
export class ReplyFormatError extends CoterieError {
  readonly code = "REPLY_FORMAT";
  override readonly outcome = "unknown";
}

/** An array, map, set or push whose items are still coming, or an attribute, which is dropped when it is whole. */
interface OpenAggregate {
  readonly type: "*" | "%" | "~" | ">" | "|";
  readonly items: Reply[];
  itemsLeft: number;
}

/**
 * Reads replies, RESP2 or RESP3, from a stream of bytes that may be cut anywhere. What has been read of an unfinished
 * reply is not read again, and nothing is allocated from a length that was only announced.
 *
 * The replies are those of `Reply`. What RESP2 sends in place of a RESP3 type stays what RESP2 sent (a map is an
 * array). Attributes are dropped, big numbers are `bigint`, streamed aggregates are refused: no server sends them.
 */
export class ReplyDecoder {
  readonly #window: ParseWindow = new ParseWindow(undefined);
  #open: OpenAggregate[] = [];
  /** The bulk whose header has been read: its type and length. */
  #bulkType = "";
  #bulkBytes = -1;

  /** Bytes that are kept for an unfinished reply; meaningful after `next` returned undefined. */
  get unfinishedBytes(): number {
    return this.#window.end;
  }

  /** Hands over the next bytes. Only at first, and after `next` has returned undefined. */
  feed(chunk: Uint8Array): void {
    this.#window.append(chunk);
  }

  /**
   * The next reply, or undefined if its rest has not come.
   * @throws {ReplyFormatError} `REPLY_FORMAT`; the decoder must not be used any more.
   */
  next(): Reply | undefined {
    for (;;) {
      const item = this.#item();
      if (item === undefined) {
        this.#window.keep(this.#window.at);
        return undefined;
      }
      const reply = item instanceof Opened ? this.#close() : this.#add(item);
      if (reply !== undefined) return reply;
    }
  }

  /** A value that stands for itself, the sign that an aggregate was opened, or undefined if more bytes are needed. */
  #item(): Reply | Opened | undefined {
    if (this.#bulkBytes >= 0) return this.#bulk();
    const window = this.#window;
    const lineEnd = this.#lineEnd();
    if (lineEnd < 0) return undefined;
    const type = String.fromCharCode(window.bytes[window.at] as number);
    const text = window.bytes.latin1Slice(window.at + 1, lineEnd);
    window.at = lineEnd + 2;
    switch (type) {
      case "+":
        return new SimpleString(text);
      case "-":
        return new ErrorReply(text);
      case ":":
        return integer(text);
      case "(":
        return bigNumber(text);
      case ",":
        return double(text);
      case "#":
        return boolean(text);
      case "_":
        if (text !== "") throw new ReplyFormatError(`a null with content: ${shown(text)}`);
        return null;
      case "$":
      case "=":
      case "!":
        if (text === "-1" && type === "$") return null;
        this.#bulkType = type;
        this.#bulkBytes = length(text, bulkBytesMax);
        return this.#bulk();
      case "*":
        if (text === "-1") return nullArray;
        return this.#begin(type, length(text, Number.MAX_SAFE_INTEGER));
      case "~":
      case ">":
        return this.#begin(type, length(text, Number.MAX_SAFE_INTEGER));
      case "%":
      case "|":
        return this.#begin(type, 2 * length(text, Number.MAX_SAFE_INTEGER / 2));
      default:
        throw new ReplyFormatError(`a reply cannot begin with ${shown(type)}`);
    }
  }

  #begin(type: OpenAggregate["type"], itemsLeft: number): Opened {
    if (this.#open.length === depthMax) throw new ReplyFormatError(`more than ${depthMax} arrays within arrays`);
    if (type === ">" && this.#open.length > 0) throw new ReplyFormatError("a push within a reply");
    this.#open.push({ type, items: [], itemsLeft });
    return opened;
  }

  /** Puts a whole value where it belongs; the reply, if that completed it. */
  #add(item: Reply): Reply | undefined {
    const aggregate = this.#open.at(-1);
    if (aggregate === undefined) return item;
    aggregate.items.push(item);
    aggregate.itemsLeft--;
    return this.#close();
  }

  /** Closes the innermost aggregate, and those around it, as far as they are whole. */
  #close(): Reply | undefined {
    for (;;) {
      const aggregate = this.#open.at(-1);
      assert(aggregate !== undefined, "there is an aggregate to close");
      if (aggregate.itemsLeft > 0) return undefined;
      this.#open.pop();
      if (aggregate.type === "|") return undefined;
      const reply = aggregated(aggregate);
      const outer = this.#open.at(-1);
      if (outer === undefined) return reply;
      outer.items.push(reply);
      outer.itemsLeft--;
    }
  }

  #bulk(): Reply | undefined {
    const window = this.#window;
    const end = window.at + this.#bulkBytes;
    if (window.end < end + 2) return undefined;
    if (window.bytes[end] !== carriageReturn || window.bytes[end + 1] !== lineFeed)
      throw new ReplyFormatError("a bulk string is longer than its length says");
    const text = window.bytes.latin1Slice(window.at, end);
    window.at = end + 2;
    this.#bulkBytes = -1;
    if (this.#bulkType === "$") return text;
    if (this.#bulkType === "!") return new ErrorReply(text);
    if (text[3] !== ":") throw new ReplyFormatError("a verbatim string without its format");
    return new VerbatimReply(text.slice(0, 3), text.slice(4));
  }

  /** Where the line at the window's place ends (at its "\r"), or -1 if its end has not come. */
  #lineEnd(): number {
    const window = this.#window;
    const { bytes, end } = window;
    let at = window.at;
    while (at < end && bytes[at] !== carriageReturn) at++;
    if (at - window.at > lineBytesMax) throw new ReplyFormatError("a line without an end");
    if (at + 1 >= end) return -1;
    if (bytes[at + 1] !== lineFeed) throw new ReplyFormatError("a line ends in half a line end");
    return at;
  }
}

class Opened {}
const opened = new Opened();

function aggregated({ type, items }: OpenAggregate): Reply {
  switch (type) {
    case "%":
      return new MapReply(items);
    case "~":
      return new SetReply(items);
    case ">":
      return new PushReply(items);
    default:
      return items;
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}

function length(text: string, max: number): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (value > max) throw new ReplyFormatError(`a length of ${shown(text)}`);
  return value;
}

function integer(text: string): number | bigint {
  if (!/^[+-]?[0-9]{1,19}$/.test(text)) throw new ReplyFormatError(`an integer of ${shown(text)}`);
  const value = Number(text);
  if (value === 0) return 0;
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

function bigNumber(text: string): bigint {
  if (!/^[+-]?[0-9]+$/.test(text)) throw new ReplyFormatError(`a big number of ${shown(text)}`);
  return BigInt(text);
}

function double(text: string): DoubleReply {
  if (!/^[+-]?([0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|inf|nan)$/.test(text))
    throw new ReplyFormatError(`a double of ${shown(text)}`);
  return new DoubleReply(text);
}

function boolean(text: string): boolean {
  if (text !== "t" && text !== "f") throw new ReplyFormatError(`a boolean of ${shown(text)}`);
  return text === "t";
}
