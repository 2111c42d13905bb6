const plus = 0x2b;
const minus = 0x2d;
const colon = 0x3a;
const dollar = 0x24;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * Counts RESP replies in a stream that is split anywhere, by looking at their bytes once and keeping none. It knows the
 * four types that `SET`, `GET` and `WAIT` answer with; anything else throws, for then the count would be wrong.
 */
export class ReplyScanner {
  /** Whole replies seen. */
  replyCount = 0;
  /** Error replies among them. */
  errorCount = 0;
  /** Null bulk strings among them. */
  nullCount = 0;
  /** The last integer reply. */
  lastInteger = 0;
  /** The text of the first error reply. */
  firstError: string | undefined;

  /** The type byte of the line under way; 0 between replies. */
  #type = 0;
  #number = 0;
  #isNegative = false;
  #errorText = "";
  /** Bytes of a bulk string's body and its line end still to come. */
  #bodyBytes = 0;

  /** Takes the first `length` bytes of `chunk`. */
  scan(chunk: Uint8Array, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#bodyBytes > 0) {
        const step = Math.min(this.#bodyBytes, length - at);
        at += step;
        this.#bodyBytes -= step;
        if (this.#bodyBytes === 0) this.replyCount++;
      } else if (this.#type === 0) {
        this.#begin(chunk[at++]!);
      } else {
        at = this.#line(chunk, at, length);
      }
    }
  }

  #begin(type: number): void {
    if (type !== plus && type !== minus && type !== colon && type !== dollar) {
      throw new Error(`byte ${type} begins no reply of SET, GET or WAIT`);
    }
    this.#type = type;
    this.#number = 0;
    this.#isNegative = false;
  }

  #line(chunk: Uint8Array, from: number, length: number): number {
    let at = from;
    const type = this.#type;
    while (at < length) {
      const byte = chunk[at++]!;
      if (byte === lineFeed) {
        this.#endLine();
        return at;
      }
      if (type === minus) this.#errorText += String.fromCharCode(byte);
      else if (type !== plus) {
        if (byte === minus) this.#isNegative = true;
        else if (byte !== carriageReturn) this.#number = this.#number * 10 + (byte - 0x30);
      }
    }
    return at;
  }

  #endLine(): void {
    const type = this.#type;
    this.#type = 0;
    if (type === dollar && !this.#isNegative) {
      this.#bodyBytes = this.#number + 2;
      return;
    }
    this.replyCount++;
    if (type === dollar) this.nullCount++;
    else if (type === colon) this.lastInteger = this.#isNegative ? -this.#number : this.#number;
    else if (type === minus) {
      this.errorCount++;
      this.firstError ??= this.#errorText.trimEnd();
      this.#errorText = "";
    }
  }
}
