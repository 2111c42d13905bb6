/** A string that was written in parts: what Redis calls "raw" whatever its size, and what can be changed in place. */
import { assert } from "../platform/index.ts";
import { BytesReply } from "../resp/index.ts";

/** The longest string that any command may make: Redis' 512 MiB, less the room that a reply needs around it in a JavaScript string. */
export const stringBytesMax: number = 512 * 1024 * 1024 - 1024;

/** Up to this length a flat JavaScript string is smaller than a Buffer, and as quick to rebuild. */
const textBytesMax = 256;
/** Replies above this share the bytes of their string. */
const copiedBytesMax = 16 * 1024;
const scratch: Buffer = Buffer.alloc(textBytesMax);

/**
 * A mutable byte string. Appending and overwriting cost what they write, not what there is already. The keyspace owns
 * it; whoever wants to keep its content takes `text()`.
 */
export class RawString {
  /** What `OBJECT ENCODING` says: "embstr" only for what `INCRBYFLOAT` leaves, which Redis never makes an integer of. */
  encoding: "raw" | "embstr";
  #content: string | Buffer;
  #length: number;
  /** The bytes of a buffer below this are also those of a copy or a reply, and never change any more. */
  #sharedLength = 0;

  /** `text` must be flat, as `Arguments.text` makes it. */
  constructor(text: string, encoding: "raw" | "embstr" = "raw") {
    this.#content = text;
    this.#length = text.length;
    this.encoding = encoding;
  }

  get length(): number {
    return this.#length;
  }

  /** Everything, or from `start` up to, not including, `end`; flat. */
  text(start = 0, end: number = this.#length): string {
    const content = this.#content;
    if (typeof content !== "string") {
      return start >= this.#length ? "" : content.latin1Slice(start, Math.min(end, this.#length));
    }
    return start === 0 && end >= this.#length ? content : flat(content.slice(start, end));
  }

  /** The same as a reply. A long one costs nothing before bytes that it has are overwritten here. */
  reply(start = 0, end: number = this.#length): string | BytesReply {
    const content = this.#content;
    const last = Math.min(end, this.#length);
    if (last - start <= copiedBytesMax) return this.text(start, last);
    if (typeof content === "string") return content.slice(start, last);
    this.#sharedLength = Math.max(this.#sharedLength, last);
    return new BytesReply(content.subarray(start, last));
  }

  append(text: string): void {
    this.overwrite(this.#length, text);
  }

  /** Puts `text` at `offset`, after zeros if that is behind the end. The result must be within {@link stringBytesMax}. */
  overwrite(offset: number, text: string): void {
    const length = Math.max(this.#length, offset + text.length);
    assert(length <= stringBytesMax, "a string above stringBytesMax");
    this.encoding = "raw";
    const before = this.#content;
    if (length <= textBytesMax && typeof before === "string") {
      scratch.fill(0, this.#length, length);
      scratch.latin1Write(before, 0);
      scratch.latin1Write(text, offset);
      this.#content = scratch.latin1Slice(0, length);
    } else {
      const content = this.#reserve(length, offset);
      content.latin1Write(text, offset);
      this.#content = content;
    }
    this.#length = length;
  }

  /**
   * A copy that goes its own way. It costs nothing before bytes that both have are overwritten, or something is written to
   * the copy; appending to this string overwrites none.
   */
  clone(): RawString {
    const copy = new RawString("", this.encoding);
    copy.#length = this.#length;
    copy.#content = this.#content;
    copy.#sharedLength = Number.POSITIVE_INFINITY;
    this.#sharedLength = Math.max(this.#sharedLength, this.#length);
    return copy;
  }

  /** A buffer with room for `length` bytes, filled up to now and zero behind, that may be changed from `offset` on. */
  #reserve(length: number, offset: number): Buffer {
    const before = this.#content;
    if (typeof before !== "string" && before.length >= length && offset >= this.#sharedLength) return before;
    this.#sharedLength = 0;
    const spare = Math.min(length, 1024 * 1024);
    const grown = Buffer.alloc(Math.min(length + spare, stringBytesMax));
    if (typeof before === "string") grown.latin1Write(before, 0);
    else before.copy(grown, 0, 0, this.#length);
    return grown;
  }
}

/** A copy of `text` that pins no longer string that it was cut from. */
function flat(text: string): string {
  if (text.length <= textBytesMax) {
    scratch.latin1Write(text, 0);
    return scratch.latin1Slice(0, text.length);
  }
  return Buffer.from(text, "latin1").latin1Slice();
}
