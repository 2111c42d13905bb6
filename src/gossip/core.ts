import { type Random, randomFloat, type SocketAddress } from "../platform/index.ts";
import { LeaderHints } from "./leader-hints.ts";
import { LocalHealth } from "./local-health.ts";
import {
  checkDetails,
  checkHint,
  checkWhole,
  type GossipEvent,
  isSameAddress,
  type LeaderHint,
  type Member,
  type MemberDetails,
} from "./member.ts";
import { Membership } from "./membership.ts";
import { decodeMessage, type Message } from "./message.ts";
import { Outbox, type OutgoingDatagram } from "./outbox.ts";
import { pickSome } from "./probe-order.ts";
import { Prober, type StreamProbe } from "./prober.ts";
import { Rumours } from "./rumours.ts";
import { Seal, type SealFault, type SealOptions } from "./seal.ts";
import type { GossipSettings } from "./settings.ts";
import { incarnationMax, type Update } from "./update.ts";

export interface GossipCoreOptions extends SealOptions {
  readonly id: number;
  /** Higher than any that this member has used before, as far as it knows; what others know is learned. */
  readonly incarnation: number;
  readonly details: MemberDetails;
  /** Where other members may be found, at first and whenever nobody is left. */
  readonly seeds: readonly SocketAddress[];
  readonly settings: GossipSettings;
  readonly random: Random;
  readonly nowMs: number;
}

/** What has to be done outside. */
export interface GossipOutput {
  readonly datagrams: readonly OutgoingDatagram[];
  readonly streamProbes: readonly StreamProbe[];
  readonly events: readonly GossipEvent[];
}

/** Why a datagram was dropped: by what stands around it, or because it is no message. */
export type DropReason = SealFault | "malformed";

export interface GossipCounters {
  readonly receivedCount: number;
  readonly sentCount: number;
  readonly droppedCounts: Readonly<Record<DropReason, number>>;
  /** Probes that nobody answered. */
  readonly failedProbes: number;
  /** Claims about itself that it had to contradict. */
  readonly refutations: number;
  /** News of members for whom there was no room. */
  readonly refusedMembers: number;
  /** How often the process stood still for longer than a probe waits. */
  readonly standstills: number;
  /** Lists that were asked for while one had just been sent, and were not. */
  readonly syncsDelayed: number;
  /** 1 when it is well; up to so many times as slow. */
  readonly slowness: number;
}

const seedsPerRound = 3;
/** So many that are suspected are pressed for an answer at a time. */
const accusedPerRound = 8;
const joinPauseFactorMax = 8;
/** A list is sent at most this often. */
const syncPauseMs = 50;

/**
 * One member, as a pure machine: SWIM (Das, Gupta, Motivala 2002) with the additions of Lifeguard (Dadgar, Phillips,
 * Currey 2018). Time, datagrams and wishes go in; datagrams, events and questions for streams come out by {@link takeOutput}.
 * `nowMs` is any monotonic clock. It is to be woken by {@link tick} at {@link wakeAtMs}, which changes with every call.
 *
 * Where we differ from the papers: news also travels by itself, to a few members every 200 ms, for as long as there is any;
 * whoever suspects a member asks it again as often; lists are compared by digest now and then; dead members are tried again; and time in which the process stood still counts
 * against nobody.
 */
export class GossipCore {
  /** @throws InvalidArgumentError (INVALID_ARGUMENT) for details that cannot be sent */
  constructor(options: GossipCoreOptions) {
    checkDetails(options.details);
    checkWhole("id", options.id, Number.MAX_SAFE_INTEGER);
    checkWhole("incarnation", options.incarnation, incarnationMax - 1);
    const { settings, random, nowMs } = options;
    this.#settings = settings;
    this.#random = random;
    this.#seeds = options.seeds;
    this.#seal = new Seal(options);
    this.#health = new LocalHealth(settings.slownessMax);
    this.#hints = new LeaderHints(settings.hintsMax);
    const rumours = this.#rumours;
    const onEvent = (event: GossipEvent): void => {
      this.#events.push(event);
    };
    this.#membership = new Membership({ ...options, rumours, health: this.#health, onEvent });
    const sendsMax = (): number => Math.ceil(settings.retransmitFactor * Math.log(this.#membership.livingCount + 1));
    this.#outbox = new Outbox({ seal: this.#seal, rumours, sendsMax });
    this.#prober = new Prober({
      membership: this.#membership,
      outbox: this.#outbox,
      health: this.#health,
      settings,
      random,
      nowMs,
    });
    this.#nextJoinMs = nowMs;
    this.#nextGossipMs = nowMs;
    this.#syncPauseMs = settings.probeIntervalMs;
    this.#nextSyncMs = nowMs + this.#vary(settings.probeIntervalMs);
    this.#nextReconnectMs = nowMs + this.#vary(settings.reconnectIntervalMs);
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  get id(): number {
    return this.#membership.id;
  }

  /** To be kept, so that the next life begins above it. */
  get incarnation(): number {
    return this.#membership.incarnation;
  }

  /** When {@link tick} is due. */
  get wakeAtMs(): number {
    const gossipMs =
      this.#hasNews() && this.#membership.livingCount > 1 ? this.#nextGossipMs : Number.POSITIVE_INFINITY;
    if (this.#membership.isLeaving) return gossipMs;
    return Math.min(
      gossipMs,
      this.#prober.wakeAtMs,
      this.#membership.wakeAtMs,
      this.#nextReconnectMs,
      this.#nextSyncMs,
      this.#membership.livingCount > 1 || this.#seeds.length === 0 ? Number.POSITIVE_INFINITY : this.#nextJoinMs,
    );
  }

  tick(nowMs: number): void {
    this.#noticeStandstill(nowMs);
    if (!this.#membership.isLeaving) {
      this.#membership.tick(nowMs);
      this.#prober.tick(nowMs);
      this.#join(nowMs);
      this.#sync(nowMs);
      this.#reconnect(nowMs);
    }
    this.#gossip(nowMs);
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  receive(bytes: Uint8Array, from: SocketAddress, nowMs: number): void {
    this.#noticeStandstill(nowMs);
    this.#receivedCount++;
    const body = this.#seal.open(bytes);
    const received = typeof body === "string" ? undefined : decodeMessage(body);
    if (received === undefined) {
      this.#droppedCounts[typeof body === "string" ? body : "malformed"]++;
    } else {
      for (const update of received.updates) this.#learn(update, nowMs);
      if (received.message.from !== this.id) this.#answer(received.message, from, nowMs);
    }
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  /** The stream that {@link GossipOutput.streamProbes} asked for has answered in time. */
  streamAnswered({ sequence, member }: StreamProbe): void {
    this.#prober.answered({ sequence, from: member.id });
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  /** Says something else of itself from now on. @throws InvalidArgumentError (INVALID_ARGUMENT) */
  setDetails(details: MemberDetails): void {
    checkDetails(details);
    this.#membership.setDetails(details);
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  /**
   * Tells all who leads a shard; of a term that is not higher than what is known it is not told.
   * @throws InvalidArgumentError (INVALID_ARGUMENT)
   */
  tellLeader(hint: LeaderHint, nowMs: number): void {
    checkHint(hint);
    this.#learn({ kind: "leader", ...hint }, nowMs);
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  /** Tells all that this member goes, the first of them at once; for that it has to be woken a few times more. */
  leave(nowMs: number): void {
    this.#membership.leave();
    this.#nextGossipMs = nowMs;
    this.#lastWakeAtMs = this.wakeAtMs;
  }

  takeOutput(): GossipOutput {
    const events = this.#events;
    this.#events = [];
    const datagrams = this.#outbox.take();
    this.#sentCount += datagrams.length;
    return { datagrams, streamProbes: this.#prober.takeStreamProbes(), events };
  }

  /** All that are known, the dead and this one included, by id. */
  members(): readonly Member[] {
    return this.#membership.members();
  }

  find(id: number): Member | undefined {
    return this.#membership.find(id);
  }

  leaderOf(shard: number): LeaderHint | undefined {
    return this.#hints.find(shard);
  }

  /** By shard. */
  leaders(): readonly LeaderHint[] {
    return this.#hints.all();
  }

  counters(): GossipCounters {
    return {
      receivedCount: this.#receivedCount,
      sentCount: this.#sentCount,
      droppedCounts: { ...this.#droppedCounts },
      failedProbes: this.#prober.failedCount,
      refutations: this.#membership.refutedCount,
      refusedMembers: this.#membership.refusedCount,
      standstills: this.#standstillCount,
      syncsDelayed: this.#syncsDelayedCount,
      slowness: this.#health.slowness,
    };
  }

  readonly #settings: GossipSettings;
  readonly #random: Random;
  readonly #seeds: readonly SocketAddress[];
  readonly #seal: Seal;
  readonly #health: LocalHealth;
  readonly #hints: LeaderHints;
  readonly #rumours: Rumours = new Rumours();
  readonly #membership: Membership;
  readonly #outbox: Outbox;
  readonly #prober: Prober;
  #events: GossipEvent[] = [];
  #nextJoinMs: number;
  #joinCount = 0;
  #nextGossipMs: number;
  #nextSyncMs: number;
  #syncPauseMs: number;
  #lastListMs: number = Number.NEGATIVE_INFINITY;
  #nextReconnectMs: number;
  /** What was promised to whoever wakes this member. */
  #lastWakeAtMs: number;
  #receivedCount = 0;
  #sentCount = 0;
  #standstillCount = 0;
  #syncsDelayedCount = 0;
  readonly #droppedCounts: Record<DropReason, number> = {
    tooLarge: 0,
    wrongVersion: 0,
    wrongCluster: 0,
    notSealed: 0,
    wrongSeal: 0,
    damaged: 0,
    malformed: 0,
  };

  #learn(update: Update, nowMs: number): void {
    if (update.kind !== "leader") {
      this.#membership.apply(update, nowMs);
      return;
    }
    const { shard, term, leader } = update;
    if (!this.#hints.learn(update)) return;
    this.#rumours.add(update);
    this.#events.push({ type: "leader", hint: { shard, term, leader } });
  }

  #answer(message: Message, from: SocketAddress, nowMs: number): void {
    switch (message.kind) {
      case "ping":
        if (message.to === this.id) {
          this.#outbox.send({ kind: "ack", from: this.id, sequence: message.sequence }, from);
        }
        break;
      case "ack":
        this.#prober.answered(message);
        break;
      case "pingRequest":
        this.#prober.relay(message, from, nowMs);
        break;
      case "nack":
        this.#prober.couldNot(message);
        break;
      case "sync":
        this.#answerSync(message, from, nowMs);
        break;
      case "news":
        break;
    }
  }

  #answerSync(message: Extract<Message, { kind: "sync" }>, from: SocketAddress, nowMs: number): void {
    if (message.digest === this.#membership.digest()) return;
    if (nowMs - this.#lastListMs < syncPauseMs) {
      this.#syncsDelayedCount++;
      return;
    }
    this.#lastListMs = nowMs;
    if (!message.isReturn) this.#askForList(from, true);
    this.#outbox.sendAll({ kind: "news", from: this.id }, from, this.#everything());
  }

  #askForList(to: SocketAddress, isReturn: boolean): void {
    const message = { kind: "sync", from: this.id, digest: this.#membership.digest(), isReturn } as const;
    const myself = this.#membership.find(this.id);
    this.#outbox.send(message, to, myself === undefined ? undefined : this.#membership.aliveUpdate(myself));
  }

  *#everything(): IterableIterator<Update> {
    yield* this.#membership.updates();
    for (const hint of this.#hints.all()) yield { kind: "leader", ...hint };
  }

  /** Nobody is known: asks the seeds, in turn, at growing distances. */
  #join(nowMs: number): void {
    if (this.#membership.livingCount > 1) {
      this.#joinCount = 0;
      return;
    }
    if (this.#seeds.length === 0 || this.#nextJoinMs > nowMs) return;
    for (let at = 0; at < Math.min(seedsPerRound, this.#seeds.length); at++) {
      const seed = this.#seeds[(this.#joinCount * seedsPerRound + at) % this.#seeds.length];
      if (seed !== undefined && !isSameAddress(seed, this.#membership.details.address)) this.#askForList(seed, false);
    }
    const factor = Math.min(2 ** this.#joinCount, joinPauseFactorMax);
    this.#joinCount++;
    this.#nextJoinMs = nowMs + this.#vary(this.#settings.probeIntervalMs * factor);
    this.#syncPauseMs = this.#settings.probeIntervalMs;
    this.#nextSyncMs = nowMs + this.#vary(this.#syncPauseMs);
  }

  #gossip(nowMs: number): void {
    if (this.#nextGossipMs > nowMs || !this.#hasNews()) return;
    this.#nextGossipMs = nowMs + this.#settings.gossipIntervalMs;
    for (const accused of this.#membership.accused().slice(0, accusedPerRound)) this.#pingAccused(accused);
    for (const { address } of this.#membership.pickLiving(this.#settings.gossipFanout)) {
      if (this.#rumours.count > 0) this.#outbox.send({ kind: "news", from: this.id }, address);
    }
  }

  #hasNews(): boolean {
    if (this.#membership.isLeaving) return this.#rumours.count > 0;
    return this.#rumours.count > 0 || this.#membership.accused().length > 0;
  }

  /** It hears what is held against it, and its answer brings what it has to say. */
  #pingAccused(member: Member): void {
    const ping = { kind: "ping", from: this.id, to: member.id, sequence: this.#random.uint32() } as const;
    this.#outbox.send(ping, member.address, this.#membership.accusationOf(member));
  }

  /** Compares lists with somebody: soon after a start, and ever more rarely. */
  #sync(nowMs: number): void {
    if (this.#nextSyncMs > nowMs) return;
    this.#nextSyncMs = nowMs + this.#vary(this.#syncPauseMs);
    this.#syncPauseMs = Math.min(2 * this.#syncPauseMs, this.#settings.syncIntervalMs);
    const [partner] = this.#membership.pickLiving(1);
    if (partner !== undefined) this.#askForList(partner.address, false);
  }

  /** The dead may be alive behind a cut that has healed, and at a seed somebody may live who never heard of us. */
  #reconnect(nowMs: number): void {
    if (this.#nextReconnectMs > nowMs) return;
    this.#nextReconnectMs = nowMs + this.#vary(this.#settings.reconnectIntervalMs);
    this.#membership.forgetDead(nowMs);
    // All the living together try each of the dead about once in that time.
    const isTried = randomFloat(this.#random) < this.#membership.deadCount / this.#membership.livingCount;
    const dead = isTried ? this.#membership.pickDead() : undefined;
    if (dead !== undefined) this.#pingAccused(dead);
    const known = this.members().filter(({ state }) => state === "alive" || state === "suspect");
    const strange = this.#seeds.filter((seed) => !known.some(({ address }) => isSameAddress(address, seed)));
    const [seed] = pickSome(strange, 1, this.#random);
    if (seed !== undefined) this.#askForList(seed, false);
  }

  /** Whoever was woken much too late has heard nothing meanwhile, and accuses nobody of it. */
  #noticeStandstill(nowMs: number): void {
    const lateMs = nowMs - this.#lastWakeAtMs;
    if (lateMs <= this.#settings.probeTimeoutMs) return;
    this.#standstillCount++;
    this.#membership.postponeSuspicions(lateMs);
    this.#prober.abandon(nowMs);
    this.#health.worsen();
    this.#lastWakeAtMs = nowMs;
  }

  /** From three to five quarters of it, so that members do not fall into step. */
  #vary(ms: number): number {
    return ms * (0.75 + randomFloat(this.#random) / 2);
  }
}
