import { nodeExitCode } from "../cluster/index.ts";
import type { MarkName } from "../platform/index.ts";
import { type ClusterMember, nodeDirectory } from "./cluster-member.ts";
import { cutLinks } from "./cuts.ts";
import { DamageInjector } from "./damage-injection.ts";
import type { DiskSettings, SimulatedDisk } from "./disk.ts";
import {
  type Damage,
  type DamageKind,
  describeFault,
  type Fault,
  type Link,
  type MemberFault,
  type MemberFaultKind,
  type NetworkFault,
  type ProcessFault,
} from "./fault.ts";
import { MemberInjector } from "./member-injection.ts";
import type { NetworkSettings } from "./network.ts";
import { Operator } from "./operator.ts";
import { SimulatedExit } from "./process.ts";
import { type OnAlone, StageInjector } from "./stage-injection.ts";
import type { SimulatedWorld } from "./world.ts";

type CutLeaders = Extract<NetworkFault, { readonly kind: "cutLeaders" }>;
/** How long a leader may lead before it is cut off: some round trips. */
const leaderFreeMs = 30;

type StopAt = Extract<ProcessFault, { readonly kind: "stopAt" }>;
type RestartAs = Extract<Fault, { readonly kind: "restartAs" }>;
type TearWrite = Extract<ProcessFault, { readonly kind: "tearWrite" }>;

/** Makes faults happen, and ends them. */
export class FaultInjector {
  readonly #world: SimulatedWorld;
  readonly #members: ReadonlyMap<string, ClusterMember>;
  readonly #diskSettings: ReadonlyMap<string, DiskSettings>;
  readonly #linkSettings = new Map<string, Partial<NetworkSettings>>();
  readonly #damage: DamageInjector;
  readonly #stages: StageInjector;
  readonly #coming: MemberInjector;
  readonly #operator: Operator;
  readonly #armed = new Set<StopAt>();
  readonly #tears = new Set<TearWrite>();
  readonly #leaderCuts = new Set<CutLeaders>();
  #isOver = false;
  #isUpgradeFinished = false;

  constructor(world: SimulatedWorld, members: readonly ClusterMember[], onAlone: OnAlone) {
    this.#world = world;
    this.#members = new Map(members.map((member) => [member.name, member]));
    this.#diskSettings = new Map(members.map(({ name, machine }) => [name, machine.disk.settings]));
    this.#damage = new DamageInjector(world, members);
    this.#stages = new StageInjector(world, members, onAlone);
    this.#operator = new Operator(world, members);
    this.#coming = new MemberInjector(this.#members, this.#operator);
  }

  /** Begins a fault; it ends by itself. */
  begin(fault: Fault): void {
    this.#world.trace("fault", describeFault(fault));
    const end = this.#start(fault);
    if ("forMs" in fault) {
      this.#world.schedule(fault.forMs, () => {
        this.#world.trace("fault", `over: ${describeFault(fault)}`);
        end();
      });
    }
  }

  /** The process on this machine passes a mark. Where it is to be stopped there, this does not return. */
  passed(mark: MarkName, machineName: string): void {
    if (mark === "an election is won") for (const fault of this.#leaderCuts) this.#cutLeader(machineName, fault.holdMs);
    if (mark === "a batch is being written") this.#beingWritten(machineName);
    this.#stages.passed(mark, machineName);
    for (const fault of this.#armed) {
      if (fault.mark !== mark || fault.node !== machineName) continue;
      this.#armed.delete(fault);
      this.#stopHere(fault);
    }
    const member = this.#members.get(machineName);
    if (member !== undefined) this.#damage.passed(mark, member);
  }

  /** Everything is well again, whatever is still going on. */
  healAll(): void {
    this.#isOver = true;
    this.#armed.clear();
    this.#tears.clear();
    this.#damage.disarm();
    this.#stages.disarm();
    this.#leaderCuts.clear();
    this.#linkSettings.clear();
    this.#world.network.healAll();
    for (const member of this.#members.values()) {
      const { clock, disk } = member.machine;
      disk.clearFaults();
      disk.settings = this.#settingsOf(member);
      clock.thawWall();
      clock.setRate(1);
      member.machine.setCallbackMs(member.callbackMs);
      member.machine.resume();
      member.start();
    }
  }

  /** After all faults: who is gone for good is removed. True once nothing is asked of the cluster any more. */
  settleMembers(): boolean {
    this.#coming.removeLost();
    return this.#operator.openCount === 0;
  }

  /** From now on nobody goes back to an older version. */
  finishUpgrade(): void {
    this.#isUpgradeFinished = true;
    this.#operator.want(["FINISH-UPGRADE"]);
  }

  /** All nodes run the newer version, from now on or from their next start. */
  upgradeAll(): void {
    for (const member of this.#members.values()) {
      if (member.version !== "older") continue;
      member.machine.kill();
      member.version = "newer";
      member.start();
    }
  }

  /** Whether an operator still waits for an answer. */
  get isAsking(): boolean {
    return this.#operator.openCount > 0;
  }

  #start(fault: Fault): () => void {
    if (isMemberFault(fault)) return this.#coming.begin(fault);
    switch (fault.kind) {
      case "kill":
        return this.#stopAll(fault.nodes, (member) => member.machine.kill());
      case "cutPower":
        return this.#stopAll(fault.nodes, (member) => member.machine.cutPower(fault.loss));
      case "restartAs":
        this.#restartAs(fault);
        return nothing;
      case "finishUpgrade":
        this.finishUpgrade();
        return nothing;
      case "stopAt":
        this.#armed.add(fault);
        return () => void this.#armed.delete(fault);
      case "tearWrite":
        this.#tears.add(fault);
        return () => void this.#tears.delete(fault);
      case "cutPowerAt":
      case "partHalves":
      case "pauseLeader":
      case "readAlone":
        return this.#stages.begin(fault);
      case "cutLinks":
        return this.#cut(fault.links);
      case "cutLeaders":
        this.#leaderCuts.add(fault);
        return () => void this.#leaderCuts.delete(fault);
      case "cutClient":
        return this.#cut([fault.link, { from: fault.link.to, to: fault.link.from }]);
      case "slowLink":
        return this.#changeLink(fault.link, { latencyMs: fault.latencyMs });
      case "heavyTail":
        return this.#changeLink(fault.link, { tailChance: 0.1, tailMs: fault.tailMs });
      case "lossyLink":
        return this.#changeLink(fault.link, { lossChance: fault.lossChance });
      case "corruptLink":
        return this.#changeLink(fault.link, { corruptChance: fault.corruptChance });
      case "garbleLink":
        return this.#changeLink(fault.link, { garbleChance: fault.garbleChance });
      case "resetConnections":
        this.#world.network.resetConnections(({ from, to }) => from === fault.node || to === fault.node);
        return nothing;
      default:
        return this.#startOnNode(fault, this.#member(fault.node));
    }
  }

  #startOnNode(fault: NodeFault, member: ClusterMember): () => void {
    const { machine } = member;
    switch (fault.kind) {
      case "crashLoop":
        return this.#crashAgainAndAgain(member, fault.upMs);
      case "pause":
        machine.pause();
        return () => machine.resume();
      case "slowNode":
        machine.setCallbackMs(member.callbackMs * fault.factor);
        return () => machine.setCallbackMs(member.callbackMs);
      case "jumpClock":
        machine.clock.jumpWall(fault.byMs);
        return () => machine.clock.jumpWall(-fault.byMs);
      case "driftClock":
        machine.clock.setRate(fault.rate);
        return () => machine.clock.setRate(1);
      case "freezeClock":
        machine.clock.freezeWall();
        return () => machine.clock.thawWall();
      case "stallDisk":
      case "slowDisk":
      case "failSync":
      case "failOperation":
      case "fullDisk":
      case "shortWrites":
        return this.#startOnDisk(fault, member, machine.disk);
      default:
        return this.#damage.begin(fault, member);
    }
  }

  #startOnDisk(fault: OwnDiskFault, member: ClusterMember, disk: SimulatedDisk): () => void {
    const always = Number.POSITIVE_INFINITY;
    switch (fault.kind) {
      case "stallDisk":
        disk.stall(fault.forMs);
        return nothing;
      case "slowDisk": {
        const { metadataMs, syncMs, transferMs } = this.#settingsOf(member);
        const { factor } = fault;
        const slow = { metadataMs: metadataMs * factor, syncMs: syncMs * factor, transferMs: transferMs * factor };
        disk.settings = { ...disk.settings, ...slow };
        return () => {
          disk.settings = { ...disk.settings, metadataMs, syncMs, transferMs };
        };
      }
      case "failSync":
        member.expectExit(nodeExitCode.diskFailed, fault.restartMs);
        disk.inject({ operation: "sync", code: "EIO" });
        return nothing;
      case "failOperation":
        member.expectExit(nodeExitCode.diskFailed, fault.restartMs);
        disk.inject({ operation: fault.operation, code: fault.code, matches: isInDirectory });
        return nothing;
      case "fullDisk":
        if (fault.writes === "all") return disk.inject({ operation: "write", code: "ENOSPC", count: always });
        disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
        return () => {
          disk.settings = { ...disk.settings, capacityBytes: this.#settingsOf(member).capacityBytes };
        };
      case "shortWrites":
        return disk.inject({ operation: "write", code: "ESHORT", count: always });
    }
  }

  #restartAs({ downMs, how, node, version }: RestartAs): void {
    const member = this.#member(node);
    if (version === "older" && this.#isUpgradeFinished) return;
    if (how === "kill") member.machine.kill();
    else member.machine.cutPower("random");
    member.version = version;
    this.#world.schedule(downMs, () => member.start());
  }

  #crashAgainAndAgain(member: ClusterMember, upMs: number): () => void {
    let isOver = false;
    const crash = (): void => {
      if (isOver || this.#isOver) return;
      member.machine.kill();
      member.start();
      this.#world.schedule(upMs, crash);
    };
    crash();
    return () => {
      isOver = true;
      member.start();
    };
  }

  #stopHere({ downMs, how, node }: StopAt): void {
    const member = this.#member(node);
    this.#world.trace("fault", `${node} is stopped at the mark: ${how}`);
    if (how === "pause") {
      member.machine.pause();
      this.#world.schedule(downMs, () => member.machine.resume());
      return;
    }
    if (how === "kill") member.machine.kill();
    else member.machine.cutPower("random");
    this.#world.schedule(downMs, () => member.start());
    throw new SimulatedExit(`stopped at a mark: ${how}`);
  }

  #beingWritten(machineName: string): void {
    for (const fault of this.#tears) {
      if (fault.node !== machineName) continue;
      this.#tears.delete(fault);
      const member = this.#member(machineName);
      const { syncMs, transferMs } = member.machine.disk.settings;
      this.#world.schedule(fault.part * (transferMs + syncMs), () => {
        if (this.#isOver) return;
        this.#world.trace("fault", `${machineName} loses power while it writes`);
        member.machine.cutPower("random");
        this.#world.schedule(fault.downMs, () => member.start());
      });
    }
  }

  #stopAll(nodes: readonly string[], stop: (member: ClusterMember) => void): () => void {
    const members = nodes.map((node) => this.#member(node));
    for (const member of members) stop(member);
    return () => {
      for (const member of members) member.start();
    };
  }

  /** At once, so that its first entry does not leave it, or while that is on its way; from all others or towards them. */
  #cutLeader(leader: string, holdMs: number): void {
    const { random } = this.#world;
    const others = [...this.#members.keys()].filter((name) => name !== leader);
    const out = others.map((to) => ({ from: leader, to }));
    const links = random.chance(0.5) ? out : [...out, ...others.map((from) => ({ from, to: leader }))];
    const cut = (): void => {
      if (this.#isOver) return;
      const heal = this.#cut(links);
      this.#world.schedule(random.between(0.5, 1.5) * holdMs, heal);
    };
    if (random.chance(0.5)) cut();
    else this.#world.schedule(random.exponential(leaderFreeMs), cut);
  }

  #cut(links: readonly Link[]): () => void {
    return cutLinks(this.#world, links);
  }

  /** Several faults of one link add up; the first that ends takes all away. */
  #changeLink(link: Link, settings: Partial<NetworkSettings>): () => void {
    const key = `${link.from} ${link.to}`;
    const sum = { ...this.#linkSettings.get(key), ...settings };
    this.#linkSettings.set(key, sum);
    this.#world.network.setLink(link, sum);
    return () => {
      this.#linkSettings.delete(key);
      this.#world.network.setLink(link, undefined);
    };
  }

  #settingsOf(member: ClusterMember): DiskSettings {
    return this.#diskSettings.get(member.name) ?? member.machine.disk.settings;
  }

  #member(name: string): ClusterMember {
    const member = this.#members.get(name);
    if (member === undefined) throw new RangeError(`there is no node ${name}`);
    return member;
  }
}

type OwnDiskFault = Extract<
  Fault,
  { readonly kind: "stallDisk" | "slowDisk" | "failSync" | "failOperation" | "fullDisk" | "shortWrites" }
>;
type ClockOrProcessFault = Extract<
  Fault,
  { readonly kind: "crashLoop" | "pause" | "slowNode" | "jumpClock" | "driftClock" | "freezeClock" }
>;
type NodeFault = OwnDiskFault | ClockOrProcessFault | Extract<Damage, { readonly kind: DamageKind }>;

function isInDirectory(path: string): boolean {
  return path.startsWith(nodeDirectory);
}

const memberKinds: Readonly<Record<MemberFaultKind, true>> = {
  joinNode: true,
  drainNode: true,
  decommissionNode: true,
  decommissionLeader: true,
  loseNode: true,
  returnNode: true,
  replaceAfter: true,
  wantReplicas: true,
};

function isMemberFault(fault: Fault): fault is MemberFault {
  return fault.kind in memberKinds;
}

function nothing(): void {}
