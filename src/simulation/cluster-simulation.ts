import { type MarkName, type SocketAddress, watchMarks } from "../platform/index.ts";
import { ClusterMember } from "./cluster-member.ts";
import { ClusterWatch } from "./cluster-watch.ts";
import { FaultInjector } from "./fault-injection.ts";
import { FinalCheck } from "./final-check.ts";
import { HistoryRecorder, type Operation } from "./history.ts";
import { continued, firstReads, KeptHistory } from "./kept-history.ts";
import { type KeyValueInput, type KeyValueOutput, keyValueSpecification } from "./key-value-specification.ts";
import { checkConnectionOrder, checkLinearizability } from "./linearizability.ts";
import { type GoOn, MajorityLoss } from "./majority-loss.ts";
import { Mover } from "./mover.ts";
import { unrest } from "./placement-check.ts";
import { clientNames, lossesBorne, type Scenario, sessionClientNames, sessionSeeds } from "./scenario.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SessionClient } from "./session-client.ts";
import { newerLevel } from "./simulated-version.ts";
import type { OnAlone } from "./stage-injection.ts";
import { VainHistory } from "./vain-history.ts";
import { type ClientOptions, WorkloadClient } from "./workload-client.ts";
import { SimulatedWorld, type WorldOptions } from "./world.ts";

export interface SimulationReport {
  readonly seed: number;
  /** What must not happen and did; empty: all is well. */
  readonly violations: readonly string[];
  /** Of all events, in order. */
  readonly hash: string;
  readonly eventCount: number;
  readonly simulatedMs: number;
  /** Operations whose reply came, or may have happened. */
  readonly operationCount: number;
  /** Those whose outcome nobody knows. */
  readonly unknownCount: number;
  readonly faultCount: number;
  readonly leaderCount: number;
  readonly startCount: number;
  /** The history was too tangled for a verdict. */
  readonly isUndecided: boolean;
  /** How often execution passed each mark. */
  readonly marks: ReadonlyMap<MarkName, number>;
}

/** How long a healthy cluster may take to serve on every node, in simulated time. */
const startMsMax = 20_000;
/** From the end of all faults until everything is served, equal and quiet: 50 election times (CONSENSUS X-5). */
const recoveryMsMax = 50_000;
/** What clients did not get done among faults they do in a cluster that is well. */
const workMsMax = 600_000;
/** What is under way when the clients stop is answered or given up within this. */
const drainMsMax = 60_000;
/** Replicas that were to move have moved, whoever was lost is replaced, and data that nobody needs has gone. */
const settleMsMax = 180_000;
const settleLookMs = 500;
/** New machines are there, in place of those that were lost. */
const joinMsMax = 60_000;
/** Above the size of an entry's pieces. */
const hugeBytes = 300_000;
/** Who asks nodes that soon end again loses no time. */
const vainWork = { reconnectMs: 1, thinkMs: 1 };
/** Some seconds of search for one key. */
const checkConfigurationsMax = 300_000;

/**
 * One run: whole nodes and clients, from their start through a schedule of faults to their recovery, on one thread and
 * in virtual time. It ends early at the first violation.
 */
export class ClusterSimulation {
  readonly world: SimulatedWorld;
  readonly #scenario: Scenario;
  readonly #members: readonly ClusterMember[];
  #clients: readonly WorkloadClient[];
  #sessionClients: readonly SessionClient[];
  readonly #watch: ClusterWatch;
  readonly #recorder = new KeptHistory();
  /** What was done after most nodes were lost for good. */
  readonly #laterRecorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  readonly #loss: MajorityLoss | undefined;
  readonly #violations: string[] = [];
  readonly #injector: FaultInjector;
  readonly #mover: Mover;
  readonly #sessionRandom: SeededRandom;
  /** The Redis ports of the nodes that take part now. */
  readonly #servers: SocketAddress[] = [];
  /** Those of nodes that were declared lost and came back, and who asks them. */
  readonly #vainAddresses: SocketAddress[] = [];
  #vainClient: WorkloadClient | undefined;
  /** Who read from a leader that was alone, and who wrote elsewhere meanwhile. */
  readonly #passingClients: WorkloadClient[] = [];
  readonly #marks = new Map<MarkName, number>();
  #connectionCount = 0;
  #valueCount = 0;
  #faultCount = 0;
  #isUndecided = false;

  constructor(scenario: Scenario, trace?: WorldOptions["trace"]) {
    this.#scenario = scenario;
    const { callbackMs, disk, joiners, network, nodes: names, replicas, seed, settings, shards } = scenario;
    this.world = new SimulatedWorld({
      seed,
      network,
      onTurnEnd: (name) => this.#watch.look(name),
      ...(trace === undefined ? {} : { trace }),
    });
    const onViolation = (text: string): void => this.violated(text);
    const common = { names, shards, replicas, disk, callbackMs, settings, onViolation };
    const onPresence = (): void => this.#notePresence();
    const joins = (): readonly SocketAddress[] => this.#servers;
    const { recovery } = scenario;
    this.#members = [
      ...names.map((name) => new ClusterMember(this.world, { name, onPresence, ...common })),
      ...[...joiners, ...(recovery?.joiners ?? [])].map(
        (name) => new ClusterMember(this.world, { name, onPresence, joins, ...common }),
      ),
    ];
    for (const [index, version] of (scenario.versions?.begin ?? []).entries()) {
      const member = this.#members[index];
      if (member !== undefined) member.version = version;
    }
    this.#notePresence();
    for (const [index, member] of this.#members.entries()) {
      member.machine.clock.jumpWall(scenario.clockSkewsMs[index] ?? 0);
    }
    const historyNow = recovery === undefined ? undefined : (): number => this.#recorder.now;
    this.#watch = new ClusterWatch(this.world, this.#members, onViolation, historyNow);
    this.#clients = clientNames(scenario.workload.clients).map((name) => this.#client(name, this.#recorder));
    this.#sessionRandom = new SeededRandom(seed + sessionSeeds);
    this.#sessionClients = this.#newSessionClients();
    this.#injector = new FaultInjector(this.world, this.#members, (leader, of) => this.#askAlone(leader, of));
    this.#mover = new Mover(this.world, this.#members);
    if (recovery === undefined) return;
    const { segmentBytes } = settings;
    const parts = { world: this.world, members: this.#members, watch: this.#watch, history: this.#recorder };
    const onReturn = (member: ClusterMember): void => this.#askInVain(member);
    this.#loss = new MajorityLoss({ ...parts, recovery, shards, segmentBytes, onReturn, onViolation });
  }

  /** What the clients did so far. */
  get operations(): readonly Operation<KeyValueInput, KeyValueOutput>[] {
    return [...this.#recorder.operations(), ...this.#laterRecorder.operations()];
  }

  /** Something happened that must not; the run ends soon. */
  violated(text: string): void {
    if (this.#violations.length === 0) this.world.trace("violation", text);
    this.#violations.push(`at ${this.world.nowMs.toFixed(3)} ms: ${text}`);
  }

  /** `untilMs` ends the run at that simulated time, wherever it is, without the checks of the end. */
  async run(untilMs?: number): Promise<SimulationReport> {
    const watcher = watchMarks(this.#marked);
    let isCut = true;
    try {
      isCut = !(await this.#phases(untilMs ?? Number.POSITIVE_INFINITY));
    } finally {
      watchMarks(watcher);
    }
    if (!isCut && this.#violations.length === 0) this.#judge();
    const { operations } = this;
    return {
      seed: this.#scenario.seed,
      violations: this.#violations,
      hash: this.world.hash,
      eventCount: this.world.eventCount,
      simulatedMs: this.world.nowMs,
      operationCount: operations.length,
      unknownCount: operations.filter(({ kind }) => kind === "open").length,
      faultCount: this.#faultCount,
      leaderCount: this.#watch.leaderCount,
      startCount: this.#members.reduce((sum, member) => sum + member.startCount, 0),
      isUndecided: this.#isUndecided,
      marks: this.#marks,
    };
  }

  /** False if the run was cut short. */
  async #phases(untilMs: number): Promise<boolean> {
    const { world } = this;
    const goOn: GoOn = async (isDone, limitMs, what) => {
      const leftMs = untilMs - world.nowMs;
      const isStopped = (): boolean => this.#violations.length > 0;
      const isMet = await world.runUntil(() => isStopped() || isDone(), Math.min(limitMs, leftMs));
      if (!isMet && limitMs <= leftMs) this.violated(`${what} within ${limitMs} ms`);
      return isMet && !isStopped();
    };
    for (const member of this.#members) member.start();
    const check = this.#finalCheck(this.#recorder);
    const first = this.#members.filter(({ isPresent }) => isPresent);
    const isUp = (): boolean => first.every(({ node }) => node !== undefined) && this.#watch.leaderCount > 0;
    if (!(await goOn(isUp, startMsMax, "the cluster did not start"))) return false;

    world.trace("phase", "clients start, faults begin");
    for (const client of [...this.#clients, ...this.#sessionClients]) client.start();
    const isEnough = (): boolean =>
      this.#recorder.operationCount - check.operationCount >= this.#scenario.operationsMin;
    const { faultsMs, workFirstMs = faultsMs } = this.#scenario;
    if (!(await this.#faults(goOn, 0, workFirstMs))) return false;
    if (workFirstMs < faultsMs) {
      if (!(await goOn(isEnough, workMsMax, "the clients did not get their work done"))) return false;
      if (!(await this.#faults(goOn, workFirstMs, faultsMs))) return false;
    }

    world.trace("phase", "faults are over");
    this.#injector.healAll();
    // Beyond the budget nothing is promised but that there are no wrong answers.
    const { nodes, replicas } = this.#scenario;
    if (this.#members.filter((member) => member.isExcused).length > lossesBorne(nodes, replicas)) {
      for (const client of this.#sessionClients) client.giveUp();
      return this.#comeToRest(goOn);
    }
    if (!(await this.#serve(goOn, check))) return false;
    if (!(await goOn(isEnough, workMsMax, "the clients did not get their work done"))) return false;
    if (this.#loss !== undefined) return this.#loseAndRecover(goOn, this.#loss);
    if (this.#scenario.versions?.isFinished === true && !(await this.#finishUpgrade(goOn, check))) return false;
    if (!(await this.#comeToRest(goOn))) return false;
    return (this.#scenario.joiners.length === 0 || (await this.#settle(goOn))) && this.#compare(goOn, check);
  }

  /** Clients work until most nodes are lost, and are replaced by an operator who has the others go on. */
  async #loseAndRecover(goOn: GoOn, loss: MajorityLoss): Promise<boolean> {
    if (!(await loss.lose(goOn))) return false;
    for (const client of this.#sessionClients) client.giveUp();
    if (!(await this.#comeToRest(goOn))) return false;
    const end = await loss.recover(goOn);
    if (end !== "recovered") return end === "nothing is left";
    const check = this.#finalCheck(this.#laterRecorder);
    check.readAll();
    if (!(await goOn(() => check.isRead, recoveryMsMax, "not every key was read after the recovery"))) return false;
    this.#startClientsAnew();
    if (!(await loss.upset(goOn)) || !(await loss.returnLost(goOn)) || !(await this.#comeToRest(goOn))) return false;
    if (!(await this.#serve(goOn, check))) return false;
    if (!(await goOn(() => loss.isJoined, joinMsMax, "not every new node came"))) return false;
    // Who has joined serves every key as well.
    return (await this.#settle(goOn)) && (await this.#serve(goOn, check)) && this.#compare(goOn, check);
  }

  /** What they did before is another history. */
  #startClientsAnew(): void {
    const { workload } = this.#scenario;
    this.#clients = clientNames(workload.clients).map((name) => this.#client(name, this.#laterRecorder));
    const sessionClients = this.#newSessionClients("again");
    this.#sessionClients = [...this.#sessionClients, ...sessionClients];
    this.world.trace("phase", "clients start anew");
    for (const client of [...this.#clients, ...sessionClients]) client.start();
  }

  /** Somebody works with a node that was declared lost, if it lets them. */
  #askInVain({ redisAddress }: ClusterMember): void {
    this.#vainAddresses.push(redisAddress);
    if (this.#vainClient !== undefined) return;
    const recorder = new VainHistory((text) => this.violated(text));
    const workload = { ...this.#scenario.workload, ...vainWork };
    this.#vainClient = this.#client("vain", recorder, { servers: this.#vainAddresses, workload });
    this.#vainClient.start();
  }

  /** One key for all that is read from the leader, and written at the others; who waits for too long gives up. */
  #askAlone({ name, redisAddress }: ClusterMember, { forMs, thinkMs }: Parameters<OnAlone>[1]): void {
    const others = this.#members.filter((member) => member.isPresent && member.name !== name);
    const { workload } = this.#scenario;
    const hasty = { pipelineMax: 1, thinkMs, reconnectMs: thinkMs, patienceMs: forMs / 3 };
    const common = { ...workload, ...hasty, hotShare: 1, deadlineShare: 0, retries: false };
    const number = this.#passingClients.length / 2 + 1;
    const clients = [
      this.#client(`reader${number}`, this.#recorder, {
        servers: [redisAddress],
        workload: { ...common, readShare: 1 },
      }),
      this.#client(`writer${number}`, this.#recorder, {
        servers: others.map((member) => member.redisAddress),
        workload: { ...common, readShare: 0 },
      }),
    ];
    this.#passingClients.push(...clients);
    for (const client of clients) {
      client.start();
      this.world.schedule(forMs, () => client.stop());
    }
  }

  /** While clients work. Where a node is gone for good nobody can say that all know the new level. */
  async #finishUpgrade(goOn: GoOn, check: FinalCheck): Promise<boolean> {
    this.#injector.upgradeAll();
    if (!(await this.#serve(goOn, check))) return false;
    if (this.#members.some((member) => member.isExcused)) return true;
    this.#injector.finishUpgrade();
    const levels = (): readonly number[] =>
      this.#members.flatMap(({ node }) => {
        const status = node?.nodeStatus();
        const groups = [...(status?.groups ?? []), ...(status?.directory ? [status.directory] : [])];
        return status === undefined ? [0] : groups.map(({ semanticsLevel }) => semanticsLevel);
      });
    const isDone = (): boolean => {
      if (this.#injector.isAsking) return false;
      const isRaised = levels().every((level) => level === newerLevel);
      // It is refused as long as some node does not answer.
      if (!isRaised) this.#injector.finishUpgrade();
      return isRaised;
    };
    return goOn(isDone, recoveryMsMax, "the upgrade was not finished");
  }

  #serve(goOn: GoOn, check: FinalCheck): Promise<boolean> {
    check.start();
    return goOn(() => check.isServed, recoveryMsMax, "not every node serves every key");
  }

  #finalCheck(recorder: HistoryRecorder<KeyValueInput, KeyValueOutput>): FinalCheck {
    return new FinalCheck(this.world, this.#members, recorder, {
      keys: this.#scenario.workload.keys,
      shards: this.#scenario.shards,
      takeConnection: () => ++this.#connectionCount,
      takeValue: () => this.#takeValue(),
      onViolation: (text) => this.violated(text),
    });
  }

  async #compare(goOn: GoOn, check: FinalCheck): Promise<boolean> {
    check.compareDigests();
    if (!(await goOn(() => check.isEqual, recoveryMsMax, "the replicas' digests were not compared"))) return false;
    check.readAll();
    return goOn(() => check.isRead, recoveryMsMax, "not every key was read at the end");
  }

  /** Those of the schedule's times from `fromMs` until `toMs`. */
  #faults(goOn: GoOn, fromMs: number, toMs: number): Promise<boolean> {
    const { world } = this;
    for (const { atMs, fault } of this.#scenario.faults) {
      if (atMs < fromMs || atMs >= toMs) continue;
      world.schedule(atMs - fromMs, () => {
        this.#faultCount++;
        this.#injector.begin(fault);
      });
    }
    for (const move of this.#scenario.moves)
      if (move.atMs >= fromMs && move.atMs < toMs) world.schedule(move.atMs - fromMs, () => this.#mover.want(move));
    const endMs = world.nowMs + toMs - fromMs;
    return goOn(() => world.nowMs >= endMs, toMs - fromMs + 1_000, "the faults did not end");
  }

  async #comeToRest(goOn: GoOn): Promise<boolean> {
    const vain = this.#vainClient === undefined ? [] : [this.#vainClient];
    const clients = [...this.#clients, ...this.#sessionClients, ...this.#passingClients, ...vain];
    for (const client of clients) client.stop();
    const isIdle = (): boolean => clients.every((client) => client.isIdle);
    const isAtRest = await goOn(isIdle, drainMsMax, "clients did not come to rest");
    this.world.trace("phase", "clients are at rest");
    return isAtRest;
  }

  /** Where nodes came or went: until the cluster's members are as they should be, for good. */
  async #settle(goOn: GoOn): Promise<boolean> {
    let why: string | undefined = "";
    let lookMs = 0;
    const isSettled = (): boolean => {
      if (this.world.nowMs < lookMs) return false;
      lookMs = this.world.nowMs + settleLookMs;
      const isAnswered = this.#injector.settleMembers();
      why = isAnswered ? unrest(this.#members) : "an operator waits for an answer";
      return why === undefined;
    };
    const isMet = await goOn(isSettled, settleMsMax, "the members did not come to rest");
    if (!isMet && this.#violations.length > 0) this.violated(`no rest: ${why}`);
    this.world.trace("phase", "members are at rest");
    return isMet;
  }

  #notePresence(): void {
    const present = this.#members.filter((member) => member.isPresent).map(({ redisAddress }) => redisAddress);
    this.#servers.splice(0, this.#servers.length, ...present);
  }

  /** Some process passes a mark. Nobody but the simulator's own processes is under way while a run goes on. */
  readonly #marked = (name: MarkName): void => {
    const machineName = this.world.turnOf;
    if (machineName === undefined) return;
    this.#marks.set(name, (this.#marks.get(name) ?? 0) + 1);
    this.#injector.passed(name, machineName);
  };

  /** The order per connection is the stronger claim, and the quicker one to check: it leaves fewer orders to try. */
  #judge(): void {
    const later = this.#laterRecorder.operations();
    const values = firstReads(later);
    this.#judgeHistory(this.#recorder.operationsWith(this.#loss?.found(values) ?? []));
    if (this.#loss !== undefined) this.#judgeHistory(continued(values, later));
  }

  #judgeHistory(history: readonly Operation<KeyValueInput, KeyValueOutput>[]): void {
    const options = { configurationsMax: checkConfigurationsMax };
    const ordered = checkConnectionOrder(history, keyValueSpecification, options);
    if (ordered.kind === "undecided") this.#isUndecided = true;
    if (ordered.kind !== "failed") return;
    const verdict = checkLinearizability(history, keyValueSpecification, options);
    if (verdict.kind === "failed") this.violated(`not linearizable: ${verdict.explanation}`);
    else this.violated(`not in the order of a connection [R-9]: ${ordered.explanation}`);
  }

  #client(
    name: string,
    recorder: HistoryRecorder<KeyValueInput, KeyValueOutput>,
    of: Partial<Pick<ClientOptions, "servers" | "workload">> = {},
  ): WorkloadClient {
    const machine = this.world.machine(name);
    return new WorkloadClient({
      platform: machine.start(),
      random: this.world.random.fork(),
      servers: this.#servers,
      workload: this.#scenario.workload,
      ...of,
      recorder,
      takeConnection: () => ++this.#connectionCount,
      takeValue: () => this.#takeValue(),
      onViolation: (text) => this.violated(text),
      onStep: this.world.isTraced ? (text) => this.world.trace(name, text) : undefined,
    });
  }

  /** On keys of their own, which the suffix tells from those of others on the same machines. */
  #newSessionClients(suffix = ""): readonly SessionClient[] {
    const names = sessionClientNames(this.#scenario.workload.sessionClients);
    return names.map((name) => this.#sessionClient(name, `${name}${suffix}`));
  }

  #sessionClient(name: string, keyName: string): SessionClient {
    const { patienceMs, sessionThinkMs, sessionTtlMs } = this.#scenario.workload;
    const random = this.#sessionRandom.fork();
    return new SessionClient({
      name: keyName,
      platform: this.world.machine(name).start(),
      random,
      servers: this.#servers,
      thinkMs: sessionThinkMs,
      patienceMs,
      ttlMs: sessionTtlMs,
      onViolation: (text) => this.violated(text),
      onStep: this.world.isTraced ? (text) => this.world.trace(name, text) : undefined,
    });
  }

  /** What those who use sessions have done: commands, and sessions that had gone. */
  get sessionCounts(): { readonly done: number; readonly expired: number } {
    const counts = this.#sessionClients.map((client) => client.counts);
    const sum = (name: "done" | "expired"): number => counts.reduce((total, each) => total + each[name], 0);
    return { done: sum("done"), expired: sum("expired") };
  }

  /** Begins with its own number, so that no two are equal; now and then it is long. */
  #takeValue(): string {
    const { random } = this.world;
    const { hugeChance, valueBytesMax } = this.#scenario.workload;
    const value = `v${++this.#valueCount}.`;
    if (hugeChance > 0 && random.chance(hugeChance)) return value.padEnd(hugeBytes, "x");
    return random.chance(0.2) ? value.padEnd(random.integer(1, valueBytesMax), "x") : value;
  }
}
