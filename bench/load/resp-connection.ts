import { connect, type Socket } from "node:net";
import type { LoadTarget } from "./job.ts";
import type { LoadConnection, Meter, RequestSource } from "./meter.ts";
import { ReplyScanner } from "./reply-scanner.ts";

export interface RespConnectionOptions {
  readonly target: LoadTarget;
  readonly source: RequestSource;
  readonly operationsPerRequest: number;
  readonly repliesPerRequest: number;
  /** What the last reply of a request must at least be; 0 if it is not `WAIT`'s. */
  readonly waitReplicas: number;
  readonly meter: Meter;
  /** All connections of a process may share one: it is used up before the next is read. */
  readonly readBuffer: Buffer;
}

/** One closed loop over RESP: a write, all its replies, the next write in the same turn. */
export class RespConnection implements LoadConnection {
  readonly opened: Promise<void>;
  readonly finished: Promise<void>;

  readonly #options: RespConnectionOptions;
  readonly #meter: Meter;
  readonly #scanner = new ReplyScanner();
  readonly #socket: Socket;
  #repliesDue = 0;
  #sentAtMs = 0;
  #isClosed = false;
  #finish: () => void = () => {};

  constructor(options: RespConnectionOptions) {
    this.#options = options;
    this.#meter = options.meter;
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
          this.#receive(buffer, length);
          return true;
        },
      },
    });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve);
      this.#socket.once("error", reject);
    });
    this.#socket.on("error", (error) => this.#lost(error.message));
    this.#socket.on("close", () => this.#lost("the server closed the connection"));
  }

  start(): void {
    this.#send(performance.now());
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #send(nowMs: number): void {
    const request = this.#meter.isStopping ? undefined : this.#options.source();
    if (request === undefined) {
      this.#finish();
      return;
    }
    this.#repliesDue += this.#options.repliesPerRequest;
    this.#sentAtMs = nowMs;
    this.#socket.write(request);
  }

  #receive(buffer: Uint8Array, length: number): void {
    const scanner = this.#scanner;
    scanner.scan(buffer, length);
    if (scanner.replyCount < this.#repliesDue) return;
    const nowMs = performance.now();
    const meter = this.#meter;
    meter.histogram.record(nowMs - this.#sentAtMs);
    meter.operationCount += this.#options.operationsPerRequest;
    if (scanner.replyCount > this.#repliesDue) meter.fail("more replies than commands");
    if (scanner.errorCount > 0) {
      meter.fail(scanner.firstError ?? "", scanner.errorCount);
      scanner.errorCount = 0;
    }
    meter.missCount += scanner.nullCount;
    scanner.nullCount = 0;
    if (scanner.lastInteger < this.#options.waitReplicas) meter.fail(`WAIT answered ${scanner.lastInteger}`);
    scanner.replyCount = 0;
    this.#repliesDue = 0;
    this.#send(nowMs);
  }

  #lost(text: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#meter.fail(text);
    this.#finish();
  }
}
