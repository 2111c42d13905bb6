import { assert, type Random } from "../platform/index.ts";
import type { LocalHealth } from "./local-health.ts";
import { type GossipEvent, isSameDetails, type Member, type MemberDetails, memberStates } from "./member.ts";
import { ProbeOrder, pickSome } from "./probe-order.ts";
import type { Rumours } from "./rumours.ts";
import type { GossipSettings } from "./settings.ts";
import { Suspicion } from "./suspicion.ts";
import { incarnationMax, type Update } from "./update.ts";

type AliveUpdate = Extract<Update, { readonly kind: "alive" }>;
type AccusingUpdate = Extract<Update, { readonly kind: "suspect" | "dead" | "left" }>;

interface Entry {
  member: Member;
  suspicion: Suspicion | undefined;
  /** It did not answer this member itself. */
  isAccusedByMe: boolean;
  /** Since when it is dead or gone. */
  goneSinceMs: number;
}

export interface MembershipOptions {
  readonly id: number;
  readonly incarnation: number;
  readonly details: MemberDetails;
  readonly settings: GossipSettings;
  readonly random: Random;
  readonly rumours: Rumours;
  readonly health: LocalHealth;
  readonly onEvent: (event: GossipEvent) => void;
}

/**
 * What one member knows of all: it takes claims, keeps the one that counts of each member, passes on what was new to it, and
 * contradicts what is said of itself. Claims may come in any order and any number of times: those who have heard the same
 * ones hold the same.
 */
export class Membership {
  readonly id: number;
  readonly order: ProbeOrder;

  constructor(options: MembershipOptions) {
    this.id = options.id;
    this.#options = options;
    this.#incarnation = options.incarnation;
    this.#details = options.details;
    this.order = new ProbeOrder(options.random);
    this.#tellOfMyself();
  }

  /** Its own. */
  get incarnation(): number {
    return this.#incarnation;
  }

  get details(): MemberDetails {
    return this.#details;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Claims about members for whom there was no room. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** How often it had to contradict. */
  get refutedCount(): number {
    return this.#refutedCount;
  }

  /** Those that are not dead or gone, this one included. */
  get livingCount(): number {
    return this.#living.size + 1;
  }

  get deadCount(): number {
    return this.#entries.size - this.#living.size;
  }

  /** All that are known, the dead too, this one included, by id. */
  members(): readonly Member[] {
    const others = [...this.#entries.values()].map(({ member }) => member);
    return [...others, this.#myself()].sort((a, b) => a.id - b.id);
  }

  find(id: number): Member | undefined {
    return id === this.id ? this.#myself() : this.#entries.get(id)?.member;
  }

  /** Some others that are alive, or merely suspected. */
  pickLiving(count: number, accepts: (member: Member) => boolean = () => true): readonly Member[] {
    const candidates: Member[] = [];
    for (const { member } of this.#living.values()) if (accepts(member)) candidates.push(member);
    return pickSome(candidates, count, this.#options.random);
  }

  /** One that is dead, and did not say that it leaves. */
  pickDead(): Member | undefined {
    const dead = [...this.#entries.values()].filter(({ member }) => member.state === "dead");
    return pickSome(dead, 1, this.#options.random)[0]?.member;
  }

  apply(update: AliveUpdate | AccusingUpdate, nowMs: number): void {
    if (update.id === this.id) this.#applyToMyself(update);
    else if (update.kind === "alive") this.#applyAlive(update);
    else this.#applyAccusation(update, nowMs);
  }

  /** It did not answer. */
  accuse(id: number, nowMs: number): void {
    const entry = this.#living.get(id);
    if (entry === undefined) return;
    this.#applyAccusation({ kind: "suspect", id, incarnation: entry.member.incarnation, by: this.id }, nowMs);
    entry.isAccusedByMe = true;
  }

  /** Those under suspicion that did not answer this member itself. */
  accused(): readonly Member[] {
    if (this.#suspected.size === 0) return [];
    return [...this.#suspected.values()].filter((entry) => entry.isAccusedByMe).map(({ member }) => member);
  }

  setDetails(details: MemberDetails): void {
    if (isSameDetails(details, this.#details)) return;
    this.#details = details;
    this.#raise(this.#incarnation);
  }

  /** Tells all that it goes. */
  leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#options.rumours.add({ kind: "left", id: this.id, incarnation: this.#incarnation, by: this.id });
  }

  /** Ends suspicions whose time has come, and forgets those that are long dead. */
  tick(nowMs: number): void {
    for (const entry of [...this.#suspected.values()]) {
      const { member, suspicion } = entry;
      if (suspicion === undefined || suspicion.endMs > nowMs) continue;
      this.#applyAccusation({ kind: "dead", id: member.id, incarnation: member.incarnation, by: this.id }, nowMs);
    }
  }

  forgetDead(nowMs: number): void {
    for (const [id, { goneSinceMs }] of this.#entries) {
      if (!this.#living.has(id) && nowMs - goneSinceMs > this.#options.settings.deadKeptMs) this.#entries.delete(id);
    }
  }

  /** When {@link tick} has something to do. */
  get wakeAtMs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { suspicion } of this.#suspected.values()) {
      if (suspicion !== undefined) earliest = Math.min(earliest, suspicion.endMs);
    }
    return earliest;
  }

  /** This process stood still for that long: nobody could have contradicted. */
  postponeSuspicions(byMs: number): void {
    for (const { suspicion } of this.#suspected.values()) suspicion?.postpone(byMs);
  }

  /** The same for two members that know the same of the living; suspicions come and go, and do not count. */
  digest(): number {
    let sum = fingerprint(this.id, this.#incarnation);
    for (const { member } of this.#living.values()) sum = (sum + fingerprint(member.id, member.incarnation)) >>> 0;
    return sum;
  }

  /** All that it knows, as news. */
  *updates(): IterableIterator<Update> {
    if (!this.#isLeaving) yield this.aliveUpdate(this.#myself());
    for (const { member } of this.#entries.values()) {
      if (this.#living.has(member.id)) yield this.aliveUpdate(member);
      const accusation = this.accusationOf(member);
      if (accusation !== undefined) yield accusation;
    }
  }

  aliveUpdate({ id, incarnation, name, zone, weight, address, addresses }: Member): Update {
    return { kind: "alive", id, incarnation, details: { name, zone, weight, address, addresses } };
  }

  /** What is held against a member, so that it can contradict. */
  accusationOf({ id, incarnation, state }: Member): Update | undefined {
    if (state === "alive") return undefined;
    return { kind: state, id, incarnation, by: state === "left" ? id : this.id };
  }

  readonly #options: MembershipOptions;
  #incarnation: number;
  #details: MemberDetails;
  #isLeaving = false;
  #refusedCount = 0;
  #refutedCount = 0;
  /** All others. */
  readonly #entries: Map<number, Entry> = new Map();
  /** Of these, the alive and the suspected. */
  readonly #living: Map<number, Entry> = new Map();
  readonly #suspected: Map<number, Entry> = new Map();

  #myself(): Member {
    const state = this.#isLeaving ? "left" : "alive";
    return { ...this.#details, id: this.id, incarnation: this.#incarnation, state };
  }

  #tellOfMyself(): void {
    this.#options.rumours.add(this.aliveUpdate(this.#myself()));
  }

  #applyToMyself(update: AliveUpdate | AccusingUpdate): void {
    if (this.#isLeaving || update.incarnation >= incarnationMax) return;
    if (update.incarnation < this.#incarnation) {
      // Whoever accuses it of something old has not heard the answer.
      const { rumours } = this.#options;
      if (update.kind !== "alive" && !rumours.tellsOfMember(this.id)) this.#tellOfMyself();
      return;
    }
    if (update.kind === "alive") {
      const isEcho = update.incarnation === this.#incarnation && isSameDetails(update.details, this.#details);
      if (isEcho) return;
    } else if (update.kind !== "left") {
      this.#options.health.worsen();
    }
    this.#refutedCount++;
    this.#raise(update.incarnation);
  }

  #raise(above: number): void {
    this.#incarnation = above + 1;
    if (this.#isLeaving) return;
    this.#tellOfMyself();
  }

  #applyAlive(update: AliveUpdate): void {
    const { id, incarnation, details } = update;
    const entry = this.#entries.get(id);
    if (entry !== undefined && incarnation <= entry.member.incarnation) return;
    const member: Member = { ...details, id, incarnation, state: "alive" };
    if (entry === undefined) {
      if (!this.#hasRoom()) {
        this.#refusedCount++;
        return;
      }
      const added = { member, suspicion: undefined, isAccusedByMe: false, goneSinceMs: 0 };
      this.#entries.set(id, added);
      this.#comeAlive(added);
      this.#options.onEvent({ type: "joined", member });
    } else {
      const before = entry.member;
      const wasLiving = this.#living.has(id);
      entry.member = member;
      this.#acquit(entry);
      if (!wasLiving) this.#comeAlive(entry);
      if (!wasLiving) this.#options.onEvent({ type: "joined", member });
      else if (before.state === "suspect") this.#options.onEvent({ type: "trusted", member });
      if (wasLiving && !isSameDetails(before, member)) this.#options.onEvent({ type: "updated", member });
    }
    this.#options.rumours.add(update);
  }

  #comeAlive(entry: Entry): void {
    this.#living.set(entry.member.id, entry);
    this.order.add(entry.member.id);
  }

  #applyAccusation(update: AccusingUpdate, nowMs: number): void {
    const entry = this.#entries.get(update.id);
    // Of a stranger it is not even known where it lives.
    if (entry === undefined) return;
    const { member } = entry;
    if (update.incarnation < member.incarnation) return;
    if (update.incarnation === member.incarnation) {
      const isNews = memberStates.indexOf(update.kind) > memberStates.indexOf(member.state);
      if (!isNews) {
        if (update.kind === "suspect" && entry.suspicion?.confirm(update.by) === true)
          this.#options.rumours.add(update);
        return;
      }
    } else if (!this.#living.has(update.id) && update.kind === "suspect") {
      // Somebody has seen it in a later life, which is told in full when lists are compared.
      return;
    }
    entry.member = { ...member, incarnation: update.incarnation, state: update.kind };
    if (update.kind === "suspect") this.#suspect(entry, update.by, nowMs);
    else this.#bury(entry, nowMs);
    this.#options.rumours.add(update);
  }

  #suspect(entry: Entry, accuser: number, nowMs: number): void {
    const { settings, onEvent } = this.#options;
    const count = this.livingCount;
    const leastMs = settings.suspicionFactor * Math.max(1, Math.log10(count)) * settings.probeIntervalMs;
    // The accuser and the accused are not asked.
    const confirmationsWanted = Math.max(0, Math.ceil(settings.suspicionFactor) - 2);
    entry.suspicion = new Suspicion({
      startMs: nowMs,
      leastMs,
      mostMs: leastMs * settings.suspicionMaxFactor,
      confirmationsWanted: count - 2 < confirmationsWanted ? 0 : confirmationsWanted,
      accuser,
    });
    this.#suspected.set(entry.member.id, entry);
    onEvent({ type: "suspected", member: entry.member });
  }

  #bury(entry: Entry, nowMs: number): void {
    const { id, state } = entry.member;
    const wasLiving = this.#living.delete(id);
    this.#acquit(entry);
    if (wasLiving) {
      entry.goneSinceMs = nowMs;
      this.order.remove(id);
      assert(state === "dead" || state === "left", "whoever is buried is dead or gone");
      this.#options.onEvent({ type: state === "dead" ? "died" : "left", member: entry.member });
    }
  }

  #acquit(entry: Entry): void {
    this.#suspected.delete(entry.member.id);
    entry.suspicion = undefined;
    entry.isAccusedByMe = false;
  }

  /** The longest dead makes room for somebody who lives. */
  #hasRoom(): boolean {
    if (this.#entries.size + 1 < this.#options.settings.membersMax) return true;
    let longest: Entry | undefined;
    for (const [id, entry] of this.#entries) {
      if (!this.#living.has(id) && (longest === undefined || entry.goneSinceMs < longest.goneSinceMs)) longest = entry;
    }
    return longest !== undefined && this.#entries.delete(longest.member.id);
  }
}

/** 32 bits, as good as random: a sum of them over a set of members does not depend on their order. */
function fingerprint(id: number, incarnation: number): number {
  let mixed = Math.imul(id ^ Math.floor(id / 0x1_0000_0000), 0x9e37_79b1);
  mixed = Math.imul(mixed ^ incarnation ^ Math.floor(incarnation / 0x1_0000_0000), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
