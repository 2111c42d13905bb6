import { InvalidArgumentError } from "../channels/index.ts";
import { limitOf } from "./limit.ts";
import { MessageTooLargeError } from "./message-errors.ts";

/** How messages stand in a byte stream: each a line that ends with "\n", or each behind its length in four bytes. */
export type Framing = "lines" | "lengthPrefixed";

/**
 * Cuts a byte stream into messages. Pure: bytes go in as they come, messages come out. A message that lies whole in one
 * piece is a view of it; others are gathered in memory that grows with what has come, never with what is announced.
 */
export interface MessageSplitter {
  /** The bytes that come next, to be left untouched from now on; only when {@link next} has said that it needs more. */
  push(bytes: Uint8Array): void;
  /**
   * The next message, without what stands around it; undefined if more bytes are needed.
   * @throws MessageTooLargeError (MESSAGE_TOO_LARGE) once for each message above the limit, as soon as that is known;
   * then goes on behind it.
   */
  next(): Uint8Array | undefined;
  /** Of a message that has begun and not ended, what has come. */
  readonly unfinishedBytes: number;
  /** The number of the message that {@link next} gave or refused last, or, at the end, that was cut off; from 1. */
  readonly messageNumber: number;
}

/** @throws InvalidArgumentError (INVALID_ARGUMENT) */
export function createSplitter(framing: Framing, bytesMax: number): MessageSplitter {
  limitOf("bytesMax", bytesMax);
  if (framing === "lines") return new LineSplitter(bytesMax);
  if (framing === "lengthPrefixed") return new LengthSplitter(bytesMax);
  throw new InvalidArgumentError(`framing is "lines" or "lengthPrefixed", not ${JSON.stringify(framing)}`);
}

/** What goes out for the message whose JSON is `text`. */
export function frame(text: string, framing: Framing): Uint8Array {
  if (framing === "lines") return Buffer.from(`${text}\n`);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(lengthBytes + length);
  bytes.writeUInt32BE(length);
  bytes.write(text, lengthBytes);
  return bytes;
}

const newline = 0x0a;
const nothing = new Uint8Array(0);

class LineSplitter implements MessageSplitter {
  messageNumber = 0;
  readonly #bytesMax: number;
  readonly #begun = new Gathered();
  #rest: Uint8Array = nothing;
  /** The rest of a line that was too large is left out. */
  #skippedBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get unfinishedBytes(): number {
    return this.#begun.length + this.#skippedBytes;
  }

  push(bytes: Uint8Array): void {
    this.#rest = bytes;
  }

  next(): Uint8Array | undefined {
    for (;;) {
      const end = this.#rest.indexOf(newline);
      const piece = end === -1 ? this.#rest : this.#rest.subarray(0, end);
      this.#rest = end === -1 ? nothing : this.#rest.subarray(end + 1);
      if (this.#skippedBytes > 0) {
        this.#skippedBytes = end === -1 ? this.#skippedBytes + piece.length : 0;
        if (end === -1) return undefined;
        continue;
      }
      if (this.unfinishedBytes === 0 && (end !== -1 || piece.length > 0)) this.messageNumber++;
      if (this.#begun.length + piece.length > this.#bytesMax) {
        this.#skippedBytes = end === -1 ? this.#begun.length + piece.length : 0;
        this.#begun.clear();
        throw new MessageTooLargeError(this.#bytesMax, { messageNumber: this.messageNumber });
      }
      if (end !== -1) return this.#begun.length === 0 ? piece : this.#begun.takeWith(piece);
      this.#begun.add(piece);
      return undefined;
    }
  }
}

/** An unsigned number, the most significant byte first. */
const lengthBytes = 4;

class LengthSplitter implements MessageSplitter {
  messageNumber = 0;
  readonly #bytesMax: number;
  readonly #begun = new Gathered();
  #rest: Uint8Array = nothing;
  /** Of the message that is awaited; undefined while its length is. */
  #length: number | undefined;
  #takenBytes = 0;
  #skipBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get unfinishedBytes(): number {
    return this.#takenBytes;
  }

  push(bytes: Uint8Array): void {
    this.#rest = bytes;
  }

  next(): Uint8Array | undefined {
    for (;;) {
      if (this.#skipBytes > 0) {
        const count = Math.min(this.#skipBytes, this.#rest.length);
        this.#skipBytes -= count;
        this.#takenBytes = this.#skipBytes === 0 ? 0 : this.#takenBytes + count;
        this.#rest = this.#rest.subarray(count);
        if (this.#skipBytes > 0) return undefined;
      }
      if (this.#length === undefined && this.#takenBytes === 0 && this.#rest.length > 0) this.messageNumber++;
      const part = this.#take(this.#length ?? lengthBytes);
      if (part === undefined) return undefined;
      if (this.#length !== undefined) {
        this.#length = undefined;
        this.#takenBytes = 0;
        return part;
      }
      this.#expect(Buffer.from(part.buffer, part.byteOffset, lengthBytes).readUInt32BE());
    }
  }

  #expect(length: number): void {
    if (length <= this.#bytesMax) {
      this.#length = length;
      return;
    }
    this.#skipBytes = length;
    throw new MessageTooLargeError(this.#bytesMax, { messageNumber: this.messageNumber });
  }

  /** The next `length` bytes, or undefined and what there is of them is kept. */
  #take(length: number): Uint8Array | undefined {
    const piece = this.#rest.subarray(0, length - this.#begun.length);
    this.#rest = this.#rest.subarray(piece.length);
    this.#takenBytes += piece.length;
    if (this.#begun.length + piece.length === length) {
      return this.#begun.length === 0 ? piece : this.#begun.takeWith(piece);
    }
    this.#begun.add(piece);
    return undefined;
  }
}

/** The beginning of a message, in memory of at most about twice its size, however small the pieces were. */
class Gathered {
  length = 0;
  #memory: Uint8Array = nothing;

  add(piece: Uint8Array): void {
    const length = this.length + piece.length;
    if (length > this.#memory.length) {
      const memory = new Uint8Array(Math.max(length, 2 * this.#memory.length));
      memory.set(this.#memory.subarray(0, this.length));
      this.#memory = memory;
    }
    this.#memory.set(piece, this.length);
    this.length = length;
  }

  /** All that was gathered, and `piece` behind it; forgets it. */
  takeWith(piece: Uint8Array): Uint8Array {
    this.add(piece);
    const whole = this.#memory.subarray(0, this.length);
    this.clear();
    return whole;
  }

  clear(): void {
    this.#memory = nothing;
    this.length = 0;
  }
}
