import { connect, type Socket } from "node:net";
import type { LoadTarget } from "./job.ts";
import type { Meter, RequestSource } from "./meter.ts";
import { ReplyScanner } from "./reply-scanner.ts";

export interface PacedWritersOptions {
  readonly targets: readonly LoadTarget[];
  /** Connection `i` goes to `targets[i % targets.length]`. */
  readonly connections: number;
  /** Between a reply and the next request of a connection, on the average. */
  readonly thinkMs: number;
  /** Of one command each. */
  readonly source: RequestSource;
  readonly meter: Meter;
}

/** What a client sends again: it did not happen, as when a leader changes. */
const retried = /^TRYAGAIN\b/;
const retryMs = 2;

/**
 * Connections that write one command after the other, with pauses: a load that leaves the servers time for something else.
 * A write that is to be tried again is, and takes as long as all its attempts.
 */
export class PacedWriters {
  /** Attempts that were answered with `TRYAGAIN`. */
  retryCount = 0;
  readonly #options: PacedWritersOptions;
  readonly #sockets: readonly Socket[];

  constructor(options: PacedWritersOptions) {
    this.#options = options;
    const { targets, connections } = options;
    this.#sockets = Array.from({ length: connections }, (_, place) => this.#open(targets[place % targets.length]!));
  }

  /** Nothing is sent any more, and nothing that is under way is counted. */
  close(): void {
    this.#options.meter.isStopping = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #open({ host, port }: LoadTarget): Socket {
    const { meter, source, thinkMs } = this.#options;
    const scanner = new ReplyScanner();
    const socket = connect({ host, port, noDelay: true });
    let sentMs = 0;
    let request: Buffer | undefined;
    const send = (): void => {
      if (request !== undefined && !meter.isStopping) socket.write(request);
    };
    const begin = (): void => {
      request = source();
      sentMs = performance.now();
      send();
    };
    const pause = (): void => void setTimeout(begin, 2 * Math.random() * thinkMs);
    const answered = (error: string | undefined): void => {
      if (error !== undefined && retried.test(error)) {
        this.retryCount++;
        setTimeout(send, retryMs);
        return;
      }
      if (error !== undefined) meter.fail(error);
      meter.histogram.record(performance.now() - sentMs);
      meter.operationCount++;
      pause();
    };
    socket.once("connect", pause);
    socket.on("data", (bytes) => {
      scanner.scan(bytes, bytes.length);
      if (scanner.replyCount === 0) return;
      const error = scanner.errorCount > 0 ? (scanner.firstError ?? "") : undefined;
      scanner.replyCount = scanner.errorCount = 0;
      scanner.firstError = undefined;
      answered(error);
    });
    socket.on("error", (error) => meter.fail(error.message));
    socket.on("close", () => {
      if (!meter.isStopping) meter.fail("the server closed the connection");
    });
    return socket;
  }
}
