/**
 * What is too large for the data connection goes over the bulk connection in pieces, a few transfers at a time and in
 * turn, so that nothing waits long behind anything:
 *
 * ```
 * bulkPiece   u53 transfer | u8 kind | u53 total | bytes      kind 1: a forwarded command, 2: its reply
 * ```
 *
 * The content begins with the header of the message that it stands for (`forward-wire.ts`). A reply is kept as the
 * string that it is, made of parts that are shared with the keyspace, until its turn comes.
 */
import type { ByteReader, PeerLink } from "../../net/index.ts";
import { messageType } from "../peers/message-type.ts";

export const commandTransfer = 1;
export const replyTransfer = 2;

/** Bytes in one message. */
const pieceBytes = 128 * 1024;
/** Transfers that take turns; the others wait. */
const activeMax = 4;
/** No more is handed to a connection while so much of it waits there. */
const queuedBytesMax = 512 * 1024;

interface Outgoing {
  readonly id: number;
  readonly kind: number;
  readonly header: Buffer;
  readonly body: string | Buffer;
  at: number;
}

/** The transfers to one peer. They wait as long as there is no connection, and are dropped together when it is lost. */
export class BulkSender {
  /** `link`: the bulk connection there is now. */
  constructor(link: () => PeerLink | undefined) {
    this.#link = link;
  }

  add(kind: number, header: Buffer, body: string | Buffer): void {
    this.#waiting.push({ id: ++this.#lastId, kind, header, body, at: 0 });
  }

  /** Hands on what the connection takes now. */
  pump(): void {
    const link = this.#link();
    while (link?.isUp === true && link.queuedBytes < queuedBytesMax) {
      while (this.#active.length < activeMax && this.#waiting.length > 0)
        this.#active.push(this.#waiting.shift() as Outgoing);
      const transfer = this.#active.shift();
      if (transfer === undefined) return;
      if (!sendPiece(link, transfer)) this.#active.push(transfer);
    }
  }

  readonly #link: () => PeerLink | undefined;
  readonly #waiting: Outgoing[] = [];
  readonly #active: Outgoing[] = [];
  #lastId = 0;
}

/** True if it was the last one. */
function sendPiece(link: PeerLink, transfer: Outgoing): boolean {
  const { id, kind, header, body, at } = transfer;
  const end = Math.min(body.length, at + pieceBytes);
  const out = link.begin(messageType.bulkPiece, 17 + header.length + end - at);
  out.integer(id);
  out.u8(kind);
  out.integer(header.length + body.length);
  if (at === 0) out.raw(header);
  if (typeof body === "string") out.rawText(body.slice(at, end));
  else out.raw(body.subarray(at, end));
  link.end();
  transfer.at = end;
  return end === body.length;
}

interface Incoming {
  readonly kind: number;
  readonly totalBytes: number;
  readonly pieces: Buffer[];
  heldBytes: number;
}

/** Puts together what comes over one bulk connection. */
export class BulkReceiver {
  /** `heldBytesMax`: a peer that sends more than that unfinished breaks the protocol. */
  constructor(heldBytesMax: number) {
    this.#heldBytesMax = heldBytesMax;
  }

  /** Returns what has become whole; undefined if nothing has; "bad" if the message makes no sense. */
  receive(input: ByteReader): { readonly kind: number; readonly content: Buffer } | undefined | "bad" {
    const id = input.integer();
    const kind = input.u8();
    const totalBytes = input.integer();
    const bytes = input.raw(input.remainingBytes);
    if (input.isBad || bytes.length === 0) return "bad";
    const transfer = this.#transfers.get(id) ?? { kind, totalBytes, pieces: [], heldBytes: 0 };
    transfer.pieces.push(bytes);
    transfer.heldBytes += bytes.length;
    this.#heldBytes += bytes.length;
    if (transfer.kind !== kind || transfer.totalBytes !== totalBytes) return "bad";
    if (transfer.heldBytes > totalBytes || this.#heldBytes > this.#heldBytesMax) return "bad";
    this.#transfers.set(id, transfer);
    if (transfer.heldBytes < totalBytes) return undefined;
    this.#transfers.delete(id);
    this.#heldBytes -= totalBytes;
    return { kind, content: Buffer.concat(transfer.pieces, totalBytes) };
  }

  readonly #heldBytesMax: number;
  readonly #transfers: Map<number, Incoming> = new Map();
  #heldBytes = 0;
}
