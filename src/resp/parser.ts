import { assert } from "../platform/index.ts";
import { Arguments } from "./arguments.ts";
import { splitInline } from "./inline.ts";
import { ParseWindow } from "./parse-window.ts";

/** The longest string that Node makes (2^29 - 24), and so the longest word that a command may have: 512 MiB less 24 bytes. */
export const bulkBytesMax = 536_870_888;
/** Most words of one command, unless set otherwise. */
export const argumentsMax = 1_048_576;
/** Most bytes of a line: an inline command, or the count or length before a word (Redis' PROTO_INLINE_MAX_SIZE). */
export const lineBytesMax = 65_536;

const star = 0x2a;
const dollar = 0x24;
const zero = 0x30;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

const lineIsUnfinished = -1;
const lineIsTooLong = -2;
/** The longest length that is read without looking for the end of its line first: ten digits. */
const quickDigitsMax = 10;

/** While a client has not shown its password, its commands are kept this small, so that it cannot take memory. */
const unauthenticatedArgumentsMax = 10;
const unauthenticatedBulkBytesMax = 16_384;

export interface RespParserOptions {
  /** Longest word; by default, and at most, {@link bulkBytesMax}. A longer one is a protocol error. */
  readonly bulkBytesMax?: number;
  /** Most words of one command; by default {@link argumentsMax}. More are a protocol error. */
  readonly argumentsMax?: number;
  /** Most bytes of all words of one command together; by default no such limit. More are read over: "tooLarge". */
  readonly commandBytesMax?: number;
  /**
   * A buffer of `scratchBytes` for the short time in which remains and new bytes are joined. Parsers may share it
   * if each of them reaches "needMore", or is told to `keep()`, before another one is fed. By default one of its own.
   */
  readonly scratch?: Buffer;
}

/**
 * - "command": the arguments hold the next command, until the parser is called again or the chunk is used again.
 * - "needMore": all that was fed is used up, or copied if a command is unfinished.
 * - "tooLarge": a command above `commandBytesMax` has been read over without being kept. The stream goes on behind it.
 * - "protocolError": `error` says why; nothing more comes out of this parser.
 */
export type ParseResult = "command" | "needMore" | "tooLarge" | "protocolError";

/**
 * Reads commands from a stream of bytes that may be cut anywhere: arrays of bulk strings, and inline commands. It
 * accepts and refuses what Redis 7.0 does, in the same words, with two differences that make the outcome independent
 * of where the stream was cut: a line has its limit of 64 KiB also if it came in one piece, and the number of words has
 * a limit of its own.
 *
 * A command that lies whole in one chunk is not copied: the arguments point into the chunk. What is unfinished is
 * copied to a buffer that grows with the bytes that came, never with what a length announces, and what has been read
 * of it is not read again, so that a sender of single bytes costs no more than others.
 *
 * ```
 *   between commands ──"*n"──▶ n words left ──"$length"──▶ in a word ──its bytes──▶ n - 1 words left … 0: a command
 *          └────── any other byte: a line, split into words: a command
 * ```
 */
export class RespParser {
  /** Set while the client has yet to authenticate: commands are then limited to 10 words of 16 KiB, as in Redis. */
  isUnauthenticated = false;

  readonly #window: ParseWindow;
  readonly #argumentsMax: number;
  readonly #commandBytesMax: number;
  #bulkBytesMax: number;
  #error: string | undefined;

  /** Where the command that is being read begins in the window. */
  #start = 0;
  #wordsLeft = 0;
  /** Length of the word whose header has been read, else -1. When reading over: what is left of it with its line end. */
  #wordBytes = -1;
  /** Announced length of all words so far. */
  #commandBytes = 0;
  #isReadingOver = false;
  /** The words found so far of a command whose rest has not come, relative to its start. */
  #partial: Arguments | undefined;

  constructor(options: RespParserOptions = {}) {
    this.#window = new ParseWindow(options.scratch);
    this.#bulkBytesMax = Math.min(options.bulkBytesMax ?? bulkBytesMax, bulkBytesMax);
    this.#argumentsMax = options.argumentsMax ?? argumentsMax;
    this.#commandBytesMax = options.commandBytesMax ?? Number.MAX_SAFE_INTEGER;
  }

  /** Why the bytes are not the protocol, in Redis' words ("Protocol error: invalid bulk length"), once they are not. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Memory held for unfinished input, in bytes. */
  get ownBytes(): number {
    return this.#window.ownBytes;
  }

  /** Bytes of input that have been kept and not been used yet. Meaningful after "needMore" or `keep`. */
  get unfinishedBytes(): number {
    return this.#window.end;
  }

  /** Changes the longest word that is accepted, from the next word on; at most {@link bulkBytesMax}. */
  setBulkBytesMax(bytes: number): void {
    this.#bulkBytesMax = Math.min(bytes, bulkBytesMax);
  }

  /** Hands over the next bytes of the stream. Only at first, after "needMore" and after {@link keep}. */
  feed(chunk: Uint8Array): void {
    if (this.#error === undefined) this.#window.append(chunk);
  }

  /**
   * Copies what has not been read yet, for a caller that stops in the middle of a chunk; the chunk may be used again
   * then. Go on with `next`.
   */
  keep(): void {
    if (this.#error !== undefined) return;
    const start = this.#wordsLeft === 0 || this.#isReadingOver ? this.#window.at : this.#start;
    this.#window.keep(start);
    this.#start = 0;
  }

  /**
   * Gives up the unfinished command if it is one that may go on taking memory: its memory is released, and once its
   * end has been read over it comes out as "tooLarge". For use after "needMore"; false if there is no such command.
   */
  discardUnfinished(): boolean {
    if (this.#wordsLeft === 0 || this.#isReadingOver || this.#error !== undefined) return false;
    this.#beginReadingOver();
    const result = this.#readOver();
    assert(result === "needMore" || result === "protocolError", "an unfinished command has no end yet");
    return true;
  }

  /** Reads the next command into `args`. */
  next(args: Arguments): ParseResult {
    if (this.#error !== undefined) return "protocolError";
    const window = this.#window;
    args.clear(window.bytes);
    if (this.#isReadingOver) return this.#readOver();
    if (this.#partial !== undefined) {
      args.exchangeWords(this.#partial);
      this.#partial = undefined;
    }
    while (this.#wordsLeft === 0) {
      if (window.at === window.end) return this.#unfinished(args);
      this.#start = window.at;
      if (window.bytes[window.at] !== star) {
        const result = this.#line(args);
        if (result !== undefined) return result;
        args.clear(window.bytes);
        continue;
      }
      const count = this.#quickCount() ?? this.#count();
      if (count === undefined) return this.#error === undefined ? this.#unfinished(args) : "protocolError";
      this.#wordsLeft = count;
      this.#commandBytes = 0;
    }
    return this.#words(args);
  }

  /** The hot loop: words into `args`, as far as they have come. */
  #words(args: Arguments): ParseResult {
    const window = this.#window;
    const bytes = window.bytes;
    const end = window.end;
    const quickBytesMax = this.isUnauthenticated ? -1 : this.#bulkBytesMax;
    let at = window.at;
    let wordBytes = this.#wordBytes;
    let wordsLeft = this.#wordsLeft;
    while (wordsLeft > 0) {
      if (wordBytes < 0) {
        let length = at + 2 < end && bytes[at] === dollar ? (bytes[at + 1] as number) - zero : -1;
        let next = at + 2;
        if (length > 9) {
          length = -1;
        } else if (length > 0) {
          for (; next < end; next++) {
            const digit = (bytes[next] as number) - zero;
            if (digit < 0 || digit > 9) break;
            length = length * 10 + digit;
          }
        }
        if (
          length < 0 ||
          length > quickBytesMax ||
          next - at > quickDigitsMax ||
          next + 1 >= end ||
          bytes[next] !== carriageReturn
        ) {
          window.at = at;
          length = this.#wordLength();
          if (length < 0) {
            this.#suspend(window.at, wordsLeft, -1);
            return this.#error === undefined ? this.#unfinished(args) : "protocolError";
          }
          at = window.at;
        } else {
          at = next + 2;
        }
        this.#commandBytes += length;
        wordBytes = length;
        if (this.#commandBytes > this.#commandBytesMax) {
          this.#suspend(at, wordsLeft, wordBytes);
          this.#beginReadingOver();
          return this.#readOver();
        }
      }
      // Like Redis, we take it on trust that the two bytes behind a word are a line end.
      if (end - at < wordBytes + 2) {
        this.#suspend(at, wordsLeft, wordBytes);
        return this.#unfinished(args);
      }
      args.push(at, at + wordBytes);
      at += wordBytes + 2;
      wordBytes = -1;
      wordsLeft--;
    }
    this.#suspend(at, 0, -1);
    return "command";
  }

  #suspend(at: number, wordsLeft: number, wordBytes: number): void {
    this.#window.at = at;
    this.#wordsLeft = wordsLeft;
    this.#wordBytes = wordBytes;
  }

  /** Keeps what is there of the next command, if anything. */
  #unfinished(args: Arguments): "needMore" {
    if (this.#wordsLeft > 0) {
      for (let index = 0; index < args.count && this.#start > 0; index++) {
        args.starts[index] = (args.starts[index] as number) - this.#start;
        args.ends[index] = (args.ends[index] as number) - this.#start;
      }
      this.#partial = new Arguments();
      this.#partial.exchangeWords(args);
    }
    this.keep();
    return "needMore";
  }

  #beginReadingOver(): void {
    this.#isReadingOver = true;
    this.#partial = undefined;
    if (this.#wordBytes >= 0) this.#wordBytes += 2;
  }

  #readOver(): ParseResult {
    const window = this.#window;
    while (this.#wordsLeft > 0) {
      if (this.#wordBytes < 0) {
        const length = this.#wordLength();
        if (this.#error !== undefined) return "protocolError";
        if (length < 0) break;
        this.#wordBytes = length + 2;
      }
      const skipped = Math.min(this.#wordBytes, window.end - window.at);
      window.at += skipped;
      this.#wordBytes -= skipped;
      if (this.#wordBytes > 0) break;
      this.#wordBytes = -1;
      this.#wordsLeft--;
    }
    if (this.#wordsLeft > 0) {
      this.keep();
      return "needMore";
    }
    this.#isReadingOver = false;
    return "tooLarge";
  }

  /** An inline command; undefined for an empty line. */
  #line(args: Arguments): ParseResult | undefined {
    const window = this.#window;
    const lineEnd = this.#find(lineFeed);
    if (lineEnd === lineIsTooLong) return this.#fail("too big inline request");
    if (lineEnd === lineIsUnfinished) return this.#unfinished(args);
    const hasReturn = lineEnd > window.at && window.bytes[lineEnd - 1] === carriageReturn;
    const line = window.bytes.subarray(window.at, hasReturn ? lineEnd - 1 : lineEnd);
    if (!splitInline(line, args)) return this.#fail("unbalanced quotes in request");
    window.at = lineEnd + 1;
    return args.count === 0 ? undefined : "command";
  }

  /** One digit after "*", as nearly all commands have it; undefined for whatever else. */
  #quickCount(): number | undefined {
    const window = this.#window;
    const bytes = window.bytes;
    const at = window.at;
    if (at + 3 >= window.end || bytes[at + 2] !== carriageReturn) return undefined;
    const digit = (bytes[at + 1] as number) - zero;
    if (digit < 0 || digit > 9) return undefined;
    window.at = at + 4;
    return digit;
  }

  /** The number of words after "*", 0 for a command that is none; undefined if it is unfinished or wrong. */
  #count(): number | undefined {
    const count = this.#number("too big mbulk count string");
    if (count === undefined) return undefined;
    if (Number.isNaN(count) || count > this.#argumentsMax) {
      this.#fail("invalid multibulk length");
      return undefined;
    }
    if (this.isUnauthenticated && count > unauthenticatedArgumentsMax) {
      this.#fail("unauthenticated multibulk length");
      return undefined;
    }
    return Math.max(count, 0);
  }

  /** The length after "$"; -1 if it is unfinished or wrong. */
  #wordLength(): number {
    const window = this.#window;
    const first = window.bytes[window.at] as number;
    const start = window.at;
    const length = this.#number("too big bulk count string");
    if (length === undefined) return -1;
    if (first !== dollar) {
      window.at = start;
      this.#fail(`expected '$', got '${String.fromCharCode(first)}'`);
      return -1;
    }
    if (Number.isNaN(length) || length < 0 || length > this.#bulkBytesMax) {
      this.#fail("invalid bulk length");
      return -1;
    }
    if (this.isUnauthenticated && length > unauthenticatedBulkBytesMax) {
      this.#fail("unauthenticated bulk length");
      return -1;
    }
    return length;
  }

  /** The number between the first byte and the line end, NaN if it is none (beyond 64 bits too); undefined if it is unfinished or too long. */
  #number(tooLong: string): number | undefined {
    const window = this.#window;
    const lineEnd = this.#find(carriageReturn);
    if (lineEnd === lineIsTooLong) {
      this.#fail(tooLong);
      return undefined;
    }
    if (lineEnd === lineIsUnfinished || lineEnd + 1 === window.end) return undefined;
    const digits = window.bytes.latin1Slice(window.at + 1, Math.min(lineEnd, window.at + 22));
    window.at = lineEnd + 2;
    return integerOf(digits);
  }

  /** Where the line that begins at the window's place ends. As in Redis, a zero byte hides what follows it. */
  #find(lineEnd: number): number {
    const window = this.#window;
    const limit = Math.min(window.end, window.at + lineBytesMax + 1);
    const line = window.bytes.subarray(window.at, limit);
    const place = line.indexOf(lineEnd);
    if (place >= 0 && !line.subarray(0, place).includes(0)) return window.at + place;
    return line.length > lineBytesMax ? lineIsTooLong : lineIsUnfinished;
  }

  #fail(reason: string): "protocolError" {
    this.#error = `Protocol error: ${reason}`;
    this.#window.at = this.#window.end;
    this.#window.keep(this.#window.end);
    this.#partial = undefined;
    return "protocolError";
  }
}

/** What Redis' `string2ll` accepts, as a number; NaN otherwise. */
function integerOf(digits: string): number {
  if (!/^(0|-?[1-9][0-9]*)$/.test(digits)) return Number.NaN;
  const value = BigInt(digits);
  return BigInt.asIntN(64, value) === value ? Number(value) : Number.NaN;
}
