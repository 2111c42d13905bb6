/**
 * Comparison of the replicas' states (CONSENSUS D-11). The leader puts `CHECKSUM` commands into the log every few
 * minutes: each replica computes the digest of a part of the state at just that entry, all of them tell each other, and
 * one that differs from a majority stops. A *round* goes through the whole state, a few thousand keys an entry; its
 * digests, chained, are the digest of the round, which people compare.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../../platform/index.ts";
import type { Configuration, LogIndex } from "../../raft/index.ts";
import { Arguments, type Reply } from "../../resp/index.ts";

/** The digest of all keys, finished at `index`. */
export interface Checksum {
  readonly index: LogIndex;
  readonly digest: string;
}

/**
 * What is announced instead by a replica that has finished no round since it began or was sent a snapshot. Nobody compares
 * it: no entry has the index 0. Versions that do not know it make nothing of it.
 */
export const noChecksum: Checksum = { index: 0, digest: "" };

/** One entry's digest is kept this long, in entries, to be compared with those that arrive late. */
const keptMax = 256;
/** Keys that one entry goes through: some ten milliseconds. */
const sliceKeysMax = 10_000;
/** A round that somebody has asked for is not run again before this. */
const askedIntervalMsMin = 1_000;
/** A replica that took no part in the round for its sake gets the next one so many times later. */
const lackWaitFactor = 2;

export interface ChecksumsOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** How many replicas vote now. */
  readonly voterCount: () => number;
  /** Puts a command into the log, if this replica leads. */
  readonly propose: (args: Arguments) => void;
  /** Tells the others, unless the entry is an old one that is applied again after a restart. */
  readonly announce: (checksum: Checksum) => void;
  /** Tells the others that there is no digest of a round here, if this replica takes part and another one leads. */
  readonly tellLack: () => void;
  /** This replica's state is not that of the majority. */
  readonly onDifference: (index: LogIndex) => void;
}

export class Checksums {
  constructor(options: ChecksumsOptions) {
    this.#options = options;
    this.#lastMs = options.clock.nowMs();
  }

  /** Rounds that were finished here, the newest last. */
  get finished(): readonly Checksum[] {
    return this.#finished;
  }

  /**
   * Somebody wants to see a digest: a round is begun if there was none of late and there is something new, or a replica has
   * taken part in none, since it began or was sent a snapshot behind the newest one.
   */
  wanted(appliedIndex: LogIndex): void {
    const isNew = appliedIndex !== this.#finished.at(-1)?.index;
    if (isNew && this.#quietMs >= askedIntervalMsMin) this.#isWanted = true;
    if (this.#isLacking) this.#options.tellLack();
  }

  /** Of a leader, at each tick. */
  tick(): void {
    if (this.#isProposed) return;
    if (this.#next === 0 && !this.#isWanted && this.#quietMs < this.#options.intervalMs) return;
    this.#isWanted = false;
    this.#isProposed = true;
    this.#options.propose(Arguments.of(["CHECKSUM", String(this.#next), String(sliceKeysMax)]));
  }

  /** What was proposed did not happen, or has no effect: it is tried again. */
  dropped(): void {
    this.#isProposed = false;
  }

  /** The state was replaced: entries of the round under way were left out here. */
  skipped(): void {
    this.#chain = [];
    this.#next = 0;
    this.#isLacking = true;
  }

  /** An entry has computed the digest of the keys from `from` on. */
  computed(index: LogIndex, from: number, reply: Reply): void {
    if (!Array.isArray(reply)) return;
    const [digest, next] = reply;
    if (typeof digest !== "string" || typeof next !== "number") return;
    this.#isProposed = false;
    this.#lastMs = this.#options.clock.nowMs();
    this.#chain = from === 0 ? [digest] : from === this.#next ? [...this.#chain, digest] : [];
    this.#next = this.#chain.length === 0 ? 0 : next;
    if (this.#chain.length > 0 && next === 0) this.#finish(index);
    this.#record(this.#own, index, digest);
    this.#options.announce({ index, digest });
    this.#compare(index);
  }

  /** Another replica's digest at an entry, or that it has none. */
  heard(replica: number, { index, digest }: Checksum): void {
    if (index === noChecksum.index) {
      this.#lackOf(replica);
      return;
    }
    this.#lackWaitsMs.delete(replica);
    let digests = this.#others.get(replica);
    if (digests === undefined) {
      digests = new Map();
      this.#others.set(replica, digests);
    }
    this.#record(digests, index, digest);
    this.#compare(index);
  }

  readonly #options: ChecksumsOptions;
  readonly #own: Map<LogIndex, string> = new Map();
  readonly #others: Map<number, Map<LogIndex, string>> = new Map();
  #finished: readonly Checksum[] = [];
  /** Of the round under way: its digests, and where it goes on. */
  #chain: readonly string[] = [];
  #next = 0;
  #isWanted = false;
  #isProposed = false;
  #lastMs: number;
  /** No round was finished here since this replica began, or its state was replaced. */
  #isLacking = true;
  /** Of the replicas for whose sake a round was begun, and which have told no digest since: how long the next one waits. */
  readonly #lackWaitsMs: Map<number, number> = new Map();

  /** Since the last digest. */
  get #quietMs(): number {
    return this.#options.clock.nowMs() - this.#lastMs;
  }

  /** Ever more seldom for one that cannot take part, so that who asks again and again does not fill the log. */
  #lackOf(replica: number): void {
    const waitMs = this.#lackWaitsMs.get(replica) ?? askedIntervalMsMin;
    const isUnderWay = this.#isWanted || this.#isProposed || this.#next > 0;
    if (isUnderWay || this.#quietMs < waitMs) return;
    this.#isWanted = true;
    this.#lackWaitsMs.set(replica, lackWaitFactor * waitMs);
  }

  #finish(index: LogIndex): void {
    const [only] = this.#chain;
    const digest =
      this.#chain.length === 1 && only !== undefined
        ? only
        : createHash("sha256").update(this.#chain.join()).digest("hex").slice(0, 32);
    this.#finished = [...this.#finished.slice(-7), { index, digest }];
    this.#isLacking = false;
  }

  #record(digests: Map<LogIndex, string>, index: LogIndex, digest: string): void {
    digests.set(index, digest);
    for (const old of digests.keys()) {
      if (digests.size <= keptMax) break;
      digests.delete(old);
    }
  }

  #compare(index: LogIndex): void {
    const own = this.#own.get(index);
    if (own === undefined) return;
    const counts = new Map<string, number>();
    for (const digests of this.#others.values()) {
      const digest = digests.get(index);
      if (digest !== undefined && digest !== own) counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
    const quorum = Math.floor(this.#options.voterCount() / 2) + 1;
    if ([...counts.values()].some((count) => count >= quorum)) this.#options.onDifference(index);
  }
}

/**
 * The digest of the keys, and of who the members are and which ids were ever given. As long as they are the first ones it
 * is that of the keys alone.
 */
export function digestWithMembers(reply: Reply, configuration: Configuration): Reply {
  if (configuration.highestReplica === 0 || !Array.isArray(reply)) return reply;
  const [digest, ...rest] = reply;
  if (typeof digest !== "string") return reply;
  const { voters, votersOutgoing, learners, learnersNext, autoLeave, highestReplica } = configuration;
  const members = JSON.stringify([voters, votersOutgoing, learners, learnersNext, autoLeave, highestReplica]);
  return [createHash("sha256").update(`${digest} ${members}`).digest("hex").slice(0, 32), ...rest];
}
