/**
 * Many members in one process under a virtual clock: the cores alone, with a model of the network between them. Datagrams
 * are lost, delayed and cut; streams send again what is lost, after 200 ms and twice as long each further time.
 */
import { GossipCore, type GossipEvent, type GossipSettings, gossipDefaults } from "../../src/gossip/index.ts";
import type { SocketAddress } from "../../src/platform/index.ts";
import { SeededRandom } from "../../src/simulation/index.ts";

export interface ModelOptions {
  readonly seed: number;
  readonly settings?: Partial<GossipSettings>;
  /** The part of datagrams and segments that are lost from one member (by its id) to another. Default: none. */
  readonly lossOf?: (from: number, to: number) => number;
  /** Whether members can probe each other over streams, and whether these lose what datagrams lose. Default "lossy". */
  readonly streams?: "none" | "lossy" | "reliable";
  readonly secret?: Uint8Array;
}

export interface ModelMember {
  readonly id: number;
  core: GossipCore;
  isUp: boolean;
  isPaused: boolean;
  /** What came while it was paused: as much as a socket's buffer holds. */
  readonly waiting: { readonly bytes: Uint8Array; readonly from: SocketAddress }[];
  wakeAtMs: number;
  readonly address: SocketAddress;
}

export interface Observation {
  readonly timeMs: number;
  readonly observer: number;
  readonly event: GossipEvent;
}

const retransmitMs = 200;
const waitingMax = 256;
const clusterId = Buffer.from("model");

export class GossipModel {
  nowMs = 0;
  datagramCount = 0;
  largestDatagramBytes = 0;
  readonly members: Map<number, ModelMember> = new Map();
  readonly observations: Observation[] = [];
  /** One way, as "from to". */
  readonly cuts: Set<string> = new Set();
  readonly random: SeededRandom;
  lossOf: (from: number, to: number) => number;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.lossOf = options.lossOf ?? (() => 0);
  }

  get settings(): GossipSettings {
    return { ...gossipDefaults, ...this.#options.settings };
  }

  /** Starts a member, or starts it again. `seeds` are ids. */
  start(id: number, seeds: readonly number[], incarnation = 1): ModelMember {
    const address = addressOf(id);
    const { secret } = this.#options;
    const core = new GossipCore({
      id,
      incarnation,
      details: { name: `n${id}`, zone: `z${id % 3}`, weight: 100, address, addresses: [{ ...address, use: "peer" }] },
      seeds: seeds.map(addressOf),
      settings: this.settings,
      random: this.random.fork(),
      nowMs: this.nowMs,
      clusterId,
      ...(secret !== undefined && { secret }),
    });
    const member: ModelMember = { id, core, isUp: true, isPaused: false, waiting: [], wakeAtMs: Infinity, address };
    this.members.set(id, member);
    this.#settle(member);
    return member;
  }

  /** `count` members with ids from 1, the first two of which all know of; then as much time as they need to know each other. */
  startAll(count: number): void {
    for (let id = 1; id <= count; id++) this.start(id, [1, 2]);
    this.runUntil(() => this.isOneView(), 120_000);
  }

  member(id: number): ModelMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no member ${id}`);
    return member;
  }

  crash(id: number): void {
    this.member(id).isUp = false;
  }

  pause(id: number): void {
    this.member(id).isPaused = true;
  }

  resume(id: number): void {
    const member = this.member(id);
    member.isPaused = false;
    // What waits at the socket and the timers that are due come in either order.
    const isTimerFirst = this.random.chance(0.5);
    if (isTimerFirst) member.core.tick(this.nowMs);
    for (const { bytes, from } of member.waiting.splice(0)) member.core.receive(bytes, from, this.nowMs);
    if (!isTimerFirst) member.core.tick(this.nowMs);
    this.#settle(member);
  }

  /** Both ways between the two groups. */
  partition(some: readonly number[], others: readonly number[]): void {
    for (const a of some) for (const b of others) this.cuts.add(`${a} ${b}`).add(`${b} ${a}`);
  }

  /** Does `action` with a core, and what it then wants. */
  act(id: number, action: (core: GossipCore) => void): void {
    const member = this.member(id);
    action(member.core);
    this.#settle(member);
  }

  schedule(delayMs: number, action: () => void): void {
    this.#push(this.nowMs + delayMs, action);
  }

  run(durationMs: number): void {
    this.runUntil(() => false, durationMs);
  }

  /** Whether `condition` came to hold, asked five times a second. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const endMs = this.nowMs + limitMs;
    let askedMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (this.nowMs - askedMs >= 200) {
        askedMs = this.nowMs;
        if (condition()) return true;
      }
      const first = this.#heap[0];
      if (first === undefined || first.timeMs > endMs) break;
      this.#pop();
      this.nowMs = first.timeMs;
      first.action();
    }
    this.nowMs = endMs;
    return condition();
  }

  /** Whether all that are up hold exactly those that are up for alive. */
  isOneView(): boolean {
    const up = [...this.members.values()].filter(({ isUp }) => isUp);
    return up.every(({ core }) => {
      const alive = core.members().filter(({ state }) => state === "alive");
      return alive.length === up.length && alive.every(({ id }) => this.member(id).isUp);
    });
  }

  /** Deaths of members that were up when somebody said so. */
  falseDeaths(): readonly Observation[] {
    return this.#falseDeaths;
  }

  readonly #options: ModelOptions;
  readonly #heap: Scheduled[] = [];
  readonly #falseDeaths: Observation[] = [];
  #sequence = 0;

  #settle(member: ModelMember): void {
    const { datagrams, streamProbes, events } = member.core.takeOutput();
    for (const event of events) this.#observe(member, event);
    for (const { to, bytes } of datagrams) this.#send(member, idOf(to), bytes);
    for (const probe of streamProbes) {
      const target = this.members.get(probe.member.id);
      const delayMs = target === undefined ? Infinity : this.#streamMs(member, target) + this.#streamMs(target, member);
      if (this.#options.streams === "none" || delayMs > probe.timeoutMs || target?.isPaused !== false) continue;
      this.#push(this.nowMs + delayMs, () => {
        if (!member.isUp || member.isPaused) return;
        member.core.streamAnswered(probe);
        this.#settle(member);
      });
    }
    this.#wake(member);
  }

  #wake(member: ModelMember): void {
    const atMs = Math.max(member.core.wakeAtMs, this.nowMs);
    // A timer that is due earlier looks again itself.
    if (member.wakeAtMs <= atMs && member.wakeAtMs >= this.nowMs) return;
    member.wakeAtMs = atMs;
    const { core } = member;
    this.#push(atMs, () => {
      if (member.core !== core || !member.isUp || member.wakeAtMs !== atMs) return;
      member.wakeAtMs = Infinity;
      if (member.isPaused) return;
      if (core.wakeAtMs <= this.nowMs) core.tick(this.nowMs);
      this.#settle(member);
    });
  }

  #observe(member: ModelMember, event: GossipEvent): void {
    const observation = { timeMs: this.nowMs, observer: member.id, event };
    this.observations.push(observation);
    if (event.type === "died" && this.members.get(event.member.id)?.isUp === true) this.#falseDeaths.push(observation);
  }

  #send(from: ModelMember, to: number, bytes: Buffer): void {
    this.datagramCount++;
    this.largestDatagramBytes = Math.max(this.largestDatagramBytes, bytes.length);
    if (this.random.chance(this.lossOf(from.id, to))) return;
    this.#push(this.nowMs + 0.3 + this.random.exponential(0.3), () => {
      const target = this.members.get(to);
      if (target?.isUp !== true || this.cuts.has(`${from.id} ${to}`)) return;
      if (target.isPaused) {
        if (target.waiting.length < waitingMax) target.waiting.push({ bytes, from: from.address });
        return;
      }
      target.core.receive(bytes, from.address, this.nowMs);
      this.#settle(target);
    });
  }

  /** One way, with what is lost sent again. */
  #streamMs(from: ModelMember, to: ModelMember): number {
    if (!to.isUp || !from.isUp || this.cuts.has(`${from.id} ${to.id}`)) return Infinity;
    let delayMs = 0.5;
    if (this.#options.streams === "reliable") return delayMs;
    for (let attempt = 0; attempt < 6 && this.random.chance(this.lossOf(from.id, to.id)); attempt++) {
      delayMs += retransmitMs * 2 ** attempt;
    }
    return delayMs;
  }

  #push(timeMs: number, action: () => void): void {
    const event = { timeMs, sequence: this.#sequence++, action };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Scheduled;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Scheduled;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= heap.length) break;
      if (childAt + 1 < heap.length && isBefore(heap[childAt + 1] as Scheduled, heap[childAt] as Scheduled)) childAt++;
      const child = heap[childAt] as Scheduled;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

interface Scheduled {
  readonly timeMs: number;
  readonly sequence: number;
  readonly action: () => void;
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.timeMs !== b.timeMs ? a.timeMs < b.timeMs : a.sequence < b.sequence;
}

function addressOf(id: number): SocketAddress {
  return { host: "10.0.0.1", port: id };
}

function idOf(address: SocketAddress): number {
  return address.port;
}
