/**
 * The digest of a keyspace: SHA-256, cut to 128 bits, of everything that is replicated, in the logical order. Two
 * replicas at one index have the same digest or are different. A digest may cover a part: so many keys from a position
 * on, which lets a large keyspace be compared in pieces that take no time.
 */
import { createHash } from "node:crypto";
import type { Deadline } from "./deadline-index.ts";
import { type KeyPosition, keyPositionEnd } from "./key-hash.ts";
import type { Keyspace } from "./keyspace.ts";
import type { KeyspaceHeader } from "./keyspace-contents.ts";
import { formOf, plainForm, type Value, type ValueForm } from "./value.ts";

const bufferBytes = 65_536;
/** Longer texts are digested in parts of this size. */
export const digestPartBytes = 16_384;

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

/** The digest of the header and of the keys in `range`, with the sessions if it reaches the end: by default, of all. */
export function digestOf(keyspace: Keyspace, range?: DigestRange): Digest {
  const { from, keyCountMax } = range ?? { from: 0, keyCountMax: Number.POSITIVE_INFINITY };
  const digest = new StateDigest(keyspace.header());
  const walk = keyspace.walk(Math.min(from, keyPositionEnd));
  let count = 0;
  let previous = -1;
  for (; !walk.isOver; walk.next()) {
    if (count >= keyCountMax && walk.position !== previous) break;
    previous = walk.position;
    count++;
    const { key, value, deadline, revision } = keyspace.record(walk);
    digest.addKey(key, revision, deadline);
    digest.beginValue(formOf(value), value.length);
    for (let at = 0; at < value.length; at += digestPartBytes) digest.addValuePart(partOfValue(value, at));
  }
  // The sessions stand behind the last key.
  if (walk.isOver) for (const session of keyspace.sessions) digest.addSession(session.toText());
  return { digest: digest.finish(), next: walk.isOver ? 0 : walk.position };
}

/** The bytes of a value from `start` on, {@link digestPartBytes} of them or what there is. */
export function partOfValue(value: Value, start: number): string {
  const end = start + digestPartBytes;
  if (typeof value !== "string") return value.text(start, end);
  return start === 0 && value.length <= end ? value : value.slice(start, end);
}

/**
 * A digest that is made as keys come by: for each, in the logical order, `addKey`, `beginValue`, and `addValuePart` for
 * its parts; and then `addSession` for each session.
 */
export class StateDigest {
  readonly #hash: FieldHash = new FieldHash();
  #keyCount = 0;
  #sessionCount = 0;
  #form: ValueForm = plainForm;

  constructor({ clockMs, semanticsLevel }: KeyspaceHeader) {
    this.#hash.number(clockMs);
    this.#hash.number(semanticsLevel);
  }

  addKey(key: string, revision: number, deadline: Deadline | undefined): void {
    this.#keyCount++;
    this.#hash.text(key);
    this.#hash.number(revision);
    this.#hash.text(deadline === undefined ? "" : deadline.toString());
  }

  /** Says what form of value comes next, and how many bytes it has. */
  beginValue(form: ValueForm, byteLength: number): void {
    this.#form = form;
    this.#hash.number(form);
    if (form === plainForm) this.#hash.length(byteLength);
    else this.#hash.number(byteLength);
  }

  /** All parts but the last one have {@link digestPartBytes}. */
  addValuePart(part: string): void {
    if (this.#form !== plainForm) this.#hash.length(part.length);
    this.#hash.bytes(part);
  }

  /** All of a session, as `Session.toText` has it. */
  addSession(text: string): void {
    this.#sessionCount++;
    this.#hash.text(text);
  }

  /** The digest, as 32 hexadecimal digits. */
  finish(): string {
    this.#hash.number(this.#keyCount);
    if (this.#sessionCount > 0) this.#hash.number(this.#sessionCount);
    return this.#hash.finish();
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
    this.length(text.length);
    for (let at = 0; at < text.length; at += digestPartBytes) {
      this.bytes(text.length <= digestPartBytes ? text : text.slice(at, at + digestPartBytes));
    }
  }

  length(byteLength: number): void {
    this.#reserve(4);
    this.#end = this.#bytes.writeUInt32LE(byteLength, this.#end);
  }

  /** At most {@link digestPartBytes}. */
  bytes(part: string): void {
    this.#reserve(part.length);
    this.#end += this.#bytes.latin1Write(part, this.#end);
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
