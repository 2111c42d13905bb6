/**
 * One seed of random life for a log on the simulated disk: appends to several groups, truncations, large entries, hints,
 * power cuts that lose, tear and reorder what was not synced, kills, disk errors at any call, a disk that is full for a while.
 * After every start each group must stand exactly as after some prefix of what was appended to it, and that prefix must
 * hold everything that was acknowledged.
 */
import { type Log, LogDiskError, LogDiskFullError } from "../../src/log/index.ts";
import type { Entry, HardState } from "../../src/raft/index.ts";
import type { SeededRandom } from "../../src/simulation/index.ts";
import { configurationEntry, entry, filler, openLog, readAll, SimulatedHost } from "./fixture.ts";

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
}

interface AppendedSet {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  isAcknowledged: boolean;
}

interface GroupState {
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

/** What a group must be: where it stood at the last start, and what was appended since. */
class ModelGroup {
  base: GroupState = { entries: [], hardState: { term: 0, vote: undefined, commit: 0 } };
  sets: AppendedSet[] = [];

  get newest(): GroupState {
    return this.sets.reduce(apply, this.base);
  }

  /** All states that a crash may leave. */
  allowed(): readonly GroupState[] {
    const required = this.sets.findLastIndex((set) => set.isAcknowledged && !isHint(set, this.base, this.sets)) + 1;
    const states: GroupState[] = [];
    let state = this.base;
    for (let count = 0; count <= this.sets.length; count++) {
      if (count > 0) state = apply(state, this.sets[count - 1] as AppendedSet);
      if (count >= required) states.push(state);
    }
    return states;
  }
}

function apply(state: GroupState, set: AppendedSet): GroupState {
  const first = set.entries[0]?.index;
  const kept = first === undefined ? state.entries : state.entries.slice(0, first - 1);
  return { entries: [...kept, ...set.entries], hardState: set.hardState ?? state.hardState };
}

/** Acknowledged without being durable: it brings a commit index alone. */
function isHint(set: AppendedSet, base: GroupState, sets: readonly AppendedSet[]): boolean {
  if (set.entries.length > 0) return false;
  const before = sets.slice(0, sets.indexOf(set)).reduce(apply, base).hardState;
  return set.hardState?.term === before.term && set.hardState.vote === before.vote;
}

function fingerprint(state: GroupState): string {
  const entries = state.entries.map((one) =>
    one.kind === "normal"
      ? `${one.term}.${one.index}.${Buffer.from(one.data).toString("base64")}`
      : `${one.term}.${one.index}.${JSON.stringify(one.change)}`,
  );
  const { term, vote, commit } = state.hardState;
  return `${term} ${vote} ${commit} ${entries.join(" ")}`;
}

const groupCount = 3;

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
  };

  constructor(seed: number) {
    this.#host = new SimulatedHost({ seed });
    this.#random = this.#host.world.random;
    this.#segmentBytes = this.#random.pick([16_384, 65_536, 1_048_576]);
  }

  async run(rounds: number): Promise<CrashRunCounts> {
    await this.#host.prepare();
    for (let round = 0; round < rounds; round++) {
      await this.#start();
      const steps = this.#random.integer(0, 40);
      for (let step = 0; step < steps && !this.#hasFailed; step++) await this.#step();
      if (this.#random.chance(0.2)) await this.#settle();
      if (this.#random.chance(0.1) && !this.#hasFailed) await this.#host.until(this.#current.close());
      this.#end();
    }
    await this.#start();
    return this.counts;
  }

  readonly #host: SimulatedHost;
  readonly #random: SeededRandom;
  readonly #segmentBytes: number;
  readonly #groups = new Map<number, ModelGroup>(
    Array.from({ length: groupCount }, (_, place) => [place + 1, new ModelGroup()]),
  );
  #log: Log | undefined;
  #hasFailed = false;
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
    for (const [id, { sets }] of this.#groups) {
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
    this.counts.starts++;
    if (recovery.tornBytes > 0) this.counts.tornStarts++;
    if (recovery.rewrittenBytes > 0) this.counts.rewrittenStarts++;
    if (recovery.damage.length > 0 || recovery.groups.some((group) => group.isDamaged) || recovery.mayMissGroups) {
      throw new Error(`damage where none was done: ${JSON.stringify(recovery)}`);
    }
    if (recovery.diskEpoch <= this.#epoch) throw new Error("the disk epoch did not rise");
    this.counts.segments += recovery.diskEpoch - this.#epoch;
    this.#epoch = recovery.diskEpoch;
    for (const [id, model] of this.#groups) await this.#compare(id, model);
  }

  /** What was found becomes what must be there from now on: it is durable once `open` has resolved. */
  async #compare(id: number, model: ModelGroup): Promise<void> {
    const log = this.#current;
    const entries = await this.#host.until(readAll(log, id));
    for (const { index, term } of entries) {
      if (log.group(id).term(index) !== term) throw new Error(`group ${id}: another term at ${index}`);
    }
    const found = { entries, hardState: log.group(id).hardState };
    const text = fingerprint(found);
    if (!model.allowed().some((state) => fingerprint(state) === text)) {
      const wanted = model.allowed().map((state) => fingerprint(state).slice(0, 400));
      throw new Error(`group ${id}: found\n${text.slice(0, 400)}\nallowed\n${wanted.join("\n")}`);
    }
    model.base = found;
    model.sets = [];
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const dice = random.integer(0, 99);
    if (dice < 60) this.#append();
    else if (dice < 85) await this.#host.run(random.pick([0.1, 0.5, 2, 30]));
    else if (dice < 90) await this.#readSome();
    else if (dice < 92) this.#injectError(random.integer(0, 5));
    else if (dice < 94) this.#injectFull();
    else if (dice < 95) this.#host.machine.disk.stall(50);
    else this.#current.flush();
    if (random.chance(0.6)) this.#current.flush();
    this.#epoch = Math.max(this.#epoch, this.#current.diskEpoch);
  }

  #append(): void {
    const random = this.#random;
    const [id, model] = random.pick([...this.#groups]);
    const { entries, hardState } = model.newest;
    const kind = random.integer(0, 9);
    if (kind === 0) {
      this.#push(id, model, [], { ...hardState, commit: this.#someCommit(hardState, entries) });
      return;
    }
    const term = Math.max(hardState.term, 1) + (random.chance(0.2) ? 1 : 0);
    const vote = term === hardState.term ? hardState.vote : random.pick([undefined, 1, 2, 3]);
    if (kind === 1) {
      this.#push(id, model, [], { term, vote, commit: hardState.commit });
      return;
    }
    // Only what is not committed may be replaced.
    const isRewrite = random.chance(0.15) && entries.length > hardState.commit;
    const first = isRewrite ? random.integer(hardState.commit + 1, entries.length) : entries.length + 1;
    const entryTerm = Math.max(isRewrite ? hardState.term + 1 : term, entries.at(-1)?.term ?? 0);
    const count = random.pick([1, 1, 1, 2, 5]);
    const added = Array.from({ length: count }, (_, place) => this.#entry(first + place, entryTerm));
    const isChanged = entryTerm > hardState.term || random.chance(0.3);
    const next = { term: Math.max(entryTerm, hardState.term), vote, commit: hardState.commit };
    this.#push(id, model, added, isChanged ? next : undefined);
  }

  #someCommit(hardState: HardState, entries: readonly Entry[]): number {
    return this.#random.integer(hardState.commit, Math.max(hardState.commit, entries.length));
  }

  #entry(index: number, term: number): Entry {
    const random = this.#random;
    if (random.chance(0.05)) return configurationEntry(index, term);
    const bytes = random.chance(0.02) ? random.integer(200_000, 900_000) : random.pick([0, 10, 100, 3_000, 9_000]);
    return entry(index, term, filler(bytes, random.integer(0, 1_000)));
  }

  #push(id: number, model: ModelGroup, entries: readonly Entry[], hardState: HardState | undefined): void {
    const set: AppendedSet = { entries, hardState, isAcknowledged: false };
    model.sets.push(set);
    this.#current.append(id, { entries, hardState, snapshot: undefined }, () => {
      if (set.isAcknowledged) throw new Error("acknowledged twice");
      if (model.sets.slice(0, model.sets.indexOf(set)).some((earlier) => !earlier.isAcknowledged)) {
        throw new Error("acknowledged before an earlier set of its group");
      }
      set.isAcknowledged = true;
      this.counts.acknowledged++;
    });
  }

  async #readSome(): Promise<void> {
    const [id, model] = this.#random.pick([...this.#groups]);
    const wanted = model.newest;
    const entries = await this.#host.until(readAll(this.#current, id));
    const found = { entries, hardState: this.#current.group(id).hardState };
    if (fingerprint(found) !== fingerprint(wanted)) throw new Error(`group ${id} reads otherwise than it was appended`);
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
