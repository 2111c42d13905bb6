/**
 * One seed of random life for a log on the simulated disk: appends to several groups, truncations, large entries, hints,
 * snapshots made and received, compaction, segments given up, groups that begin anew as another replica or end, power cuts that lose, tear and reorder what was not synced, kills, disk errors at any call, a disk that is full for a while.
 * After every start each group must stand exactly as after some prefix of what was appended to it, and that prefix must
 * hold everything that was acknowledged.
 */
import { type Log, LogDiskError, LogDiskFullError, SnapshotNotWrittenError } from "../../src/log/index.ts";
import type { Logger } from "../../src/platform/index.ts";
import type { Entry, HardState } from "../../src/raft/index.ts";
import type { SeededRandom } from "../../src/simulation/index.ts";
import { type AppendedSet, type Base, fingerprint, lastIndexOf, ModelGroup, termAt } from "./crash-model.ts";
import {
  configurationEntry,
  entry,
  filler,
  meta,
  openLog,
  readAll,
  readSnapshot,
  SimulatedHost,
  writeSnapshot,
} from "./fixture.ts";

/** What a run did, so that a test can show that the interesting things happened. */
export interface CrashRunCounts {
  starts: number;
  acknowledged: number;
  failures: number;
  failedStarts: number;
  tornStarts: number;
  rewrittenStarts: number;
  segments: number;
  readBack: number;
  settled: number;
  snapshots: number;
  installed: number;
  /** Snapshots that were found at a start. */
  restored: number;
  restated: number;
  givenUp: number;
  wanted: number;
  /** Groups that began anew as another replica, and those that were found so. */
  begun: number;
  foundBegun: number;
  /** Groups that ended, those that were found so, and those that began again. */
  ended: number;
  foundEnded: number;
  begunAgain: number;
}

const groupCount = 3;

/** Mostly one block; some of several pieces. */
function streamOf(index: number, seed: number): Uint8Array {
  const hash = index * 7_919 + seed * 104_729;
  return filler(hash % (hash % 5 === 0 ? 600_000 : 9_000), index);
}

/** Writes and syncs are most of what a log does. */
const failingOperations = [
  ...(["write", "write", "write", "sync", "sync", "sync"] as const),
  ...(["open", "rename", "remove", "truncate", "list", "stat"] as const),
];

export class CrashRun {
  readonly counts: CrashRunCounts = {
    starts: 0,
    acknowledged: 0,
    failures: 0,
    failedStarts: 0,
    tornStarts: 0,
    rewrittenStarts: 0,
    segments: 0,
    readBack: 0,
    settled: 0,
    snapshots: 0,
    installed: 0,
    restored: 0,
    restated: 0,
    givenUp: 0,
    wanted: 0,
    begun: 0,
    foundBegun: 0,
    ended: 0,
    foundEnded: 0,
    begunAgain: 0,
  };

  constructor(seed: number) {
    this.#host = new SimulatedHost({ seed });
    this.#seed = seed;
    this.#random = this.#host.world.random;
    this.#segmentBytes = this.#random.pick([16_384, 65_536, 1_048_576]);
  }

  async run(rounds: number): Promise<CrashRunCounts> {
    await this.#host.prepare();
    for (let round = 0; round < rounds; round++) {
      await this.#start();
      const steps = this.#random.integer(0, 40);
      for (let step = 0; step < steps && !this.#hasFailed && !this.#isCut; step++) await this.#step();
      if (this.#isCut) await this.#host.run(this.#random.pick([0.1, 0.3, 0.6, 1]));
      if (this.#random.chance(0.2) && !this.#isCut) await this.#settle();
      if (this.#random.chance(0.1) && !this.#hasFailed) await this.#host.until(this.#current.close());
      this.#end();
      this.#isCut = false;
    }
    await this.#start();
    return this.counts;
  }

  readonly #host: SimulatedHost;
  readonly #random: SeededRandom;
  readonly #segmentBytes: number;
  readonly #seed: number;
  readonly #logger: Logger = {
    log: (_level, message) => {
      if (message === "log entries restated") this.counts.restated++;
      if (message === "log segment given up") this.counts.givenUp++;
    },
  };
  /** Groups of which the log asked for a snapshot. */
  readonly #wanted = new Set<number>();
  readonly #groups = new Map<number, ModelGroup>(
    Array.from({ length: groupCount }, (_, place) => [place + 1, new ModelGroup()]),
  );
  #log: Log | undefined;
  #hasFailed = false;
  /** The round ends here and now. */
  #isCut = false;
  #epoch = 0;
  #boots = 0;

  get #current(): Log {
    if (this.#log === undefined) throw new Error("the log is open");
    return this.#log;
  }

  #end(): void {
    const loss = this.#random.pick([undefined, "everything", "random", "random", "random", "nothing"] as const);
    this.#host.machine.disk.clearFaults();
    this.#host.machine.disk.settings = { ...this.#host.machine.disk.settings, capacityBytes: 2 ** 30 };
    this.#host.restart(loss);
    this.#log = undefined;
  }

  /** Once nothing goes wrong any more, everything appended becomes durable by itself. */
  async #settle(): Promise<void> {
    const { disk } = this.#host.machine;
    disk.clearFaults();
    disk.settings = { ...disk.settings, capacityBytes: 2 ** 30 };
    this.#current.flush();
    await this.#host.run(10_000);
    if (this.#hasFailed) return;
    if (this.#current.isFull) throw new Error("full for ever");
    for (const [id, { next, sets }] of this.#groups) {
      if (next !== undefined) throw new Error(`group ${id}: another replica never begins`);
      if (sets.some((set) => !set.isAcknowledged)) throw new Error(`group ${id}: a set is never acknowledged`);
    }
    this.counts.settled++;
  }

  async #start(): Promise<void> {
    this.#hasFailed = false;
    for (;;) {
      this.#boots++;
      if (this.#random.chance(0.3)) this.#injectError(this.#random.integer(0, 8));
      try {
        await this.#open();
        return;
      } catch (error) {
        if (!(error instanceof LogDiskError) && !(error instanceof LogDiskFullError)) throw error;
        this.counts.failedStarts++;
        this.#end();
      }
    }
  }

  async #open(): Promise<void> {
    const { log, recovery } = await openLog(this.#host, {
      segmentBytes: this.#segmentBytes,
      cacheBytesPerGroupMax: this.#random.pick([0, 1_000, 100_000]),
      fetchBytes: this.#random.pick([4_096, 65_536]),
      idleMarkMs: this.#random.pick([1, 20, 1_000]),
      bootCounter: this.#boots,
      diskEpochSeen: this.#epoch,
      freeBytesMin: 0,
      reclaimBytes: 60_000,
      logger: this.#logger,
    });
    this.#host.machine.disk.clearFaults();
    this.#log = log;
    log.onFailure(() => {
      this.#hasFailed = true;
      this.counts.failures++;
    });
    log.onDamage((error) => {
      throw error;
    });
    log.onSnapshotWanted((group) => {
      this.#wanted.add(group);
      this.counts.wanted++;
    });
    this.counts.starts++;
    if (recovery.tornBytes > 0) this.counts.tornStarts++;
    if (recovery.rewrittenBytes > 0) this.counts.rewrittenStarts++;
    if (recovery.damage.length > 0 || recovery.groups.some((group) => group.isDamaged) || recovery.mayMissGroups) {
      throw new Error(`damage where none was done: ${JSON.stringify(recovery)}`);
    }
    if (recovery.diskEpoch <= this.#epoch) throw new Error("the disk epoch did not rise");
    this.counts.segments += recovery.diskEpoch - this.#epoch;
    this.#epoch = recovery.diskEpoch;
    for (const [id, model] of this.#groups) await this.#compare(id, this.#replicaFound(id, model));
  }

  /** One that was to begin has begun, or has not. */
  #replicaFound(id: number, model: ModelGroup): ModelGroup {
    const { replica, isEnded } = this.#current.group(id);
    const { next } = model;
    const found = next !== undefined && next.replica === replica && next.isEnded === isEnded ? next : model;
    if (found.replica !== replica || found.isEnded !== isEnded)
      throw new Error(`group ${id}: replica ${replica} (${isEnded}) instead of ${model.replica} (${model.isEnded})`);
    if (found !== model) this.counts[isEnded ? "foundEnded" : "foundBegun"]++;
    this.#groups.set(id, found);
    found.next = undefined;
    found.writerCount = 0;
    return found;
  }

  /** Of those that are there, and not about to begin anew. */
  #pick(): [number, ModelGroup] | undefined {
    return this.#pickOf(({ isEnded }) => !isEnded);
  }

  #pickOf(isMeant: (model: ModelGroup) => boolean): [number, ModelGroup] | undefined {
    const groups = [...this.#groups].filter(([, model]) => model.next === undefined && isMeant(model));
    return groups.length === 0 ? undefined : this.#random.pick(groups);
  }

  #beginReplica(): void {
    const [id, model] = this.#pickOf(({ isEnded }) => isEnded) ?? this.#pick() ?? [];
    if (id === undefined || model === undefined || model.writerCount > 0) return;
    const isEnd = !model.isEnded && this.#random.chance(0.5);
    const next = new ModelGroup(model.replica + this.#random.integer(isEnd ? 0 : 1, 3), isEnd);
    model.next = next;
    this.#isCut = this.#random.chance(0.5);
    const log = this.#current;
    const done = (): void => {
      const group = log.group(id);
      const isEmpty = group.lastIndex === 0 && group.firstIndex === 1 && group.snapshot === undefined;
      if (!isEmpty || group.hardState.term !== 0) throw new Error(`group ${id} begins with something`);
      if (this.#log !== log) return;
      this.#groups.set(id, next);
      this.counts[isEnd ? "ended" : model.isEnded ? "begunAgain" : "begun"]++;
    };
    if (isEnd) log.endReplica(id, next.replica, done);
    else log.beginReplica(id, next.replica, done);
  }

  /** What was found becomes what must be there from now on: it is durable once `open` has resolved. */
  async #compare(id: number, model: ModelGroup): Promise<void> {
    const group = this.#current.group(id);
    const { firstIndex, snapshot } = group;
    const entries = await this.#host.until(readAll(this.#current, id));
    for (const { index, term } of entries) {
      if (group.term(index) !== term) throw new Error(`group ${id}: another term at ${index}`);
    }
    const snapshotIndex = snapshot?.index ?? 0;
    const found = { entries, hardState: group.hardState };
    const text = fingerprint(found, firstIndex);
    const matching = model.allowed().find((state) => {
      const commit = Math.max(state.hardState.commit, snapshotIndex);
      const wanted = { entries: state.entries, hardState: { ...state.hardState, commit } };
      const isSameStart = firstIndex > state.base.index && termAt(state, firstIndex - 1) === group.term(firstIndex - 1);
      return isSameStart && snapshotIndex >= state.base.index && fingerprint(wanted, firstIndex) === text;
    });
    if (matching === undefined) {
      const wanted = model
        .allowed()
        .map((state) => `${state.base.index} ${fingerprint(state, firstIndex).slice(0, 400)}`);
      throw new Error(`group ${id}: found ${firstIndex}\n${text.slice(0, 400)}\nallowed\n${wanted.join("\n")}`);
    }
    // At each start one entry more than was compacted may be gone: its term stands for the base.
    const cut = Math.max(model.compactedIndex + 1, matching.base.index);
    if (firstIndex - 1 > Math.min(snapshotIndex, cut)) {
      throw new Error(`group ${id}: begins at ${firstIndex}, with a snapshot at ${snapshotIndex}, cut up to ${cut}`);
    }
    if (snapshotIndex < model.snapshotIndex || snapshotIndex > lastIndexOf(matching)) {
      throw new Error(`group ${id}: snapshot ${snapshotIndex}, known ${model.snapshotIndex}`);
    }
    await this.#compareSnapshot(id, model);
    model.base = { ...matching, hardState: found.hardState };
    model.sets = [];
    model.snapshotIndex = snapshotIndex;
    model.compactedIndex = Math.max(model.compactedIndex, firstIndex - 1);
  }

  async #compareSnapshot(id: number, model: ModelGroup): Promise<void> {
    const { snapshot } = this.#current.group(id);
    if (snapshot === undefined) return;
    const known = model.snapshots.get(snapshot.index);
    const stream = await this.#host.until(readSnapshot(this.#current.openSnapshot(id), 50_000));
    if (known?.term !== snapshot.term || Buffer.compare(known.stream, stream) !== 0) {
      throw new Error(`group ${id}: another snapshot at ${snapshot.index}`);
    }
    this.counts.restored++;
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const dice = random.integer(0, 99);
    if (dice < 52) this.#append();
    else if (dice < 56) this.#makeSnapshot();
    else if (dice < 58) await this.#receiveSnapshot();
    else if (dice < 60) this.#compact();
    else if (dice < 85) await this.#host.run(random.pick([0.1, 0.5, 2, 30]));
    else if (dice < 90) await this.#readSome();
    else if (dice < 92) this.#injectError(random.integer(0, 5));
    else if (dice < 94) this.#injectFull();
    else if (dice < 95) this.#host.machine.disk.stall(50);
    else if (dice < 97) this.#beginReplica();
    else this.#current.flush();
    if (random.chance(0.6)) this.#current.flush();
    this.#epoch = Math.max(this.#epoch, this.#current.diskEpoch);
  }

  #append(): void {
    const random = this.#random;
    const [id, model] = this.#pick() ?? [];
    if (id === undefined || model === undefined) return;
    const { newest } = model;
    const { entries, hardState } = newest;
    const lastIndex = lastIndexOf(newest);
    const kind = random.integer(0, 9);
    if (kind === 0) {
      this.#push(id, model, [], { ...hardState, commit: random.integer(hardState.commit, lastIndex) });
      return;
    }
    const term = Math.max(hardState.term, 1) + (random.chance(0.2) ? 1 : 0);
    const vote = term === hardState.term ? hardState.vote : random.pick([undefined, 1, 2, 3]);
    if (kind === 1) {
      this.#push(id, model, [], { term, vote, commit: hardState.commit });
      return;
    }
    // Only what is not committed may be replaced.
    const isRewrite = random.chance(0.15) && lastIndex > hardState.commit;
    const first = isRewrite ? random.integer(hardState.commit + 1, lastIndex) : lastIndex + 1;
    const entryTerm = Math.max(isRewrite ? hardState.term + 1 : term, entries.at(-1)?.term ?? newest.base.term);
    const count = random.pick([1, 1, 1, 2, 5]);
    const added = Array.from({ length: count }, (_, place) => this.#entry(first + place, entryTerm));
    const isChanged = entryTerm > hardState.term || random.chance(0.3);
    const next = { term: Math.max(entryTerm, hardState.term), vote, commit: hardState.commit };
    this.#push(id, model, added, isChanged ? next : undefined);
  }

  #entry(index: number, term: number): Entry {
    const random = this.#random;
    if (random.chance(0.05)) return configurationEntry(index, term);
    const bytes = random.chance(0.02) ? random.integer(200_000, 900_000) : random.pick([0, 10, 100, 3_000, 9_000]);
    return entry(index, term, filler(bytes, random.integer(0, 1_000)));
  }

  #push(
    id: number,
    model: ModelGroup,
    entries: readonly Entry[],
    hardState: HardState | undefined,
    base: Base | undefined = undefined,
  ): void {
    const set: AppendedSet = { base, entries, hardState, isAcknowledged: false };
    model.sets.push(set);
    const snapshot = base === undefined ? undefined : { ...meta(base.index, base.term), data: new Uint8Array(0) };
    this.#current.append(id, { entries, hardState, snapshot }, () => {
      if (set.isAcknowledged) throw new Error("acknowledged twice");
      if (model.sets.slice(0, model.sets.indexOf(set)).some((earlier) => !earlier.isAcknowledged)) {
        throw new Error("acknowledged before an earlier set of its group");
      }
      set.isAcknowledged = true;
      this.counts.acknowledged++;
      if (base === undefined) return;
      model.snapshotIndex = base.index;
      this.counts.installed++;
    });
  }

  /** Of what is committed; it goes on while other things happen, and may be cut short by any of them. */
  #makeSnapshot(wanted?: number): void {
    const [id, model] = this.#random.pick(
      [...this.#groups].filter(([group]) => wanted === undefined || group === wanted),
    );
    if (model.next !== undefined || model.isEnded) return;
    const { newest } = model;
    const group = this.#current.group(id);
    const from = Math.max(group.snapshot?.index ?? 0, newest.base.index) + 1;
    if (from > newest.hardState.commit) return;
    const index = this.#random.integer(from, newest.hardState.commit);
    // Another one at the same place may stand there already, or be under way.
    if (model.snapshots.has(index)) return;
    const term = group.term(index);
    const stream = streamOf(index, this.#seed);
    model.snapshots.set(index, { term, stream });
    const log = this.#current;
    const isAborted = this.#random.chance(0.1);
    const writer = log.createSnapshot(id, meta(index, term));
    const done = (): void => {
      if (this.#log !== log || log.group(id).snapshot?.index !== index) return;
      model.snapshotIndex = index;
      this.counts.snapshots++;
      if (this.#random.chance(0.8)) this.#cut(id, model, index);
    };
    const failed = (error: unknown): void => {
      if (!(error instanceof SnapshotNotWrittenError)) throw error;
    };
    model.writerCount++;
    void Promise.all([writeSnapshot(writer, stream), isAborted ? writer.abort() : undefined])
      .then(done, failed)
      .finally(() => writer.abort())
      .finally(() => model.writerCount--);
  }

  #cut(id: number, model: ModelGroup, index: number): void {
    this.#current.compact(id, index);
    model.compactedIndex = Math.max(model.compactedIndex, index);
  }

  /** As a host does, with a tail for slow followers or without. */
  #compact(): void {
    const [id, model] = this.#pick() ?? [];
    if (id === undefined || model === undefined) return;
    const group = this.#current.group(id);
    const last = group.snapshot?.index ?? 0;
    if (last >= group.firstIndex) this.#cut(id, model, this.#random.integer(group.firstIndex, last));
    const [wanted] = this.#wanted;
    if (wanted === undefined) return;
    this.#wanted.delete(wanted);
    this.#makeSnapshot(wanted);
  }

  async #receiveSnapshot(): Promise<void> {
    const random = this.#random;
    const [id, model] = this.#pick() ?? [];
    if (id === undefined || model === undefined) return;
    const { commit } = model.newest.hardState;
    const index = random.integer(commit + 1, Math.max(commit, lastIndexOf(model.newest)) + 5);
    const term = Math.max(model.newest.hardState.term, 1);
    const stream = streamOf(index, this.#seed);
    if (model.snapshots.has(index)) return;
    model.snapshots.set(index, { term, stream });
    try {
      await this.#host.until(writeSnapshot(this.#current.receiveSnapshot(id, meta(index, term)), stream));
    } catch (error) {
      if (!(error instanceof SnapshotNotWrittenError)) throw error;
      return;
    }
    // What a leader sends counts only while it is news.
    const { newest } = model;
    if (this.#hasFailed || newest.hardState.commit >= index || random.chance(0.1)) return;
    const entries = Array.from({ length: random.pick([0, 0, 1, 4]) }, (_, place) =>
      this.#entry(index + 1 + place, term),
    );
    this.#push(
      id,
      model,
      entries,
      { ...newest.hardState, term: newest.hardState.term, commit: index },
      { index, term },
    );
  }

  async #readSome(): Promise<void> {
    const [id, model] = this.#pick() ?? [];
    if (id === undefined || model === undefined) return;
    const wanted = model.newest;
    const entries = await this.#host.until(readAll(this.#current, id));
    const { firstIndex, hardState } = this.#current.group(id);
    // While it was read, the log may have been cut.
    if (fingerprint({ entries, hardState }, firstIndex) !== fingerprint(wanted, firstIndex))
      throw new Error(`group ${id} reads otherwise than it was appended`);
    this.counts.readBack++;
  }

  #injectError(skip: number): void {
    const operation = this.#random.pick(failingOperations);
    const code = this.#random.pick(operation === "write" ? ["EIO", "EROFS", "ENOSPC", "ESHORT"] : ["EIO", "ENOSPC"]);
    this.#host.machine.disk.inject({ operation, code, skip, matches: (path) => path.startsWith("/data/log") });
  }

  /** No space for a while: then everything goes on. */
  #injectFull(): void {
    const { disk } = this.#host.machine;
    if (this.#random.chance(0.5)) {
      disk.inject({ operation: "write", code: "EDQUOT", count: this.#random.integer(1, 4) });
    } else {
      disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
      const free = (): void => {
        disk.settings = { ...disk.settings, capacityBytes: 2 ** 30 };
      };
      this.#host.world.schedule(this.#random.pick([1, 500, 3_000]), free);
    }
  }
}
