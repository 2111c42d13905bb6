import { connect, type Socket } from "node:net";
import { encodeHeaderBlocks } from "./etcd-requests.ts";
import {
  encodeFrame,
  encodePreface,
  encodeWindowUpdate,
  type Frame,
  FrameReader,
  frameFlag,
  frameHeaderBytes,
  frameType,
  initialWindowBytes,
  windowBytesMax,
  writeFrameHeader,
} from "./http2-frames.ts";
import type { LoadTarget } from "./job.ts";
import type { LoadConnection, Meter, RequestSource } from "./meter.ts";

export interface EtcdConnectionOptions {
  readonly target: LoadTarget;
  /** E.g. "/etcdserverpb.KV/Put". */
  readonly method: string;
  /** Closed loops on this connection, each with one stream at a time. */
  readonly streams: number;
  readonly source: RequestSource;
  readonly operationsPerRequest: number;
  /** A shorter answer counts as a miss. */
  readonly responseBytesMin: number;
  readonly meter: Meter;
  readonly readBuffer: Buffer;
}

/** One closed loop: the stream that it has open, if any. */
interface Loop {
  streamId: number;
  sentAtMs: number;
  hasMessage: boolean;
}

const http2HeadersPayloadMax = 256;

/**
 * A gRPC client on a bare socket, for unary calls of one method: the same loop as over RESP, so that the client costs as
 * little beside etcd as beside Redis. A stream that ends without a message is a gRPC error (unary calls that succeed
 * always bring one), so the trailers need not be decoded.
 */
export class EtcdConnection implements LoadConnection {
  readonly opened: Promise<void>;
  readonly finished: Promise<void>;

  readonly #options: EtcdConnectionOptions;
  readonly #meter: Meter;
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  readonly #headers: { readonly first: Buffer; readonly later: Buffer };
  readonly #loops = new Map<number, Loop>();
  readonly #waitingForWindow: { loop: Loop; message: Buffer }[] = [];
  #nextStreamId = 1;
  #openLoops: number;
  #sendWindowBytes = initialWindowBytes;
  #receivedBytes = 0;
  #isClosed = false;
  #finish: () => void = () => {};
  #open: () => void = () => {};

  constructor(options: EtcdConnectionOptions) {
    this.#options = options;
    this.#meter = options.meter;
    this.#openLoops = options.streams;
    this.#headers = encodeHeaderBlocks(options.method, `${options.target.host}:${options.target.port}`);
    this.#frames = new FrameReader({
      onFrame: (frame, payload, payloadBytes) => this.#onFrame(frame, payload, payloadBytes),
    });
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#socket = connect({
      host: options.target.host,
      port: options.target.port,
      noDelay: true,
      onread: {
        buffer: options.readBuffer,
        callback: (length, buffer) => {
          this.#frames.read(buffer, length);
          return true;
        },
      },
    });
    this.opened = new Promise((resolve, reject) => {
      this.#open = resolve;
      this.#socket.once("error", reject);
    });
    this.#socket.once("connect", () => this.#socket.write(encodePreface()));
    this.#socket.on("error", (error) => this.#lost(error.message));
    this.#socket.on("close", () => this.#lost("the server closed the connection"));
  }

  start(): void {
    const nowMs = performance.now();
    for (let loop = 0; loop < this.#options.streams; loop++) {
      this.#next({ streamId: 0, sentAtMs: 0, hasMessage: false }, nowMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #next(loop: Loop, nowMs: number): void {
    const message = this.#meter.isStopping ? undefined : this.#options.source();
    if (message === undefined) {
      this.#openLoops--;
      if (this.#openLoops === 0) this.#finish();
      return;
    }
    loop.sentAtMs = nowMs;
    loop.hasMessage = false;
    if (message.length > this.#sendWindowBytes) this.#waitingForWindow.push({ loop, message });
    else this.#send(loop, message);
  }

  #send(loop: Loop, message: Buffer): void {
    const streamId = this.#nextStreamId;
    const headers = streamId === 1 ? this.#headers.first : this.#headers.later;
    this.#nextStreamId += 2;
    loop.streamId = streamId;
    this.#loops.set(streamId, loop);
    const bytes = Buffer.allocUnsafe(2 * frameHeaderBytes + http2HeadersPayloadMax + message.length);
    let at = writeFrameHeader(bytes, 0, headers.length, {
      type: frameType.headers,
      flags: frameFlag.endHeaders,
      streamId,
    });
    bytes.set(headers, at);
    at += headers.length;
    at = writeFrameHeader(bytes, at, message.length, { type: frameType.data, flags: frameFlag.endStream, streamId });
    bytes.set(message, at);
    at += message.length;
    this.#sendWindowBytes -= message.length;
    this.#socket.write(bytes.subarray(0, at));
  }

  #onFrame(frame: Frame, payload: Uint8Array, payloadBytes: number): void {
    switch (frame.type) {
      case frameType.data:
        this.#onData(frame, payloadBytes);
        break;
      case frameType.headers:
        break;
      case frameType.settings:
        if ((frame.flags & frameFlag.acknowledgement) !== 0) return;
        this.#socket.write(
          encodeFrame({ type: frameType.settings, flags: frameFlag.acknowledgement, streamId: 0 }, Buffer.alloc(0)),
        );
        this.#open();
        break;
      case frameType.ping:
        if ((frame.flags & frameFlag.acknowledgement) !== 0) return;
        this.#socket.write(
          encodeFrame(
            { type: frameType.ping, flags: frameFlag.acknowledgement, streamId: 0 },
            Buffer.from(payload.subarray(0, 8)),
          ),
        );
        break;
      case frameType.windowUpdate:
        if (frame.streamId === 0) this.#onWindow(Buffer.from(payload.subarray(0, 4)).readUInt32BE());
        break;
      case frameType.resetStream:
        this.#meter.fail("the server reset a stream");
        break;
      case frameType.goAway:
        this.#meter.fail("the server sent GOAWAY");
        break;
    }
    const endsStream =
      frame.type === frameType.resetStream ||
      ((frame.type === frameType.data || frame.type === frameType.headers) &&
        (frame.flags & frameFlag.endStream) !== 0);
    if (endsStream) this.#onEnd(frame.streamId);
  }

  #onData(frame: Frame, payloadBytes: number): void {
    const loop = this.#loops.get(frame.streamId);
    if (loop === undefined) return;
    loop.hasMessage = true;
    if (payloadBytes < this.#options.responseBytesMin) this.#meter.missCount++;
    this.#receivedBytes += payloadBytes;
    if (this.#receivedBytes > windowBytesMax / 2) {
      this.#socket.write(encodeWindowUpdate(this.#receivedBytes));
      this.#receivedBytes = 0;
    }
  }

  #onEnd(streamId: number): void {
    const loop = this.#loops.get(streamId);
    if (loop === undefined) return;
    this.#loops.delete(streamId);
    const nowMs = performance.now();
    const meter = this.#meter;
    if (!loop.hasMessage) meter.fail("etcd answered with a gRPC error");
    meter.histogram.record(nowMs - loop.sentAtMs);
    meter.operationCount += this.#options.operationsPerRequest;
    this.#next(loop, nowMs);
  }

  #onWindow(bytes: number): void {
    this.#sendWindowBytes += bytes;
    while (this.#waitingForWindow.length > 0) {
      const first = this.#waitingForWindow[0]!;
      if (first.message.length > this.#sendWindowBytes) return;
      this.#waitingForWindow.shift();
      this.#send(first.loop, first.message);
    }
  }

  #lost(text: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#meter.fail(text);
    this.#finish();
  }
}
