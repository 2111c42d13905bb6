import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/**
 * What stands around each message, so that a member takes only datagrams of its own cluster:
 *
 * ```text
 * sealed   1 byte: version | 0x80   8 bytes: cluster's tag   16 bytes: HMAC-SHA-256, cut   message
 * open     1 byte: version          8 bytes: cluster's tag    4 bytes: CRC-32              message
 * ```
 *
 * With a secret all members seal, and take nothing that is open: who does not know the secret can neither join nor accuse
 * anybody. Without one the tag keeps clusters apart that meet by mistake, and the checksum finds damage; neither is a
 * protection. What a datagram says stays readable, and an old one can be sent again: it says nothing that its higher
 * incarnations have not overruled.
 */

/** A datagram of a member has no more bytes than this: it fits into one packet nearly everywhere. */
export const messageBytesMax = 1_400;

const version = 1;
const sealedFlag = 0x80;
const tagBytes = 8;
const macBytes = 16;
const checksumBytes = 4;

/** Why a datagram was dropped. */
export type SealFault = "tooLarge" | "wrongVersion" | "wrongCluster" | "notSealed" | "wrongSeal" | "damaged";

export interface SealOptions {
  /** Any bytes that belong to the cluster alone. */
  readonly clusterId: Uint8Array;
  /** Known to all members, and to nobody else. Without it datagrams are tagged only. */
  readonly secret?: Uint8Array;
}

export class Seal {
  /** What a message may have within {@link messageBytesMax}. */
  readonly bodyBytesMax: number;

  constructor({ clusterId, secret }: SealOptions) {
    this.#tag = createHash("sha256")
      .update("coterie gossip cluster\0")
      .update(clusterId)
      .digest()
      .subarray(0, tagBytes);
    this.#key =
      secret === undefined
        ? undefined
        : createHmac("sha256", secret).update("coterie gossip key\0").update(clusterId).digest();
    this.#proofBytes = this.#key === undefined ? checksumBytes : macBytes;
    this.bodyBytesMax = messageBytesMax - 1 - tagBytes - this.#proofBytes;
  }

  close(body: Buffer): Buffer {
    const head = 1 + tagBytes;
    const datagram = Buffer.allocUnsafe(head + this.#proofBytes + body.length);
    datagram[0] = this.#key === undefined ? version : version | sealedFlag;
    this.#tag.copy(datagram, 1);
    body.copy(datagram, head + this.#proofBytes);
    this.#proofOf(datagram).copy(datagram, head);
    return datagram;
  }

  /** The message in it, a part of `bytes`, or why it is dropped. */
  open(bytes: Uint8Array): Buffer | SealFault {
    const datagram = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (datagram.length > messageBytesMax) return "tooLarge";
    const first = datagram[0] ?? 0;
    const head = 1 + tagBytes;
    if ((first & ~sealedFlag) !== version) return "wrongVersion";
    if (datagram.length < head || !datagram.subarray(1, head).equals(this.#tag)) return "wrongCluster";
    const isSealed = (first & sealedFlag) !== 0;
    if (isSealed !== (this.#key !== undefined)) return isSealed ? "wrongSeal" : "notSealed";
    if (datagram.length < head + this.#proofBytes) return "damaged";
    const proof = datagram.subarray(head, head + this.#proofBytes);
    if (!timingSafeEqual(proof, this.#proofOf(datagram))) return isSealed ? "wrongSeal" : "damaged";
    return datagram.subarray(head + this.#proofBytes);
  }

  readonly #tag: Buffer;
  readonly #key: Buffer | undefined;
  readonly #proofBytes: number;

  /** Of its first byte, its tag and its message. */
  #proofOf(datagram: Buffer): Buffer {
    const head = datagram.subarray(0, 1 + tagBytes);
    const body = datagram.subarray(1 + tagBytes + this.#proofBytes);
    if (this.#key !== undefined) {
      return createHmac("sha256", this.#key).update(head).update(body).digest().subarray(0, macBytes);
    }
    const checksum = Buffer.allocUnsafe(checksumBytes);
    checksum.writeUInt32LE(crc32(body, crc32(head)));
    return checksum;
  }
}
