import type { SocketAddress, UnixAddress } from "../platform/index.ts";
import type { SimulatedDatagramSocket } from "./datagram-socket.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedSocket } from "./socket.ts";
import type { SimulatedWorld } from "./world.ts";

/** How the network between all machines behaves, unless a link says otherwise. Within a machine only `localMs` counts. */
export interface NetworkSettings {
  /** The least that a packet takes, one way. Default 0.1. */
  readonly latencyMs: number;
  /** The mean of what comes on top, exponentially distributed. Default 0.05. */
  readonly jitterMs: number;
  /** The part of packets that take `tailMs` (mean) on top. Default 0.001. */
  readonly tailChance: number;
  /** Default 20. */
  readonly tailMs: number;
  /** The part of packets that are lost: streams send them again, datagrams do not. Default 0. */
  readonly lossChance: number;
  /** The part of datagrams that are lost besides: 1 is a firewall that lets streams alone through. Default 0. */
  readonly datagramLossChance: number;
  /** How long the first retransmission waits; each further one twice as long, up to 32 times. Default 200. */
  readonly retransmitMs: number;
  /** The part of packets in which one byte is not what was sent, past TCP's checksum. Default 0. */
  readonly corruptChance: number;
  /** The part of packets of streams that come as TCP would never have it: see {@link Garbling}. Default 0. */
  readonly garbleChance: number;
  /** The part of datagrams that come twice, each after a delay of its own. Default 0. */
  readonly duplicateChance: number;
  /** The part of reads that bring only a piece of what is there. Default 0.05. */
  readonly splitChance: number;
  /** One way within a machine. Default 0.02. */
  readonly localMs: number;
  /** How long a connection waits for acknowledgements before it breaks. Default 20,000. */
  readonly timeoutMs: number;
  /** How long connecting goes on without an answer. Default 10,000. */
  readonly connectTimeoutMs: number;
  /** How long the first packet of a connection waits for an answer before it is sent again; then twice as long. Default 1,000. */
  readonly synRetryMs: number;
  /** Bytes of one direction that the operating systems hold. Default 256 KiB. */
  readonly windowBytes: number;
}

export const defaultNetworkSettings: NetworkSettings = {
  latencyMs: 0.1,
  jitterMs: 0.05,
  tailChance: 0.001,
  tailMs: 20,
  lossChance: 0,
  datagramLossChance: 0,
  retransmitMs: 200,
  corruptChance: 0,
  garbleChance: 0,
  duplicateChance: 0,
  splitChance: 0.05,
  localMs: 0.02,
  timeoutMs: 20_000,
  connectTimeoutMs: 10_000,
  synRetryMs: 1_000,
  windowBytes: 256 * 1024,
};

/**
 * What happens to a packet of a stream, past all of TCP's care: it comes twice, an old one of that link comes in front of
 * it, the next one overtakes it, or only its beginning comes and the connection breaks. Whoever frames messages has to
 * notice each of them.
 */
export type Garbling = "double" | "replay" | "reorder" | "cut";
export const garblings: readonly Garbling[] = ["double", "replay", "reorder", "cut"];

/** A read brings at most so much, as Node's does. */
const receiveBufferBytes = 64 * 1024;
/** So many packets of each link are remembered, to be replayed. */
const rememberedMax = 16;

/** Machines by their names, one way. */
export interface LinkSelector {
  readonly from: string;
  readonly to: string;
}

/**
 * The network between the machines of a world, with what goes wrong in it. Links have directions: a cut is one-way
 * unless both are cut. Connections are streams as TCP's: what arrives is in order and whole, or the connection breaks.
 */
export class SimulatedNetwork {
  settings: NetworkSettings;
  /** All sockets receive into this: one turn at a time, and what is in it counts for one call. */
  readonly receiveBuffer: Buffer = Buffer.alloc(receiveBufferBytes);
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #links = new Map<string, Partial<NetworkSettings>>();
  readonly #remembered = new Map<string, Uint8Array[]>();
  readonly #cuts = new Set<string>();
  readonly #sockets = new Set<SimulatedSocket<SocketAddress | UnixAddress>>();
  /** Of all machines. */
  readonly datagramSockets: Set<SimulatedDatagramSocket> = new Set();

  constructor(world: SimulatedWorld, random: SeededRandom, settings: NetworkSettings) {
    this.#world = world;
    this.#random = random;
    this.settings = settings;
  }

  get random(): SeededRandom {
    return this.#random;
  }

  /** Other settings for one direction between two machines; undefined takes them back. */
  setLink(link: LinkSelector, settings: Partial<NetworkSettings> | undefined): void {
    if (settings === undefined) this.#links.delete(keyOf(link));
    else this.#links.set(keyOf(link), settings);
  }

  /** Nothing gets through that way until {@link heal}. */
  cut(link: LinkSelector): void {
    this.#cuts.add(keyOf(link));
    this.#world.trace(link.from, `network: cut towards ${link.to}`);
  }

  heal(link: LinkSelector): void {
    if (this.#cuts.delete(keyOf(link))) this.#world.trace(link.from, `network: healed towards ${link.to}`);
  }

  /** Cuts both ways between machines of different groups. Machines in no group keep all their links. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const from of group) for (const to of other) this.cut({ from, to });
      }
    }
  }

  /** Heals every cut and takes back every link's own settings. */
  healAll(): void {
    if (this.#cuts.size > 0) this.#world.trace("network", "network: all cuts healed");
    this.#cuts.clear();
    this.#links.clear();
  }

  isCut(link: LinkSelector): boolean {
    return this.#cuts.has(keyOf(link));
  }

  /**
   * Breaks established connections in the middle of whatever they carry; both sides see a reset. Returns how many
   * were broken. `matches` sees each connection once, from the side that opened it.
   */
  resetConnections(matches: (link: LinkSelector) => boolean = () => true): number {
    let count = 0;
    for (const socket of [...this.#sockets]) {
      const peer = socket.peer;
      if (!socket.isInitiator || peer === undefined) continue;
      if (!matches({ from: socket.machine.name, to: peer.machine.name })) continue;
      count++;
      socket.breakOff("ECONNRESET");
      peer.breakOff("ECONNRESET");
    }
    return count;
  }

  /** For sockets: they are followed for as long as they live. */
  register(socket: SimulatedSocket): void {
    this.#sockets.add(socket);
  }

  forget(socket: SimulatedSocket<SocketAddress | UnixAddress>): void {
    this.#sockets.delete(socket);
  }

  /** The settings in force from one machine to another. */
  settingsOf(from: SimulatedMachine, to: SimulatedMachine): NetworkSettings {
    if (this.#links.size === 0) return this.settings;
    const own = this.#links.get(keyOf({ from: from.name, to: to.name }));
    return own === undefined ? this.settings : { ...this.settings, ...own };
  }

  /** Whether packets from one machine reach the other now: both have power, and the link is not cut. */
  isOpen(from: SimulatedMachine, to: SimulatedMachine): boolean {
    if (!from.isPowered || !to.isPowered) return false;
    if (this.#cuts.size === 0) return true;
    return from === to || !this.#cuts.has(keyOf({ from: from.name, to: to.name }));
  }

  /** What becomes of this packet's order; undefined: nothing. Such links remember what they carry. */
  garbling(from: SimulatedMachine, to: SimulatedMachine, bytes: Uint8Array): Garbling | undefined {
    const { garbleChance } = this.settingsOf(from, to);
    if (garbleChance === 0 || from === to) return undefined;
    const key = keyOf({ from: from.name, to: to.name });
    const remembered = this.#remembered.get(key) ?? [];
    this.#remembered.set(key, remembered);
    if (remembered.length < rememberedMax) remembered.push(bytes);
    else remembered[this.#random.integer(0, rememberedMax - 1)] = bytes;
    return this.#random.chance(garbleChance) ? this.#random.pick(garblings) : undefined;
  }

  /** Something that this link carried before, on whatever connection. */
  oldPacket(from: SimulatedMachine, to: SimulatedMachine): Uint8Array {
    return this.#random.pick(this.#remembered.get(keyOf({ from: from.name, to: to.name })) ?? [new Uint8Array(1)]);
  }

  /** How long a packet takes that leaves now, retransmissions included. */
  delayMs(from: SimulatedMachine, to: SimulatedMachine): number {
    const random = this.#random;
    const settings = this.settingsOf(from, to);
    let delayMs = this.#flightMs(settings, from === to);
    if (from !== to && settings.lossChance > 0) {
      for (let attempt = 0; attempt < 20 && random.chance(settings.lossChance); attempt++) {
        delayMs += settings.retransmitMs * 2 ** Math.min(attempt, 5);
      }
    }
    return delayMs;
  }

  /** How long each copy of a datagram takes that leaves now: none if it is lost, two if it is doubled. */
  datagramDelaysMs(from: SimulatedMachine, to: SimulatedMachine): readonly number[] {
    const settings = this.settingsOf(from, to);
    if (from === to) return [this.#flightMs(settings, true)];
    if (this.#random.chance(settings.lossChance)) return [];
    const { datagramLossChance } = settings;
    if (datagramLossChance > 0 && this.#random.chance(datagramLossChance)) return [];
    const copyCount = this.#random.chance(settings.duplicateChance) ? 2 : 1;
    return Array.from({ length: copyCount }, () => this.#flightMs(settings, false));
  }

  #flightMs(settings: NetworkSettings, isWithinMachine: boolean): number {
    const random = this.#random;
    if (isWithinMachine) return settings.localMs + random.exponential(settings.localMs);
    const delayMs = settings.latencyMs + random.exponential(settings.jitterMs);
    return random.chance(settings.tailChance) ? delayMs + random.exponential(settings.tailMs) : delayMs;
  }
}

function keyOf({ from, to }: LinkSelector): string {
  return `${from}\n${to}`;
}
