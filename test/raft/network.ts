import type { Random } from "../../src/platform/index.ts";
import {
  type Configuration,
  type Entry,
  emptyConfiguration,
  type HardState,
  type LogIndex,
  type Message,
  type Persist,
  RaftCore,
  type RaftOptions,
  type ReplicaId,
  type Snapshot,
} from "../../src/raft/index.ts";
import { MemoryLog, noHardState } from "./memory-log.ts";

/** A small generator (xorshift32), so that one seed gives one history. */
export function seededRandom(seed: number): Random {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  const uint32 = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  for (let i = 0; i < 8; i++) uint32();
  return { uint32, bytes: (length) => Uint8Array.from({ length }, () => uint32() & 0xff) };
}

export function configurationOf(voters: readonly ReplicaId[], learners: readonly ReplicaId[] = []): Configuration {
  return { ...emptyConfiguration, voters, learners };
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

export function textOf(entry: Entry): string {
  return entry.kind === "normal" ? Buffer.from(entry.data).toString("latin1") : "configuration";
}

/** FNV-1a over the characters of `text`, going on from `start`. */
export function fnv1a(text: string, start = 0): number {
  let hash = (start ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** Freezes a value and everything in it, save for bytes, which cannot be frozen. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

/** What survives a crash of a node. */
interface Disk {
  log: MemoryLog;
  hardState: HardState;
  snapshot: Snapshot;
}

export type NodeSettings = Partial<Omit<RaftOptions, "id" | "log" | "hardState" | "configuration" | "applied">>;

/** A replica with a disk that holds back until it is told to sync, and a state machine that keeps what it is given. */
export class TestNode {
  readonly id: ReplicaId;
  core: RaftCore;
  log: MemoryLog;
  /** The entries applied since the snapshot it began with, by index. */
  applied: Map<LogIndex, Entry> = new Map();
  /** A number that stands for everything applied, in its order. */
  digest = 0;
  /** Whether entries are applied as soon as they are handed out; otherwise they wait in `toApply`. */
  isApplying = true;
  toApply: Entry[] = [];
  reads: { readonly context: number; readonly index: LogIndex }[] = [];
  failedReads: number[] = [];
  readonly disk: Disk;
  /** Handed over and not durable yet, oldest first. */
  readonly writes: Persist[] = [];
  isUp = true;
  /** What this node would send to a follower that needs a snapshot. */
  snapshotToSend: Snapshot | undefined;
  readonly #settings: NodeSettings;
  readonly #random: Random;

  constructor(id: ReplicaId, configuration: Configuration, random: Random, settings: NodeSettings) {
    this.id = id;
    this.#settings = settings;
    this.#random = random;
    const snapshot: Snapshot = { index: 0, term: 0, configuration, data: bytesOf("0") };
    this.disk = { log: new MemoryLog(), hardState: noHardState, snapshot };
    this.log = this.disk.log.copy();
    this.core = this.#start();
  }

  get appliedTexts(): string[] {
    return [...this.applied.values()].map(textOf).filter((text) => text !== "");
  }

  /** Loses all that was not synced and starts again. */
  restart(): void {
    this.writes.length = 0;
    this.log = this.disk.log.copy();
    this.applied = new Map();
    this.toApply = [];
    this.digest = digestOf(this.disk.snapshot);
    this.core = this.#start();
    this.isUp = true;
  }

  /** The oldest write becomes durable. Returns what may leave now. */
  sync(): readonly Message[] {
    const persist = this.writes.shift();
    if (persist === undefined) return [];
    if (persist.snapshot !== undefined) {
      this.disk.snapshot = persist.snapshot;
      this.disk.log.reset(persist.snapshot);
    }
    this.disk.log.append(persist.entries);
    if (persist.hardState !== undefined) this.disk.hardState = persist.hardState;
    this.core.persisted(persist.id);
    return persist.messages;
  }

  /** Takes one Ready; what is to be written joins `writes`, what is to be applied is applied. */
  takeReady(): readonly Message[] {
    const ready = deepFreeze(this.core.ready());
    const { persist } = ready;
    if (persist !== undefined) {
      if (persist.snapshot !== undefined) {
        this.log.reset(persist.snapshot);
        this.applied = new Map();
        this.toApply = [];
        this.digest = digestOf(persist.snapshot);
      }
      this.log.append(persist.entries);
      this.writes.push(persist);
    }
    this.toApply.push(...ready.apply);
    while (this.isApplying && this.toApply.length > 0) this.applyNext();
    this.reads.push(...ready.reads);
    this.failedReads.push(...ready.failedReads);
    return ready.messages;
  }

  /** Makes a snapshot of what is applied, the point that a restart goes on from, and cuts the log behind it. */
  checkpoint(keepEntries = 0): void {
    const index = this.core.appliedIndex;
    // Applied entries may not be on this disk yet, which may even hold others in their place (CONSENSUS O-6).
    if (index <= this.disk.snapshot.index || index > this.core.stableIndex) return;
    const { configuration } = this.core;
    const snapshot = deepFreeze({ index, term: this.log.term(index), configuration, data: bytesOf(`${this.digest}`) });
    this.disk.snapshot = snapshot;
    this.snapshotToSend = snapshot;
    this.disk.log.compact(index - keepEntries);
    this.log.compact(index - keepEntries);
  }

  /** Applies the oldest entry that waits. */
  applyNext(): void {
    const entry = this.toApply.shift();
    if (entry === undefined) return;
    if (entry.kind === "configuration") this.core.applyConfigurationChange(entry.change);
    this.applied.set(entry.index, entry);
    this.digest = fnv1a(`${entry.index} ${entry.term} ${textOf(entry)}`, this.digest);
    this.core.applied(entry.index);
  }

  #start(): RaftCore {
    return new RaftCore({
      electionTicks: 10,
      heartbeatTicks: 1,
      random: this.#random,
      snapshots: { latest: () => this.snapshotToSend },
      ...this.#settings,
      id: this.id,
      log: this.log,
      hardState: this.disk.hardState,
      configuration: this.disk.snapshot.configuration,
      applied: this.disk.snapshot.index,
    });
  }
}

function digestOf(snapshot: Snapshot): number {
  return Number(Buffer.from(snapshot.data).toString("latin1"));
}

/** Several replicas and the messages between them, without time: things happen when a test lets them. */
export class TestNetwork {
  readonly nodes: Map<ReplicaId, TestNode> = new Map();
  readonly random: Random;
  /** On their way, oldest first. */
  messages: Message[] = [];
  /** Messages for which this is true never arrive. */
  isLost: (message: Message) => boolean = () => false;
  /** Whether writes become durable as soon as they are handed over. */
  isSyncing = true;
  readonly #settings: NodeSettings;
  readonly #founders: Configuration;

  constructor(voters: readonly ReplicaId[], settings: NodeSettings = {}, learners: readonly ReplicaId[] = []) {
    this.random = seededRandom(voters.length);
    this.#settings = settings;
    this.#founders = configurationOf(voters, learners);
    for (const id of [...voters, ...learners]) this.#add(id, this.#founders);
  }

  node(id: ReplicaId): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  core(id: ReplicaId): RaftCore {
    return this.node(id).core;
  }

  /** A node with an empty log, to be added to the group: all it knows is who founded it. */
  addEmpty(id: ReplicaId): TestNode {
    return this.#add(id, this.#founders);
  }

  get leader(): RaftCore {
    const leaders = [...this.nodes.values()].filter((node) => node.isUp && node.core.role === "leader");
    if (leaders.length !== 1) throw new Error(`${leaders.length} leaders`);
    return leaders[0]!.core;
  }

  /** Cuts these nodes off from all others, and no others any more. */
  isolate(...ids: readonly ReplicaId[]): void {
    this.isLost = (message) => ids.includes(message.from) !== ids.includes(message.to);
  }

  heal(): void {
    this.isLost = () => false;
  }

  crash(id: ReplicaId): void {
    this.node(id).isUp = false;
    this.messages = this.messages.filter((message) => message.from !== id && message.to !== id);
  }

  /** Lets every node do what it has to do, and delivers messages, until nothing is left. */
  settle(): void {
    for (let round = 0; round < 1000; round++) {
      let isQuiet = true;
      for (const node of this.nodes.values()) {
        if (this.work(node)) isQuiet = false;
      }
      const messages = this.messages;
      this.messages = [];
      for (const message of messages) {
        isQuiet = false;
        this.deliver(message);
      }
      if (isQuiet) return;
    }
    throw new Error("the network does not come to rest");
  }

  /** Lets one node do what it has to do. */
  work(node: TestNode): boolean {
    let didSomething = false;
    while (node.isUp && (node.core.hasReady() || (this.isSyncing && node.writes.length > 0))) {
      didSomething = true;
      if (node.core.hasReady()) this.messages.push(...node.takeReady());
      if (this.isSyncing) while (node.writes.length > 0) this.messages.push(...node.sync());
    }
    return didSomething;
  }

  deliver(message: Message): void {
    const node = this.nodes.get(message.to);
    if (node?.isUp && !this.isLost(message)) node.core.step(message);
  }

  /** Time passes everywhere, with everything settled after each tick. */
  tick(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const node of this.nodes.values()) if (node.isUp) node.core.tick();
      this.settle();
    }
  }

  /** Makes `id` the leader of a settled group. */
  elect(id: ReplicaId): RaftCore {
    for (let attempt = 0; attempt < 20 && this.core(id).role !== "leader"; attempt++) {
      // Leases of the earlier leader have to run out.
      for (const node of this.nodes.values()) if (node.isUp) node.core.forgetLeader();
      this.core(id).campaign();
      this.settle();
    }
    if (this.core(id).role !== "leader") throw new Error(`${id} was not elected`);
    return this.core(id);
  }

  propose(id: ReplicaId, ...texts: readonly string[]): void {
    for (const text of texts) {
      const proposed = this.core(id).propose(bytesOf(text));
      if ("refused" in proposed) throw new Error(`refused: ${proposed.refused}`);
    }
    this.settle();
  }

  #add(id: ReplicaId, configuration: Configuration): TestNode {
    const node = new TestNode(id, configuration, this.random, this.#settings);
    this.nodes.set(id, node);
    return node;
  }
}
