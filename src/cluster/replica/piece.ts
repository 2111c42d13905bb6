/**
 * Large entries go through the log in pieces, between other entries, so that nothing small waits behind them for longer
 * than one piece takes (DESIGN §4). A piece is an entry of its own format (`keyspace/entry.ts` has format 1):
 *
 * ```
 *  0  u8   format, 2
 *  1  u8   1: the last piece; else 0
 *  2  u48  position of these bytes in the whole entry
 *  8  u64  total size of the whole entry
 * 16  the bytes
 * ```
 *
 * The pieces of one entry follow each other in order of position, save that the first one, which holds the entry's time
 * and random seed, comes last: these belong to the moment at which the entry takes effect, which is the index of its
 * last piece. At most one entry is under way at a time, and only in its leader's term: an entry of a later term drops
 * what was left unfinished. So every replica puts the same together from the log alone.
 */
import { assert } from "../../platform/index.ts";
import type { Term } from "../../raft/index.ts";

export const pieceFormat = 2;
export const pieceHeaderBytes = 16;

/** Cuts `entry` into pieces of at most `pieceBytes`: `peek`, then `advance`. */
export class PieceCutter {
  constructor(entryBytes: number, pieceBytes: number) {
    assert(entryBytes > pieceBytes, "an entry that fits is not cut");
    this.#entryBytes = entryBytes;
    this.#pieceBytes = pieceBytes;
    this.#at = pieceBytes;
  }

  /** Whether a piece of it is in the log. */
  get isBegun(): boolean {
    return this.#at > this.#pieceBytes;
  }

  /** Whether only the last piece, which is the entry's beginning, is left. */
  get isLastNext(): boolean {
    return this.#at >= this.#entryBytes;
  }

  /** The next piece, in memory of its own. For the last one `entry` must have its final header. */
  peek(entry: Uint8Array): Uint8Array {
    return this.isLastNext ? pieceOf(entry, 0, this.#pieceBytes, true) : pieceOf(entry, this.#at, this.#end, false);
  }

  /** The piece that `peek` gave is on its way. */
  advance(): void {
    this.#at = this.#end;
  }

  readonly #entryBytes: number;
  readonly #pieceBytes: number;
  #at: number;

  get #end(): number {
    return Math.min(this.#entryBytes, this.#at + this.#pieceBytes);
  }
}

function pieceOf(entry: Uint8Array, from: number, to: number, isLast: boolean): Uint8Array {
  const piece = Buffer.allocUnsafeSlow(pieceHeaderBytes + to - from);
  piece[0] = pieceFormat;
  piece[1] = isLast ? 1 : 0;
  piece.writeUIntLE(from, 2, 6);
  piece.writeUIntLE(entry.length, 8, 6);
  piece.writeUInt16LE(0, 14);
  piece.set(entry.subarray(from, to), pieceHeaderBytes);
  return piece;
}

/** Puts pieces together as they are applied. Part of the replicated state. */
export class PieceAssembler {
  /** Bytes held for an unfinished entry. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Every applied entry's term passes here first. */
  observeTerm(term: Term): void {
    if (term !== this.#term) this.drop();
    this.#term = term;
  }

  /** Forgets what is unfinished. */
  drop(): void {
    this.#pieces = [];
    this.#heldBytes = 0;
  }

  /**
   * Takes a piece of the current term. Returns the whole entry with its last piece, before that undefined; "damaged" if
   * the pieces do not fit each other, which no leader ever writes.
   */
  add(data: Uint8Array): Uint8Array | undefined | "damaged" {
    const piece = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (piece.length <= pieceHeaderBytes) return "damaged";
    const isLast = piece[1] === 1;
    const from = piece.readUIntLE(2, 6);
    const entryBytes = piece.readUIntLE(8, 6);
    const bytes = piece.subarray(pieceHeaderBytes);
    if (this.#pieces.length === 0) {
      this.#entryBytes = entryBytes;
      this.#firstBytes = from;
      this.#heldBytes = from;
    }
    if (entryBytes !== this.#entryBytes || (isLast ? from !== 0 : from !== this.#heldBytes)) return "damaged";
    if (!isLast) {
      this.#pieces.push(bytes);
      this.#heldBytes += bytes.length;
      return this.#heldBytes <= entryBytes ? undefined : "damaged";
    }
    if (this.#heldBytes !== entryBytes || bytes.length !== this.#firstBytes) return "damaged";
    const entry = Buffer.concat([bytes, ...this.#pieces], entryBytes);
    this.drop();
    return entry;
  }

  #term: Term = 0;
  #pieces: Buffer[] = [];
  #entryBytes = 0;
  /** Size of the piece that comes last. */
  #firstBytes = 0;
  /** Where the next piece begins. */
  #heldBytes = 0;
}
