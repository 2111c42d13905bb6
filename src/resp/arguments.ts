/**
 * A command's words as views of one buffer: nothing is copied or decoded until somebody asks. The RESP parser, the
 * reader of log entries and the reader of forwarded commands all fill the same object, which is used again for the
 * next command: whoever wants to keep a word keeps `text(i)` or copies the bytes.
 *
 * A *byte string* is a JavaScript string with one character (0 to 255) for each byte.
 */
export class Arguments {
  /** Where the words lie. */
  bytes: Buffer;
  /** How many words there are, the command's name included. */
  count = 0;
  /** Word `i` is `bytes[starts[i]]` up to, not including, `bytes[ends[i]]`. */
  starts: Int32Array;
  ends: Int32Array;

  constructor(bytes: Buffer = Buffer.alloc(0), capacity = 16) {
    this.bytes = bytes;
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
  }

  /** The words of `words`, byte strings, in a buffer of their own. */
  static of(words: readonly string[]): Arguments {
    let size = 0;
    for (const word of words) size += word.length;
    const args = new Arguments(Buffer.allocUnsafe(size), words.length);
    let at = 0;
    for (const word of words) {
      args.bytes.latin1Write(word, at);
      args.push(at, at + word.length);
      at += word.length;
    }
    return args;
  }

  clear(bytes: Buffer): void {
    this.bytes = bytes;
    this.count = 0;
  }

  push(start: number, end: number): void {
    if (this.count === this.starts.length) this.#grow();
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
  }

  /** The same words in a buffer of their own. */
  copy(): Arguments {
    const from = this.count === 0 ? 0 : (this.starts[0] as number);
    const to = this.count === 0 ? 0 : (this.ends[this.count - 1] as number);
    const copy = new Arguments(Buffer.from(this.bytes.subarray(from, to)), Math.max(this.count, 1));
    for (let index = 0; index < this.count; index++)
      copy.push((this.starts[index] as number) - from, (this.ends[index] as number) - from);
    return copy;
  }

  /** Gives the words to `other` and takes its words; the bytes that they lie in stay where they are. */
  exchangeWords(other: Arguments): void {
    const { count, starts, ends } = this;
    this.count = other.count;
    this.starts = other.starts;
    this.ends = other.ends;
    other.count = count;
    other.starts = starts;
    other.ends = ends;
  }

  /** Word `index` as a byte string that shares no memory with the buffer. */
  text(index: number): string {
    return this.bytes.latin1Slice(this.starts[index], this.ends[index]);
  }

  byteLength(index: number): number {
    return (this.ends[index] as number) - (this.starts[index] as number);
  }

  /** The bytes of all words together. */
  get byteLengthOfAll(): number {
    let length = 0;
    for (let index = 0; index < this.count; index++) length += this.byteLength(index);
    return length;
  }

  /** Every word from `from` on, as byte strings. */
  texts(from = 0): string[] {
    const words: string[] = [];
    for (let index = from; index < this.count; index++) words.push(this.text(index));
    return words;
  }

  #grow(): void {
    const starts = new Int32Array(this.starts.length * 2);
    starts.set(this.starts);
    this.starts = starts;
    const ends = new Int32Array(this.ends.length * 2);
    ends.set(this.ends);
    this.ends = ends;
  }
}
