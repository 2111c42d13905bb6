/**
 * Makes a keyspace from the bytes of a snapshot, fed in chunks cut anywhere. Nothing that the bytes claim is believed: no
 * memory is taken for a length before its bytes have come, keys and sessions must be in order, and the keys' number, their
 * weight and the digest of the state are worked out again and compared. Until `finish` has returned, nothing exists.
 */
import { assert } from "../platform/index.ts";
import { hashSlot } from "../ring/index.ts";
import { digestPartBytes, StateDigest } from "./digest.ts";
import { keyHash, keyHashCount } from "./key-hash.ts";
import { Keyspace } from "./keyspace.ts";
import { ContentsBuilder } from "./keyspace-contents.ts";
import type { KeyspaceOptions } from "./keyspace-options.ts";
import { stringBytesMax } from "./raw-string.ts";
import { checkSemanticsLevel, semanticsLevelMax } from "./semantics.ts";
import { Session } from "./session.ts";
import {
  type EndItem,
  endItemBytes,
  endKind,
  KeyItemReader,
  keyItemHeadBytesMax,
  readEnd,
  readHeader,
  readSessionHead,
  SnapshotDigestError,
  SnapshotFormatError,
  sessionItemHeadBytes,
  sessionKind,
  snapshotHeaderBytes,
} from "./snapshot-format.ts";
import { valueOfForm } from "./value.ts";

/** Far more than the replies that a session keeps. */
const sessionTextBytesMax = 16 * 1_048_576;
/** Memory for larger texts that came in several chunks is not kept for the next one. */
const gatheredBytesKept = 65_536;

const nothing: Buffer = Buffer.alloc(0);

/** What must come next. */
type Part = "header" | "item" | "key" | "value" | "sessionHead" | "session" | "end" | "nothing";

export class KeyspaceLoader {
  readonly #options: KeyspaceOptions;
  #part: Part = "header";
  #hasFailed = false;
  #contents: ContentsBuilder | undefined;
  #digest: StateDigest | undefined;
  #finishedEnd: EndItem | undefined;
  readonly #head: KeyItemReader = new KeyItemReader();
  #slot = 0;
  #hash = 0;
  #key = "";
  #lastPosition = -1;
  #sessionBytes = 0;
  #lastUsedMs = 0;

  #chunk: Buffer = nothing;
  #at = 0;
  /** Where the bytes are that were asked for last. */
  #source: Buffer = nothing;
  #start = 0;
  /** The beginning of something that the chunks before did not hold whole. */
  #gathered: Buffer = nothing;
  #gatheredBytes = 0;

  /** The options are those of the keyspace. */
  constructor(options: KeyspaceOptions = {}) {
    this.#options = options;
  }

  /** Keys that were read so far. */
  get keyCount(): number {
    return this.#contents?.keyCount ?? 0;
  }

  /** The digest of the state; undefined until the end has been read. */
  get digest(): string | undefined {
    return this.#finishedEnd?.digest;
  }

  /**
   * Reads on. `chunk` may be reused at once. After an error the loader is of no more use.
   *
   * @throws SnapshotFormatError (SNAPSHOT_FORMAT), SnapshotUnknownError (SNAPSHOT_UNKNOWN),
   *   SnapshotDigestError (SNAPSHOT_DIGEST), SemanticsLevelError (SEMANTICS_LEVEL_UNKNOWN)
   */
  feed(chunk: Uint8Array): void {
    this.#chunk = chunk instanceof Buffer ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#at = 0;
    assert(!this.#hasFailed, "a loader that failed before is fed");
    this.#hasFailed = true;
    while (this.#readPart());
    this.#hasFailed = false;
    this.#chunk = this.#source = nothing;
  }

  /**
   * The keyspace, once all bytes have been fed.
   *
   * @throws SnapshotFormatError (SNAPSHOT_FORMAT)
   */
  finish(): Keyspace {
    assert(!this.#hasFailed, "a loader that failed before is to finish");
    if (this.#part !== "nothing") {
      throw new SnapshotFormatError(`a snapshot is cut short after ${this.keyCount} keys`);
    }
    const contents = this.#contents;
    assert(contents !== undefined, "a loader's keyspace is taken twice");
    this.#contents = undefined;
    return new Keyspace(this.#options, contents.finish());
  }

  /** False if there is nothing more to be read in the chunk. */
  #readPart(): boolean {
    switch (this.#part) {
      case "header":
        return this.#readHeader();
      case "item":
        return this.#readItem();
      case "key":
        return this.#readKey();
      case "value":
        return this.#readValue();
      case "sessionHead":
        return this.#readSessionHead();
      case "session":
        return this.#readSession();
      case "end":
        return this.#readEnd();
      case "nothing":
        if (this.#at < this.#chunk.length) throw new SnapshotFormatError("bytes follow the end of a snapshot");
        return false;
    }
  }

  #readHeader(): boolean {
    if (!this.#has(snapshotHeaderBytes)) return false;
    const header = readHeader(this.#source.subarray(this.#start, this.#start + snapshotHeaderBytes));
    checkSemanticsLevel(header.semanticsLevel, this.#options.semanticsLevelMax ?? semanticsLevelMax);
    this.#contents = new ContentsBuilder(header);
    this.#digest = new StateDigest(header);
    this.#part = "item";
    return true;
  }

  /** The beginning of a session or of the end, or the head of a key, which is as long as it says itself. */
  #readItem(): boolean {
    const chunk = this.#chunk;
    if (this.#gatheredBytes === 0) {
      if (this.#at === chunk.length) return false;
      if (chunk[this.#at] === endKind) {
        this.#part = "end";
        return true;
      }
      if (chunk[this.#at] === sessionKind) {
        this.#part = "sessionHead";
        return true;
      }
      const end = this.#head.read(chunk, this.#at, chunk.length);
      if (end === undefined) {
        this.#gather(chunk.length - this.#at);
        return false;
      }
      this.#at = end;
    } else {
      this.#gather(Math.min(chunk.length - this.#at, keyItemHeadBytesMax - this.#gatheredBytes));
      const end = this.#head.read(this.#gathered, 0, this.#gatheredBytes);
      if (end === undefined) return false;
      // What is not the head's has come with this chunk, and is read again from there.
      this.#at -= this.#gatheredBytes - end;
      this.#gatheredBytes = 0;
    }
    this.#checkHead();
    this.#part = "key";
    return true;
  }

  #checkHead(): void {
    const { keyBytes, valueBytes, revision } = this.#head;
    if (keyBytes > stringBytesMax || valueBytes > stringBytesMax) {
      throw new SnapshotFormatError(`a key of ${keyBytes} bytes with a value of ${valueBytes} in a snapshot`);
    }
    const { header, sessions } = this.#begun;
    if (sessions.count > 0) throw new SnapshotFormatError("a key behind a session in a snapshot");
    const { appliedIndex } = header;
    if (revision < 1 || revision > appliedIndex) {
      throw new SnapshotFormatError(`a key of revision ${revision} in a snapshot of index ${appliedIndex}`);
    }
  }

  #readKey(): boolean {
    const { keyBytes } = this.#head;
    if (!this.#has(keyBytes)) return false;
    const source = this.#source;
    const start = this.#start;
    const key = source.latin1Slice(start, start + keyBytes);
    this.#slot = hashSlot(source, start, start + keyBytes);
    this.#hash = keyHash(source, start, start + keyBytes);
    const position = this.#slot * keyHashCount + this.#hash;
    if (position < this.#lastPosition || (position === this.#lastPosition && key <= this.#key)) {
      throw new SnapshotFormatError("the keys of a snapshot are not in order");
    }
    this.#lastPosition = position;
    this.#key = key;
    this.#part = "value";
    return true;
  }

  #readValue(): boolean {
    const { form, valueBytes, revision, deadline } = this.#head;
    if (!this.#has(valueBytes)) return false;
    const text = this.#source.latin1Slice(this.#start, this.#start + valueBytes);
    const digest = this.#digest as StateDigest;
    digest.addKey(this.#key, revision, deadline);
    digest.beginValue(form, valueBytes);
    if (valueBytes <= digestPartBytes) {
      if (valueBytes > 0) digest.addValuePart(text);
    } else {
      for (let at = 0; at < valueBytes; at += digestPartBytes)
        digest.addValuePart(text.slice(at, at + digestPartBytes));
    }
    const value = valueOfForm(form, text);
    this.#begun.add({ slot: this.#slot, hash: this.#hash, key: this.#key, value, deadline, revision });
    this.#part = "item";
    return true;
  }

  #readSessionHead(): boolean {
    if (!this.#has(sessionItemHeadBytes)) return false;
    this.#sessionBytes = readSessionHead(this.#source, this.#start);
    if (this.#sessionBytes > sessionTextBytesMax) {
      throw new SnapshotFormatError(`a session of ${this.#sessionBytes} bytes in a snapshot`);
    }
    this.#part = "session";
    return true;
  }

  #readSession(): boolean {
    if (!this.#has(this.#sessionBytes)) return false;
    const text = this.#source.latin1Slice(this.#start, this.#start + this.#sessionBytes);
    const session = Session.fromText(text);
    const { header, sessions } = this.#begun;
    const { id, usedMs } = session;
    if (sessions.has(id) || usedMs < this.#lastUsedMs || usedMs > header.clockMs) {
      throw new SnapshotFormatError("the sessions of a snapshot are not in order");
    }
    this.#lastUsedMs = usedMs;
    // As the session has it, which must be as it was written.
    (this.#digest as StateDigest).addSession(session.toText());
    sessions.add(session);
    this.#part = "item";
    return true;
  }

  #readEnd(): boolean {
    if (!this.#has(endItemBytes)) return false;
    const end = readEnd(this.#source, this.#start);
    const { keyCount, logicalBytes } = this.#begun;
    if (end.keyCount !== keyCount || end.logicalBytes !== logicalBytes) {
      throw new SnapshotDigestError(
        `a snapshot of ${end.keyCount} keys of ${end.logicalBytes} bytes holds ${keyCount} of ${logicalBytes}`,
      );
    }
    const digest = (this.#digest as StateDigest).finish();
    if (end.digest !== digest) {
      throw new SnapshotDigestError(`a snapshot of the digest ${end.digest} holds a state of the digest ${digest}`);
    }
    this.#finishedEnd = end;
    this.#part = "nothing";
    return true;
  }

  get #begun(): ContentsBuilder {
    assert(this.#contents !== undefined, "a snapshot's item before its header, or after its end");
    return this.#contents;
  }

  /** Whether the next `byteCount` bytes have all come. They then are in `#source` from `#start` on, until more is fed. */
  #has(byteCount: number): boolean {
    const available = this.#chunk.length - this.#at;
    if (this.#gatheredBytes === 0 && available >= byteCount) {
      this.#source = this.#chunk;
      this.#start = this.#at;
      this.#at += byteCount;
      return true;
    }
    this.#gather(Math.min(available, byteCount - this.#gatheredBytes));
    if (this.#gatheredBytes < byteCount) return false;
    this.#source = this.#gathered;
    this.#start = 0;
    this.#gatheredBytes = 0;
    if (byteCount > gatheredBytesKept) this.#gathered = nothing;
    return true;
  }

  /** Moves bytes of the chunk behind those gathered. Memory grows with what has come, not with what was promised. */
  #gather(byteCount: number): void {
    const needed = this.#gatheredBytes + byteCount;
    if (needed > this.#gathered.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#gatheredBytes));
      this.#gathered.copy(grown, 0, 0, this.#gatheredBytes);
      this.#gathered = grown;
    }
    this.#chunk.copy(this.#gathered, this.#gatheredBytes, this.#at, this.#at + byteCount);
    this.#gatheredBytes = needed;
    this.#at += byteCount;
  }
}
