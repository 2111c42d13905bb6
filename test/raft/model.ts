import { type Random, randomFloat, randomInteger } from "../../src/platform/index.ts";
import type { LogIndex, Message, RaftCore, ReplicaId, SingleChange, Term } from "../../src/raft/index.ts";
import { bytesOf, deepFreeze, fnv1a, seededRandom, TestNetwork, type TestNode, textOf } from "./network.ts";

/** How often things happened that a run should meet; a mark that no run meets shows a test that tests too little. */
export interface Marks {
  elections: number;
  commits: number;
  truncations: number;
  snapshotsInstalled: number;
  jointConfigurations: number;
  crashes: number;
  unsyncedWritesLost: number;
  readsConfirmed: number;
  readsFailed: number;
  transfers: number;
  rejections: number;
}

export const noMarks: Marks = {
  elections: 0,
  commits: 0,
  truncations: 0,
  snapshotsInstalled: 0,
  jointConfigurations: 0,
  crashes: 0,
  unsyncedWritesLost: 0,
  readsConfirmed: 0,
  readsFailed: 0,
  transfers: 0,
  rejections: 0,
};

/** What is remembered of a node from one event to the next. */
interface Seen {
  term: Term;
  commit: LogIndex;
  applied: LogIndex;
  durableTerm: Term;
  /** The terms of its log while it leads `term`, by index from `logFrom` on. */
  logTerms: Term[];
  logFrom: LogIndex;
  matches: Map<ReplicaId, LogIndex>;
  /** The commit index at the last Ready, and the term that it led then. */
  loggedCommit: LogIndex;
  ledTerm: Term;
}

const nothingSeen: Omit<Seen, "logTerms" | "matches"> = {
  term: 0,
  commit: 0,
  applied: 0,
  durableTerm: 0,
  logFrom: 1,
  loggedCommit: 0,
  ledTerm: 0,
};

/**
 * Five replicas, three of them voters at first, on a network that loses, delays, repeats and reorders, with disks that
 * lose what was not synced; everything is drawn from one seed. After every event the invariants of CONSENSUS §3 are
 * checked over all of them.
 */
export class ModelRun {
  readonly marks: Marks = { ...noMarks };
  /** Over everything that any replica put out, in order (CONSENSUS C-2). */
  hash = 0;
  readonly #network: TestNetwork;
  readonly #random: Random;
  readonly #seen = new Map<ReplicaId, Seen>();
  readonly #leaderOfTerm = new Map<Term, ReplicaId>();
  readonly #voteOf = new Map<string, ReplicaId>();
  readonly #entries = new Map<string, string>();
  readonly #committed = new Map<LogIndex, { readonly term: Term; readonly inTerm: Term }>();
  readonly #digests = new Map<LogIndex, number>();
  readonly #askedAt = new Map<number, LogIndex>();
  #committedMax = 0;
  #lossRate = 0;
  #cut: ReadonlySet<string> = new Set();
  #nextContext = 1;
  #nextText = 1;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const chance = (rate: number): boolean => randomFloat(this.#random) < rate;
    this.#network = new TestNetwork([1, 2, 3], {
      random: this.#random,
      preVote: chance(0.7),
      checkQuorum: chance(0.7),
      stepDownOnRemoval: chance(0.7),
      electionTicks: 6,
      inflightMessagesMax: 1 + this.#below(6),
      messageBytesMax: chance(0.5) ? 1_000_000 : 40,
      applyBytesMax: chance(0.5) ? 1_000_000 : 60,
      uncommittedBytesMax: 400,
      heartbeatsOvertake: chance(0.5),
      commitsByHeartbeat: chance(0.5),
    });
    for (const id of [4, 5]) this.#network.addEmpty(id);
    this.#network.isSyncing = false;
    this.#network.isLost = (message) => this.#cut.has(`${message.from}>${message.to}`) || chance(this.#lossRate);
    for (const node of this.#network.nodes.values()) {
      node.isApplying = false;
      this.#seen.set(node.id, { ...nothingSeen, logTerms: [], matches: new Map() });
    }
  }

  /** Lets `count` things happen. */
  run(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#event();
      for (const node of this.#network.nodes.values()) this.#check(node);
    }
  }

  /** Heals everything: then there must be a leader, and everybody must come to hold the same. */
  heal(): void {
    this.#lossRate = 0;
    this.#cut = new Set();
    for (const node of this.#network.nodes.values()) if (!node.isUp) this.#restart(node);
    for (let round = 0; round < 300; round++) {
      for (const node of this.#network.nodes.values()) node.core.tick(round % 2 === 0);
      for (let i = 0; i < 4; i++) this.#workAll();
      if (round % 20 === 19) {
        this.#doHostsDuties();
        if (this.#isAtRest()) return;
      }
    }
    throw new Error("the healed group does not come to rest");
  }

  /** Snapshots that name the newest members, and the word that those sent before have been delivered or lost. */
  #doHostsDuties(): void {
    for (const node of this.#network.nodes.values()) {
      this.#checkpoint(node);
      for (const { id, kind } of node.core.status().progress) {
        if (kind === "snapshot") node.core.reportSnapshot(id, true);
      }
    }
  }

  #isAtRest(): boolean {
    const nodes = [...this.#network.nodes.values()];
    const leader = nodes.find(({ core }) => core.role === "leader");
    if (leader === undefined) return false;
    const { configuration, commitIndex, lastIndex } = leader.core;
    const members = [...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners];
    return (
      commitIndex === lastIndex &&
      members.every((id) => this.#network.core(id).appliedIndex === commitIndex) &&
      new Set(members.map((id) => this.#network.node(id).digest)).size === 1
    );
  }

  #below(count: number): number {
    return randomInteger(this.#random, { min: 0, max: count - 1 });
  }

  #anyNode(): TestNode {
    return this.#network.node(1 + this.#below(5));
  }

  #leaderOrAny(): TestNode {
    const leaders = [...this.#network.nodes.values()].filter(({ core, isUp }) => isUp && core.role === "leader");
    return leaders[this.#below(leaders.length + 1)] ?? this.#anyNode();
  }

  #event(): void {
    const node = this.#anyNode();
    const choice = this.#below(1000);
    if (!node.isUp) {
      if (choice < 150) this.#restart(node);
    } else if (choice < 12) this.#changeWeather();
    else if (choice < 20) this.#crash(this.#leaderOrAny());
    else if (choice < 150) this.#tickAll();
    else if (choice < 210) this.#propose(this.#leaderOrAny());
    else if (choice < 230) this.#proposeChange(this.#leaderOrAny());
    else if (choice < 260) this.#read(this.#leaderOrAny());
    else if (choice < 275) this.#nudge(this.#leaderOrAny());
    else if (choice < 290) this.#checkpoint(node);
    else if (choice < 440) this.#takeReady(node);
    else if (choice < 560) this.#sync(node);
    else if (choice < 640) this.#applySome(node);
    else if (choice < 680) this.#workAll();
    else this.#deliverSome();
  }

  #changeWeather(): void {
    this.#lossRate = [0, 0, 0.1, 0.3][this.#below(4)]!;
    const cut = new Set<string>();
    if (this.#below(3) > 0) {
      const alone = 1 + this.#below(5);
      for (let other = 1; other <= 5; other++) {
        if (this.#below(5) > 0) cut.add(`${alone}>${other}`);
        if (this.#below(5) > 0) cut.add(`${other}>${alone}`);
      }
    }
    this.#cut = cut;
  }

  #crash(node: TestNode): void {
    if (!node.isUp) return;
    this.marks.crashes++;
    if (node.writes.some(({ entries }) => entries.length > 0)) this.marks.unsyncedWritesLost++;
    node.isUp = false;
  }

  #restart(node: TestNode): void {
    node.restart();
    const seen = this.#seen.get(node.id)!;
    Object.assign(seen, { ...nothingSeen, durableTerm: seen.durableTerm, matches: new Map(), logTerms: [] });
  }

  #tickAll(): void {
    for (const node of this.#network.nodes.values())
      if (node.isUp && this.#below(3) > 0) node.core.tick(this.#below(2) === 0);
  }

  #propose(node: TestNode): void {
    if (!node.isUp) return;
    node.core.propose(bytesOf(`${this.#nextText++}`.padEnd(this.#below(20), ".")));
  }

  #proposeChange(node: TestNode): void {
    if (!node.isUp) return;
    const actions = ["addVoter", "addVoter", "addLearner", "remove"] as const;
    const changes = Array.from({ length: this.#below(4) }, (): SingleChange => {
      return { action: actions[this.#below(4)]!, replica: 1 + this.#below(5) };
    });
    const transition = (["auto", "auto", "implicit", "explicit"] as const)[this.#below(4)]!;
    node.core.proposeConfigurationChange(
      changes.length === 0 ? { transition: "auto", changes } : { transition, changes },
    );
  }

  #read(node: TestNode): void {
    if (!node.isUp) return;
    const context = this.#nextContext++;
    this.#askedAt.set(context, this.#committedMax);
    node.core.readIndex(context);
  }

  #nudge(node: TestNode): void {
    if (!node.isUp) return;
    const other = 1 + this.#below(5);
    const choice = this.#below(6);
    if (choice === 0) node.core.campaign();
    else if (choice === 1) node.core.forgetLeader();
    else if (choice === 2) node.core.reportUnreachable(other);
    else if (choice === 3) node.core.reportSnapshot(other, this.#below(2) === 0);
    else if (node.core.transferLeadership(other)) this.marks.transfers++;
  }

  #checkpoint(node: TestNode): void {
    if (!node.isUp || node.writes.some(({ snapshot }) => snapshot !== undefined)) return;
    node.checkpoint(this.#below(3));
  }

  #applySome(node: TestNode): void {
    for (let i = this.#below(4); i >= 0 && node.isUp && node.toApply.length > 0; i--) {
      const entry = node.toApply[0]!;
      node.applyNext();
      // Everybody has applied the same up to the same index [I-7, I-16].
      const digest = this.#digests.get(entry.index) ?? node.digest;
      ensure(node.digest === digest, "replicas differ at one applied index [I-16]");
      this.#digests.set(entry.index, digest);
    }
  }

  #takeReady(node: TestNode): void {
    if (!node.isUp || !node.core.hasReady()) return;
    const lastBefore = node.log.lastIndex;
    const readsBefore = node.reads.length;
    const failedBefore = node.failedReads.length;
    const messages = node.takeReady();
    const written = node.writes.at(-1);
    if (written?.entries[0] !== undefined && written.entries[0].index <= lastBefore) this.marks.truncations++;
    if (written?.snapshot !== undefined) this.marks.snapshotsInstalled++;
    for (const entry of written?.entries ?? []) {
      // The same index and term: the same entry, and the same before it [I-5].
      const previous = node.log.term(entry.index - 1);
      const text = `${previous} ${entry.kind} ${textOf(entry)}`;
      const key = `${entry.index}@${entry.term}`;
      ensure((this.#entries.get(key) ?? text) === text, "one index and term, two entries [I-5]");
      this.#entries.set(key, text);
    }
    for (const { context, index } of node.reads.slice(readsBefore)) {
      this.marks.readsConfirmed++;
      ensure(index >= this.#askedAt.get(context)!, "a read lies behind what was committed when it was asked [I-15]");
    }
    this.marks.readsFailed += node.failedReads.length - failedBefore;
    this.#checkLog(node);
    this.#send(node, messages);
  }

  #sync(node: TestNode): void {
    if (node.isUp && node.writes.length > 0) this.#send(node, node.sync());
  }

  /** Nothing leaves that does not stand on what is durable [O-1]. */
  #send(node: TestNode, messages: readonly Message[]): void {
    for (const message of messages) {
      this.hash = fnv1a(JSON.stringify(message), this.hash);
      const { hardState, log } = node.disk;
      if (message.type === "requestVoteResponse" && message.granted && !message.isPreVote) {
        const isDurable = hardState.term > message.term || hardState.vote === message.to;
        ensure(isDurable && hardState.term >= message.term, "a vote leaves and is not durable [O-1]");
        const key = `${node.id}@${message.term}`;
        // One vote a term, also across restarts [I-2].
        ensure((this.#voteOf.get(key) ?? message.to) === message.to, "two votes in one term [I-2]");
        this.#voteOf.set(key, message.to);
      }
      if (message.type === "appendEntriesResponse" && message.rejected) this.marks.rejections++;
      if (message.type === "appendEntriesResponse" && !message.rejected && message.term === hardState.term) {
        ensure(log.lastIndex >= message.index, "an entry is acknowledged and not durable [O-1]");
      }
      const isPreVote = "isPreVote" in message && message.isPreVote;
      ensure(isPreVote || hardState.term >= message.term, "a message leaves before its term is durable [O-1]");
      this.#network.messages.push(deepFreeze(message));
    }
  }

  #deliverSome(): void {
    const { messages } = this.#network;
    for (let i = this.#below(8); i >= 0 && messages.length > 0; i--) {
      const place = this.#below(5) > 0 ? 0 : this.#below(messages.length);
      const message = messages[place]!;
      if (this.#below(20) > 0) messages.splice(place, 1);
      this.#network.deliver(message);
    }
    if (messages.length > 200) messages.splice(0, 50);
  }

  #workAll(): void {
    for (const node of this.#network.nodes.values()) {
      this.#takeReady(node);
      while (node.isUp && node.writes.length > 0) this.#sync(node);
      while (node.isUp && node.toApply.length > 0) this.#applySome(node);
    }
    for (const message of this.#network.messages.splice(0)) this.#network.deliver(message);
  }

  #check(node: TestNode): void {
    if (!node.isUp) return;
    const { core, disk } = node;
    const seen = this.#seen.get(node.id)!;
    ensure(core.term >= seen.term, "the term goes back [I-3]");
    ensure(disk.hardState.term >= seen.durableTerm, "the durable term goes back [I-3]");
    ensure(core.commitIndex >= seen.commit, "the commit index goes back [I-8]");
    ensure(core.appliedIndex >= seen.applied, "the applied index goes back [I-8]");
    ensure(core.appliedIndex <= core.commitIndex, "more is applied than committed [I-8]");
    ensure(core.commitIndex <= core.lastIndex, "the commit index lies beyond the log [I-9]");
    if (core.configuration.votersOutgoing.length > 0) this.marks.jointConfigurations++;
    seen.term = core.term;
    seen.durableTerm = disk.hardState.term;
    seen.commit = core.commitIndex;
    seen.applied = core.appliedIndex;
  }

  /** After a Ready, when the node's log is what its core holds. */
  #checkLog(node: TestNode): void {
    const seen = this.#seen.get(node.id)!;
    const { core } = node;
    if (core.commitIndex > seen.loggedCommit) this.#noteCommits(node, seen.loggedCommit);
    if (core.role === "leader") this.#checkLeader(node, seen);
    seen.ledTerm = core.role === "leader" ? core.term : 0;
    seen.loggedCommit = core.commitIndex;
  }

  #noteCommits(node: TestNode, from: LogIndex): void {
    const { core } = node;
    const { firstIndex } = core.status();
    for (let index = Math.max(from + 1, firstIndex); index <= core.commitIndex; index++) {
      const term = termAt(node, index);
      if (term === undefined) continue;
      const known = this.#committed.get(index);
      if (known === undefined) this.marks.commits++;
      ensure(term === (known?.term ?? term), "two entries are committed at one index [I-6]");
      const inTerm = Math.min(known?.inTerm ?? core.term, core.term);
      this.#committed.set(index, { term, inTerm });
    }
    this.#committedMax = Math.max(this.#committedMax, core.commitIndex);
  }

  #checkLeader(node: TestNode, seen: Seen): void {
    const { core } = node;
    const known = this.#leaderOfTerm.get(core.term) ?? core.id;
    ensure(core.id === known, "two leaders in one term [I-1]");
    this.#leaderOfTerm.set(core.term, core.id);
    const isNew = seen.ledTerm !== core.term;
    if (isNew) {
      this.marks.elections++;
      this.#checkCompleteness(node);
      seen.logTerms = [];
      seen.logFrom = core.status().firstIndex;
      seen.matches = new Map();
    } else if (core.commitIndex > seen.loggedCommit) {
      const term = termAt(node, core.commitIndex) ?? core.term;
      ensure(term === core.term, "an entry of an earlier term was committed by counting [I-10]");
    }
    this.#checkAppendOnly(node, seen);
    this.#checkProgress(core, seen);
  }

  /** A leader holds everything that was committed in earlier terms [I-6]. */
  #checkCompleteness(node: TestNode): void {
    const { firstIndex } = node.core.status();
    for (const [index, { term, inTerm }] of this.#committed) {
      if (inTerm >= node.core.term || index < firstIndex) continue;
      ensure(termAt(node, index) === term, "a leader lacks an entry that was committed earlier [I-6]");
    }
  }

  /** It never overwrites or removes an entry of its own log [I-4]. */
  #checkAppendOnly(node: TestNode, seen: Seen): void {
    const { firstIndex, lastIndex } = node.core.status();
    ensure(lastIndex >= seen.logFrom + seen.logTerms.length - 1, "a leader cut its own log [I-4]");
    for (let index = Math.max(firstIndex, seen.logFrom); index <= lastIndex; index++) {
      const term = termAt(node, index);
      if (term === undefined) continue;
      const place = index - seen.logFrom;
      ensure(term === (seen.logTerms[place] ?? term), "a leader replaced an entry of its own log [I-4]");
      seen.logTerms[place] = term;
    }
  }

  #checkProgress(core: RaftCore, seen: Seen): void {
    const status = core.status();
    for (const { id, matchIndex, nextIndex } of status.progress) {
      ensure(matchIndex < nextIndex, "match is not below next [I-11]");
      // Who was removed and added again starts anew.
      const before = seen.matches.get(id) ?? 0;
      ensure(matchIndex === 0 || matchIndex >= before, "match goes back [I-11]");
      seen.matches.set(id, matchIndex);
    }
  }
}

function ensure(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

/** The term at `index` in the node's log; undefined where it does not reach. */
function termAt(node: TestNode, index: LogIndex): Term | undefined {
  const { log } = node;
  return index >= log.firstIndex - 1 && index <= log.lastIndex ? log.term(index) : undefined;
}
