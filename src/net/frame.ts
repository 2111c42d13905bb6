/**
 * Frames carry the messages of one turn over one connection, once the handshake is done:
 *
 * ```
 * u32 checksum | u32 body length | u32 sequence | u32 header check | body: (u8 type | u32 length | payload) ...
 * ```
 *
 * The checksum is a CRC-32 over everything behind it, seeded from the handshake's session key for this connection and
 * direction, and the sequence counts from 0: a frame that is garbage, damaged, replayed, reordered or from another
 * connection does not pass. One checksum a turn is cheaper than one a message. The header has a check of its own, since
 * its length is believed before the checksum can be computed: a damaged one would swallow frame after frame, heartbeats
 * among them, of a connection that looks alive. It is no cipher: who can write into an established connection needs TLS
 * to be kept out.
 */
import { crc32 } from "node:zlib";
import { ByteWriter, putU32 } from "./byte-writer.ts";

export const frameHeaderBytes = 16;
export const messageHeaderBytes = 5;

/** A frame that holds this much takes no further message. */
const frameBytesTarget = 256 * 1024;
/** Frames are cut from chunks of this size, which the garbage collector frees once the socket has let go of them. */
const chunkBytes = 64 * 1024;

export function frameChecksum(frame: Buffer, seed: number): number {
  return crc32(frame.subarray(4), seed);
}

/** What stands in a header behind its length and sequence; each bit of them counts. */
export function headerCheck(bodyBytes: number, sequence: number, seed: number): number {
  const mixed = Math.imul(bodyBytes ^ seed, 0x9e37_79b1) ^ Math.imul((sequence << 16) | (sequence >>> 16), 0x85eb_ca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** Composes frames. Messages are written in place: the bytes of an entry are copied once, into the frame. */
export class FrameWriter {
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Bytes of what waits to be taken. */
  get queuedBytes(): number {
    return this.#finishedBytes + (this.#isOpen ? this.#out.at - this.#out.start : 0);
  }

  /**
   * Begins a message. The caller writes the payload with the writer it gets, then calls `end`; `payloadBytes` is how
   * much it will be, as well as it is known.
   */
  begin(type: number, payloadBytes: number): ByteWriter {
    const out = this.#out;
    if (this.#isOpen && out.at - out.start + payloadBytes > frameBytesTarget) this.#closeFrame();
    out.reserve(frameHeaderBytes + messageHeaderBytes + payloadBytes);
    if (!this.#isOpen) {
      this.#isOpen = true;
      out.at += frameHeaderBytes;
    }
    out.u8(type);
    out.at += 4;
    this.#payloadOffset = out.at - out.start;
    return out;
  }

  end(): void {
    const out = this.#out;
    const from = out.start + this.#payloadOffset;
    putU32(out.buffer, from - 4, out.at - from);
  }

  /** The frames since the last call, finished. The writer does not touch them again. */
  take(): readonly Buffer[] {
    if (this.#isOpen) this.#closeFrame();
    const frames = this.#finished;
    this.#finished = [];
    this.#finishedBytes = 0;
    return frames;
  }

  readonly #seed: number;
  readonly #out: ByteWriter = new ByteWriter(chunkBytes);
  #isOpen = false;
  #sequence = 0;
  /** Where the payload of the message under way begins, behind the frame's begin. */
  #payloadOffset = 0;
  #finished: Buffer[] = [];
  #finishedBytes = 0;

  #closeFrame(): void {
    const out = this.#out;
    const frame = out.buffer.subarray(out.start, out.at);
    const bodyBytes = frame.length - frameHeaderBytes;
    putU32(frame, 4, bodyBytes);
    putU32(frame, 8, this.#sequence);
    putU32(frame, 12, headerCheck(bodyBytes, this.#sequence, this.#seed));
    putU32(frame, 0, frameChecksum(frame, this.#seed));
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#finished.push(frame);
    this.#finishedBytes += frame.length;
    out.start = out.at;
    this.#isOpen = false;
  }
}
