import { encodeReply, headerOf, isAggregate, itemsOf, type RespVersion } from "./encode.ts";
import { BytesReply, RawReply, type Reply } from "./reply.ts";

/** The items of one array (map, set, …) that are still to come. */
interface Level {
  readonly items: readonly Reply[];
  at: number;
}

/**
 * The text of one reply in pieces, for replies that are too long to be made in one: what is not taken yet costs no
 * memory beyond the reply itself, and long strings are cut without being copied. Joined, the pieces are what
 * `encodeReply` gives, and there is no limit to their sum.
 */
export class ReplyPieces {
  readonly #protocol: RespVersion;
  readonly #pieceBytes: number;
  /** From the outermost to the innermost. */
  readonly #levels: Level[] = [];
  /** Text that is next, before whatever the levels hold; the first from `#at`. */
  #texts: readonly (string | Buffer)[] = [];
  #at = 0;

  /** Pieces have `pieceBytes` bytes, save the last. */
  constructor(reply: Reply, protocol: RespVersion, pieceBytes: number) {
    this.#protocol = protocol;
    this.#pieceBytes = pieceBytes;
    this.#open(reply);
  }

  /** The next piece; undefined behind the last. */
  next(): string | undefined {
    let piece = "";
    while (piece.length < this.#pieceBytes) {
      const [text] = this.#texts;
      if (text !== undefined) {
        const end = Math.min(text.length, this.#at + this.#pieceBytes - piece.length);
        piece += typeof text === "string" ? text.slice(this.#at, end) : text.latin1Slice(this.#at, end);
        this.#at = end;
        if (end === text.length) {
          this.#texts = this.#texts.slice(1);
          this.#at = 0;
        }
        continue;
      }
      const level = this.#levels.at(-1);
      if (level === undefined) break;
      const item = level.items[level.at++];
      if (item === undefined) this.#levels.pop();
      else this.#open(item);
    }
    return piece === "" ? undefined : piece;
  }

  #open(reply: Reply): void {
    if (isAggregate(reply)) {
      this.#texts = [headerOf(reply, this.#protocol)];
      this.#levels.push({ items: itemsOf(reply), at: 0 });
    } else if (typeof reply === "string" && reply.length > this.#pieceBytes) {
      // In one string with its header it would be copied.
      this.#texts = [`$${reply.length}\r\n`, reply, "\r\n"];
    } else if (reply instanceof BytesReply) {
      this.#texts = [`$${reply.bytes.length}\r\n`, reply.bytes, "\r\n"];
    } else {
      this.#texts = [encodeReply(reply, this.#protocol)];
    }
  }
}

/**
 * About how many bytes of content `reply` has; not less than it has, save for the lines in between. Stops to count once
 * it is above `enough`.
 */
export function replyBytes(reply: Reply, enough: number = Number.POSITIVE_INFINITY): number {
  if (typeof reply === "string") return reply.length;
  if (reply instanceof RawReply) return reply.text.length;
  if (reply instanceof BytesReply) return reply.bytes.length;
  if (!isAggregate(reply))
    return typeof reply === "object" && reply !== null && "text" in reply ? reply.text.length : 8;
  let bytes = 8;
  for (const item of itemsOf(reply)) {
    bytes += 8 + replyBytes(item, enough - bytes);
    if (bytes > enough) break;
  }
  return bytes;
}
