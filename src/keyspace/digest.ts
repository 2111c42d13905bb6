/**
 * The digest of a keyspace: SHA-256, cut to 128 bits, of everything that is replicated, in the logical order. Two
 * replicas at one index have the same digest or are different. A digest may cover a part: so many keys from a position
 * on, which lets a large keyspace be compared in pieces that take no time.
 */
import { createHash } from "node:crypto";
import { type KeyPosition, keyPositionEnd } from "./key-hash.ts";
import type { KeyRecord, Keyspace } from "./keyspace.ts";
import type { Value } from "./value.ts";

const bufferBytes = 65_536;
/** Longer texts are digested in parts of this size. */
const partBytesMax = 16_384;

export interface DigestRange {
  readonly from: KeyPosition;
  /** Keys of one position stay together, so there may be a few more. */
  readonly keyCountMax: number;
}

export interface Digest {
  /** 32 hexadecimal digits. */
  readonly digest: string;
  /** Where the next part begins; 0 if this one reached the end. */
  readonly next: KeyPosition;
}

/** The digest of the header and of the keys in `range`: by default, of all. */
export function digestOf(keyspace: Keyspace, range?: DigestRange): Digest {
  const { from, keyCountMax } = range ?? { from: 0, keyCountMax: Number.POSITIVE_INFINITY };
  const hash = new FieldHash();
  const header = keyspace.header();
  hash.number(header.clockMs);
  hash.number(header.semanticsLevel);
  const walk = keyspace.walk(Math.min(from, keyPositionEnd));
  let count = 0;
  let previous = -1;
  for (; !walk.isOver; walk.next()) {
    if (count >= keyCountMax && walk.position !== previous) break;
    previous = walk.position;
    count++;
    addRecord(hash, keyspace.record(walk));
  }
  hash.number(count);
  return { digest: hash.finish(), next: walk.isOver ? 0 : walk.position };
}

function addRecord(hash: FieldHash, record: KeyRecord): void {
  hash.text(record.key);
  hash.number(record.revision);
  hash.text(record.deadline === undefined ? "" : record.deadline.toString());
  addValue(hash, record.value);
}

function addValue(hash: FieldHash, value: Value): void {
  if (typeof value === "string") {
    hash.number(0);
    hash.text(value);
  } else {
    hash.number(value.encoding === "raw" ? 1 : 2);
    hash.number(value.length);
    for (let at = 0; at < value.length; at += partBytesMax) hash.text(value.text(at, at + partBytesMax));
  }
}

/** A hash over fields that cannot run into one another: numbers have a width, texts say their length first. */
class FieldHash {
  readonly #hash = createHash("sha256");
  readonly #bytes: Buffer = Buffer.allocUnsafe(bufferBytes);
  #end = 0;

  number(value: number): void {
    this.#reserve(8);
    this.#end = this.#bytes.writeDoubleLE(value, this.#end);
  }

  text(text: string): void {
    this.#reserve(4);
    this.#end = this.#bytes.writeUInt32LE(text.length, this.#end);
    for (let at = 0; at < text.length; at += partBytesMax) {
      const part = text.length <= partBytesMax ? text : text.slice(at, at + partBytesMax);
      this.#reserve(part.length);
      this.#end += this.#bytes.latin1Write(part, this.#end);
    }
  }

  finish(): string {
    this.#flush();
    return this.#hash.digest("hex").slice(0, 32);
  }

  #reserve(byteCount: number): void {
    if (this.#end + byteCount > bufferBytes) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
  }
}
