import { type Random, randomFloat, type SocketAddress } from "../platform/index.ts";
import type { LocalHealth } from "./local-health.ts";
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";
import type { Message } from "./message.ts";
import type { Outbox } from "./outbox.ts";
import type { GossipSettings } from "./settings.ts";

/** To be asked over a stream whether it is there: datagrams alone may be what is lost. */
export interface StreamProbe {
  /** To be handed back with the answer. */
  readonly sequence: number;
  readonly member: Member;
  /** An answer later than that is of no use. */
  readonly timeoutMs: number;
}

interface Probe {
  readonly sequence: number;
  readonly id: number;
  /** From then on others are asked. */
  readonly timeoutAtMs: number;
  readonly endMs: number;
  isIndirect: boolean;
  nacksWanted: number;
  readonly nacksFrom: Set<number>;
}

/** A probe for somebody else. */
interface Relay {
  readonly to: SocketAddress;
  readonly sequence: number;
  readonly target: number;
  readonly endMs: number;
}

/** Probes for others that are under way; further ones are not made. */
const relaysMax = 256;

/**
 * Finds out who does not answer (SWIM §3.1): in each period one other member is probed; if it does not answer in time some
 * others are asked to try, and a stream is tried; if nothing has come in time, it is suspected.
 */
export class Prober {
  constructor(options: {
    readonly membership: Membership;
    readonly outbox: Outbox;
    readonly health: LocalHealth;
    readonly settings: GossipSettings;
    readonly random: Random;
    readonly nowMs: number;
  }) {
    this.#membership = options.membership;
    this.#outbox = options.outbox;
    this.#health = options.health;
    this.#settings = options.settings;
    this.#random = options.random;
    this.#nextProbeMs = options.nowMs + randomFloat(options.random) * options.settings.probeIntervalMs;
  }

  /** Probes that nobody answered. */
  get failedCount(): number {
    return this.#failedCount;
  }

  get wakeAtMs(): number {
    let earliest = this.#nextProbeMs;
    const probe = this.#probe;
    if (probe !== undefined) earliest = Math.min(earliest, probe.isIndirect ? probe.endMs : probe.timeoutAtMs);
    for (const { endMs } of this.#relays.values()) earliest = Math.min(earliest, endMs);
    return earliest;
  }

  tick(nowMs: number): void {
    for (const [sequence, relay] of this.#relays) {
      if (relay.endMs > nowMs) continue;
      this.#relays.delete(sequence);
      this.#outbox.send({ kind: "nack", from: this.#membership.id, sequence: relay.sequence }, relay.to);
    }
    const probe = this.#probe;
    if (probe !== undefined && !probe.isIndirect && probe.timeoutAtMs <= nowMs) this.#askOthers(probe, nowMs);
    if (probe !== undefined && probe.endMs <= nowMs) this.#fail(probe, nowMs);
    if (this.#nextProbeMs <= nowMs) this.#begin(nowMs);
  }

  /** This process stood still: whether somebody answered meanwhile is not known. */
  abandon(nowMs: number): void {
    this.#probe = undefined;
    this.#relays.clear();
    this.#nextProbeMs = nowMs;
  }

  takeStreamProbes(): readonly StreamProbe[] {
    const taken = this.#streamProbes;
    this.#streamProbes = [];
    return taken;
  }

  answered({ sequence, from }: { readonly sequence: number; readonly from: number }): void {
    const probe = this.#probe;
    if (probe !== undefined && probe.sequence === sequence && probe.id === from) {
      this.#probe = undefined;
      this.#health.improve();
      return;
    }
    const relay = this.#relays.get(sequence);
    if (relay === undefined || relay.target !== from) return;
    this.#relays.delete(sequence);
    this.#outbox.send({ kind: "ack", from, sequence: relay.sequence }, relay.to);
  }

  /** The one that was asked to try is there, and so is the way to it. */
  couldNot({ sequence, from }: { readonly sequence: number; readonly from: number }): void {
    if (this.#probe?.sequence === sequence) this.#probe.nacksFrom.add(from);
  }

  /** The member at `to` asks whether `target` is there. */
  relay(request: Extract<Message, { readonly kind: "pingRequest" }>, to: SocketAddress, nowMs: number): void {
    const target = this.#membership.find(request.to);
    if (target === undefined || target.id === this.#membership.id || this.#relays.size >= relaysMax) return;
    // The nack has to come before the one who asked gives up.
    const waitMs = (this.#settings.indirectTimeoutMs * 2) / 3;
    const sequence = this.#random.uint32();
    this.#relays.set(sequence, { to, sequence: request.sequence, target: target.id, endMs: nowMs + waitMs });
    this.#ping(target, sequence);
  }

  readonly #membership: Membership;
  readonly #outbox: Outbox;
  readonly #health: LocalHealth;
  readonly #settings: GossipSettings;
  readonly #random: Random;
  readonly #relays: Map<number, Relay> = new Map();
  #probe: Probe | undefined;
  #nextProbeMs: number;
  #streamProbes: StreamProbe[] = [];
  #failedCount = 0;

  #begin(nowMs: number): void {
    const { probeIntervalMs, probeTimeoutMs, indirectTimeoutMs } = this.#settings;
    const { slowness } = this.#health;
    this.#nextProbeMs = nowMs + probeIntervalMs * slowness;
    const id = this.#membership.order.next();
    const member = id === undefined ? undefined : this.#membership.find(id);
    if (member === undefined) return;
    this.#probe = {
      sequence: this.#random.uint32(),
      id: member.id,
      timeoutAtMs: nowMs + probeTimeoutMs * slowness,
      endMs: nowMs + (probeTimeoutMs + indirectTimeoutMs) * slowness,
      isIndirect: false,
      nacksWanted: 0,
      nacksFrom: new Set(),
    };
    this.#ping(member, this.#probe.sequence);
  }

  /** Whoever is suspected hears of it first, so that it can contradict. */
  #ping(member: Member, sequence: number): void {
    const { id } = this.#membership;
    const accusation = this.#membership.accusationOf(member);
    this.#outbox.send({ kind: "ping", from: id, to: member.id, sequence }, member.address, accusation);
  }

  #askOthers(probe: Probe, nowMs: number): void {
    probe.isIndirect = true;
    const member = this.#membership.find(probe.id);
    if (member === undefined) return;
    const helpers = this.#membership.pickLiving(
      this.#settings.indirectProbes,
      ({ id, state }) => id !== probe.id && state === "alive",
    );
    probe.nacksWanted = helpers.length;
    const request = { kind: "pingRequest", from: this.#membership.id, to: probe.id, sequence: probe.sequence } as const;
    for (const helper of helpers) this.#outbox.send(request, helper.address);
    this.#streamProbes.push({ sequence: probe.sequence, member, timeoutMs: probe.endMs - nowMs });
  }

  #fail(probe: Probe, nowMs: number): void {
    this.#probe = undefined;
    this.#failedCount++;
    // Helpers that are silent too say more about this member than about the one that was probed.
    if (probe.nacksFrom.size * 2 <= probe.nacksWanted) this.#health.worsen();
    this.#membership.accuse(probe.id, nowMs);
  }
}
