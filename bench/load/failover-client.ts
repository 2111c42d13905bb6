import { connect, type Socket } from "node:net";
import type { LoadTarget } from "./job.ts";

export interface FailoverClientOptions {
  /** It writes 1, 2, 3, … under this key, which belongs to it alone. */
  readonly key: string;
  readonly targets: readonly LoadTarget[];
  /** Its own node's place in `targets`: where it begins and returns to. */
  readonly home: number;
  /** A write was acknowledged by `targets[target]`. */
  onAcknowledged(client: FailoverClient, sentAtMs: number, target: number): void;
}

const reconnectMs = 5;
const retryMs = 2;
const stuckMs = 15_000;

/**
 * One client of an application that keeps going: a closed loop of `SET`s that, when its connection breaks, goes to the
 * next node, and after an error reply tries again. It remembers what it was promised.
 */
export class FailoverClient {
  /** The last number sent. */
  sent = 0;
  /** The last number that was acknowledged. */
  acknowledged = 0;
  acknowledgedCount = 0;
  /** How often each error code, or "closed", or "stuck" was met. */
  readonly failures: Map<string, number> = new Map();

  readonly #options: FailoverClientOptions;
  #target: number;
  #socket: Socket | undefined;
  #received = "";
  #sentAtMs = 0;
  #isStopped = false;
  #isWaiting = false;
  #stuckTimer: NodeJS.Timeout | undefined;

  constructor(options: FailoverClientOptions) {
    this.#options = options;
    this.#target = options.home;
  }

  get key(): string {
    return this.#options.key;
  }

  start(): void {
    this.#connect();
  }

  /** Goes back to its own node, once what is under way has been answered. */
  goHome(): void {
    if (this.#target === this.#options.home) return;
    this.#target = this.#options.home;
    if (!this.#isWaiting) this.#reconnect();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#stuckTimer);
    this.#socket?.destroy();
  }

  #connect(): void {
    if (this.#isStopped) return;
    const place = this.#target;
    const { host, port } = this.#options.targets[place]!;
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    this.#received = "";
    socket.setEncoding("latin1");
    socket.on("connect", () => this.#send());
    socket.on("data", (text: string) => this.#receive(socket, text, place));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (socket !== this.#socket || this.#isStopped) return;
      if (this.#isWaiting) this.#count("closed");
      this.#isWaiting = false;
      clearTimeout(this.#stuckTimer);
      this.#target = (place + 1) % this.#options.targets.length;
      setTimeout(() => this.#connect(), reconnectMs);
    });
  }

  #reconnect(): void {
    const old = this.#socket;
    this.#socket = undefined;
    old?.destroy();
    this.#connect();
  }

  #send(): void {
    if (this.#isStopped) return;
    this.sent++;
    this.#isWaiting = true;
    this.#sentAtMs = performance.now();
    this.#stuckTimer = setTimeout(() => {
      this.#count("stuck");
      this.#socket?.destroy();
    }, stuckMs);
    const { key } = this.#options;
    const value = String(this.sent);
    this.#socket?.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`);
  }

  #receive(socket: Socket, text: string, place: number): void {
    if (socket !== this.#socket) return;
    this.#received += text;
    if (!this.#received.endsWith("\r\n")) return;
    const reply = this.#received;
    this.#received = "";
    this.#isWaiting = false;
    clearTimeout(this.#stuckTimer);
    if (reply === "+OK\r\n") {
      this.acknowledged = this.sent;
      this.acknowledgedCount++;
      this.#options.onAcknowledged(this, this.#sentAtMs, place);
    } else {
      this.#count(reply.slice(1).split(/[\s:]/)[0] ?? "?");
    }
    if (this.#target !== place) this.#reconnect();
    else if (reply === "+OK\r\n") this.#send();
    else setTimeout(() => socket === this.#socket && this.#send(), retryMs);
  }

  #count(failure: string): void {
    this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1);
  }
}
