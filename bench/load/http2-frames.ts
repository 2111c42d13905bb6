/** The frames of HTTP/2 (RFC 9113 §4 and §6) that a gRPC client needs, written and read by hand. */

export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

export const frameFlag = { endStream: 1, acknowledgement: 1, endHeaders: 4 } as const;

export const frameHeaderBytes = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Writes a frame's header and returns where its payload begins. */
export function writeFrameHeader(target: Buffer, at: number, payloadBytes: number, frame: Frame): number {
  target.writeUIntBE(payloadBytes, at, 3);
  target[at + 3] = frame.type;
  target[at + 4] = frame.flags;
  target.writeUInt32BE(frame.streamId, at + 5);
  return at + frameHeaderBytes;
}

export function encodeFrame(frame: Frame, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  bytes.set(payload, writeFrameHeader(bytes, 0, payload.length, frame));
  return bytes;
}

/** What a client sends first: the preface, no dynamic table for the server's headers, no push, wide open windows. */
export function encodePreface(): Buffer {
  const settings = Buffer.alloc(18);
  const values = [
    [1, 0], // SETTINGS_HEADER_TABLE_SIZE
    [2, 0], // SETTINGS_ENABLE_PUSH
    [4, windowBytesMax], // SETTINGS_INITIAL_WINDOW_SIZE
  ] as const;
  values.forEach(([name, value], place) => {
    settings.writeUInt16BE(name, place * 6);
    settings.writeUInt32BE(value, place * 6 + 2);
  });
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
    encodeFrame({ type: frameType.settings, flags: 0, streamId: 0 }, settings),
    encodeWindowUpdate(windowBytesMax - initialWindowBytes),
  ]);
}

/** Opens the connection's own window by `bytes`. */
export function encodeWindowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return encodeFrame({ type: frameType.windowUpdate, flags: 0, streamId: 0 }, payload);
}

/** What each side may send before the other has said anything. */
export const initialWindowBytes = 65_535;
export const windowBytesMax = 0x7fffffff;

export interface FrameHandlers {
  /** `payload` is valid until the handler returns; of frames above 64 bytes it is the first 64. */
  onFrame(frame: Frame, payload: Uint8Array, payloadBytes: number): void;
}

const payloadKeptBytes = 64;

/** Reads frames from a stream that is split anywhere; keeps the first 64 bytes of each payload, skips the rest. */
export class FrameReader {
  readonly #handlers: FrameHandlers;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  readonly #payload = Buffer.alloc(payloadKeptBytes);
  #headerBytes = 0;
  #payloadRead = 0;

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
  }

  /** Takes the first `length` bytes of `chunk`. */
  read(chunk: Uint8Array, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#headerBytes < frameHeaderBytes) {
        this.#header[this.#headerBytes++] = chunk[at++]!;
        if (this.#headerBytes < frameHeaderBytes || this.#payloadBytes() > 0) continue;
      }
      const payloadBytes = this.#payloadBytes();
      const step = Math.min(payloadBytes - this.#payloadRead, length - at);
      const kept = Math.min(step, Math.max(0, payloadKeptBytes - this.#payloadRead));
      for (let place = 0; place < kept; place++) this.#payload[this.#payloadRead + place] = chunk[at + place]!;
      at += step;
      this.#payloadRead += step;
      if (this.#payloadRead === payloadBytes) this.#deliver(payloadBytes);
    }
  }

  #payloadBytes(): number {
    return this.#header.readUIntBE(0, 3);
  }

  #deliver(payloadBytes: number): void {
    const header = this.#header;
    this.#headerBytes = 0;
    this.#payloadRead = 0;
    this.#handlers.onFrame(
      { type: header[3]!, flags: header[4]!, streamId: header.readUInt32BE(5) & 0x7fffffff },
      this.#payload,
      payloadBytes,
    );
  }
}
