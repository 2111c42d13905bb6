import { arrivalPhase } from "./event-queue.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Garbling, SimulatedNetwork } from "./network.ts";
import type { SimulatedWorld } from "./world.ts";

/** What travels in one direction of a connection. */
export type Packet =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  /** The connection stands. */
  | { readonly kind: "open" }
  /** The sender's last byte has been sent. */
  | { readonly kind: "end" }
  /** There is no such connection any more. */
  | { readonly kind: "reset" }
  /** It breaks here, for both sides. */
  | { readonly kind: "cut" }
  /** The receiver's program has taken so many bytes. */
  | { readonly kind: "taken"; readonly byteCount: number };

export interface PipeHandlers {
  onPacket(packet: Packet): void;
  /** Nothing has got through for the network's `timeoutMs`. */
  onTimeout(): void;
  /** The connection broke in the middle of a packet; the other side has seen it. */
  onCut(): void;
}

/**
 * One direction of a connection: packets arrive in the order in which they were sent. Where the link is cut, or the
 * other machine has no power, the first one is sent again and again, and those behind it wait, until it gets through
 * or the connection times out. Resets are sent once.
 */
export class Pipe {
  readonly #world: SimulatedWorld;
  readonly #network: SimulatedNetwork;
  readonly #from: SimulatedMachine;
  readonly #to: SimulatedMachine;
  readonly #handlers: PipeHandlers;
  readonly #queue: { readonly packet: Packet; readonly arrivalMs: number }[] = [];
  #lastArrivalMs = 0;
  #isHeadScheduled = false;
  #retransmissions = 0;
  #blockedSinceMs: number | undefined;

  constructor(
    world: SimulatedWorld,
    link: { readonly from: SimulatedMachine; readonly to: SimulatedMachine },
    handlers: PipeHandlers,
  ) {
    this.#world = world;
    this.#network = world.network;
    this.#from = link.from;
    this.#to = link.to;
    this.#handlers = handlers;
  }

  send(packet: Packet): void {
    const garbling = packet.kind === "data" ? this.#network.garbling(this.#from, this.#to, packet.bytes) : undefined;
    if (garbling === undefined || packet.kind !== "data") this.#enqueue(packet);
    else this.#garble(packet, garbling);
  }

  #garble(packet: Extract<Packet, { readonly kind: "data" }>, garbling: Garbling): void {
    const last = this.#queue.at(-1);
    switch (garbling) {
      case "double":
        this.#enqueue(packet);
        this.#enqueue(packet);
        break;
      case "replay":
        this.#enqueue({ kind: "data", bytes: this.#network.oldPacket(this.#from, this.#to) });
        this.#enqueue(packet);
        break;
      case "reorder":
        this.#enqueue(packet);
        if (last?.packet.kind !== "data") break;
        this.#queue.splice(-2, 2, { ...last, packet }, { arrivalMs: this.#lastArrivalMs, packet: last.packet });
        break;
      case "cut":
        this.#enqueue({ kind: "data", bytes: packet.bytes.subarray(0, packet.bytes.length >> 1) });
        this.#enqueue({ kind: "cut" });
        break;
    }
  }

  #enqueue(packet: Packet): void {
    const arrivalMs = Math.max(this.#world.later(this.#network.delayMs(this.#from, this.#to)), this.#lastArrivalMs);
    this.#lastArrivalMs = arrivalMs;
    this.#queue.push({ packet, arrivalMs });
    this.#scheduleHead();
  }

  /** Whatever is under way is lost. */
  purge(): void {
    this.#queue.length = 0;
    this.#blockedSinceMs = undefined;
    this.#retransmissions = 0;
  }

  #scheduleHead(): void {
    const head = this.#queue[0];
    if (head === undefined || this.#isHeadScheduled) return;
    this.#isHeadScheduled = true;
    this.#world.at(Math.max(head.arrivalMs, this.#world.nowMs), arrivalPhase, this.#arrive);
  }

  readonly #arrive = (): void => {
    this.#isHeadScheduled = false;
    if (this.#queue.length === 0) return;
    if (!this.#network.isOpen(this.#from, this.#to)) {
      this.#retransmit();
      return;
    }
    this.#retransmissions = 0;
    this.#blockedSinceMs = undefined;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (head.arrivalMs > this.#world.nowMs) break;
      this.#queue.shift();
      if (head.packet.kind === "cut") {
        this.#handlers.onPacket({ kind: "reset" });
        this.#handlers.onCut();
      } else {
        this.#handlers.onPacket(this.#corrupted(head.packet));
      }
    }
    this.#scheduleHead();
  };

  #retransmit(): void {
    while (this.#queue[0]?.packet.kind === "reset") this.#queue.shift();
    if (this.#queue.length === 0) return;
    const { nowMs } = this.#world;
    const { timeoutMs, retransmitMs } = this.#network.settingsOf(this.#from, this.#to);
    this.#blockedSinceMs ??= nowMs;
    if (nowMs - this.#blockedSinceMs >= timeoutMs) {
      this.purge();
      this.#handlers.onTimeout();
      return;
    }
    const delayMs = retransmitMs * 2 ** Math.min(this.#retransmissions++, 5);
    this.#isHeadScheduled = true;
    this.#world.at(this.#world.later(Math.min(delayMs, timeoutMs)), arrivalPhase, this.#arrive);
  }

  #corrupted(packet: Packet): Packet {
    if (packet.kind !== "data" || packet.bytes.length === 0) return packet;
    const { corruptChance } = this.#network.settingsOf(this.#from, this.#to);
    const { random } = this.#network;
    if (corruptChance === 0 || this.#from === this.#to || !random.chance(corruptChance)) return packet;
    const bytes = packet.bytes.slice();
    const at = random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ random.integer(1, 255);
    return { kind: "data", bytes };
  }
}
