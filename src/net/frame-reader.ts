/**
 * Takes the frames of `frame.ts` out of a stream of chunks, cut anywhere. A frame that lies whole in one chunk is read
 * where it lies. What is kept of an unfinished one grows with what arrives, never with what its header claims.
 */
import { ByteReader } from "./byte-reader.ts";
import { getU32 } from "./byte-writer.ts";
import { frameChecksum, frameHeaderBytes, headerCheck, messageHeaderBytes } from "./frame.ts";

/** Why a stream of frames cannot be read on. The connection is broken off; nothing else happens. */
export type FrameFault = "oversized" | "checksum" | "sequence" | "malformed";

/**
 * Gets each message, valid until it returns; false if it cannot be understood. The messages of a frame that does not
 * pass are not shown.
 */
export type MessageHandler = (type: number, payload: ByteReader) => boolean;

/** A buffer for unfinished frames that has grown beyond this is let go once it is empty. */
const keptBytesMax = 256 * 1024;

/** In place of a frame's size: its header is damaged, or of another connection. */
const badHeader = 0;

export class FrameReader {
  constructor(options: { readonly seed: number; readonly frameBytesMax: number; readonly onMessage: MessageHandler }) {
    this.#seed = options.seed;
    this.#frameBytesMax = options.frameBytesMax;
    this.#onMessage = options.onMessage;
  }

  /** Reads on. After a fault, and after `stop`, nothing is read any more. */
  feed(bytes: Uint8Array): FrameFault | undefined {
    if (this.#isStopped) return undefined;
    const chunk = asBuffer(bytes);
    let at = 0;
    while (this.#keptBytes > 0 && at < chunk.length) {
      at = this.#complete(chunk, at);
      const fault = this.#takeKept();
      if (fault !== undefined) return this.#stopWith(fault);
    }
    while (!this.#isStopped) {
      const neededBytes = this.#frameBytes(chunk, at, chunk.length);
      if (neededBytes === badHeader) return this.#stopWith("checksum");
      if (neededBytes > this.#frameBytesMax) return this.#stopWith("oversized");
      if (chunk.length - at < neededBytes) break;
      const fault = this.#takeFrame(chunk.subarray(at, at + neededBytes));
      if (fault !== undefined) return this.#stopWith(fault);
      at += neededBytes;
    }
    if (!this.#isStopped) this.#keep(chunk, at, chunk.length);
    return undefined;
  }

  /** May be called from within the message handler: what follows is not shown. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Memory held for an unfinished frame. */
  get keptBytes(): number {
    return this.#kept.length;
  }

  readonly #seed: number;
  readonly #frameBytesMax: number;
  readonly #onMessage: MessageHandler;
  readonly #reader: ByteReader = new ByteReader();
  #sequence = 0;
  #kept: Buffer = Buffer.alloc(0);
  #keptBytes = 0;
  #isStopped = false;

  #stopWith(fault: FrameFault): FrameFault {
    this.#isStopped = true;
    this.#kept = Buffer.alloc(0);
    this.#keptBytes = 0;
    return fault;
  }

  /** The whole size of the frame that begins at `at`, as far as can be seen yet; or {@link badHeader}. */
  #frameBytes(buffer: Buffer, at: number, end: number): number {
    if (end - at < frameHeaderBytes) return frameHeaderBytes;
    const bodyBytes = getU32(buffer, at + 4);
    const check = headerCheck(bodyBytes, getU32(buffer, at + 8), this.#seed);
    return check === getU32(buffer, at + 12) ? frameHeaderBytes + bodyBytes : badHeader;
  }

  /** Moves what the unfinished frame lacks, its header first, out of the chunk. Returns where the chunk goes on. */
  #complete(chunk: Buffer, at: number): number {
    const missingBytes = this.#frameBytes(this.#kept, 0, this.#keptBytes) - this.#keptBytes;
    const end = Math.min(chunk.length, at + missingBytes);
    this.#keep(chunk, at, end);
    return end;
  }

  #takeKept(): FrameFault | undefined {
    const neededBytes = this.#frameBytes(this.#kept, 0, this.#keptBytes);
    if (neededBytes === badHeader) return "checksum";
    if (neededBytes > this.#frameBytesMax) return "oversized";
    if (this.#keptBytes < neededBytes) return undefined;
    const frame = this.#kept.subarray(0, this.#keptBytes);
    this.#keptBytes = 0;
    const fault = this.#takeFrame(frame);
    if (this.#kept.length > keptBytesMax) this.#kept = Buffer.alloc(0);
    return fault;
  }

  #takeFrame(frame: Buffer): FrameFault | undefined {
    if (frame.length < frameHeaderBytes + messageHeaderBytes) return "malformed";
    if (getU32(frame, 0) !== frameChecksum(frame, this.#seed)) return "checksum";
    if (getU32(frame, 8) !== this.#sequence) return "sequence";
    this.#sequence = (this.#sequence + 1) >>> 0;
    let at = frameHeaderBytes;
    while (at < frame.length && !this.#isStopped) {
      if (frame.length - at < messageHeaderBytes) return "malformed";
      const type = frame[at] as number;
      const from = at + messageHeaderBytes;
      const payloadBytes = getU32(frame, at + 1);
      if (payloadBytes > frame.length - from) return "malformed";
      this.#reader.open(frame, from, from + payloadBytes);
      if (!this.#onMessage(type, this.#reader)) return "malformed";
      at = from + payloadBytes;
    }
    return undefined;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const neededBytes = this.#keptBytes + to - from;
    if (neededBytes > this.#kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, 2 * this.#keptBytes));
      this.#kept.copy(grown, 0, 0, this.#keptBytes);
      this.#kept = grown;
    }
    chunk.copy(this.#kept, this.#keptBytes, from, to);
    this.#keptBytes = neededBytes;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
