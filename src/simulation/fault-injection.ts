import { nodeExitCode } from "../cluster/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { defaultDiskSettings, type SimulatedDisk } from "./disk.ts";
import { describeFault, type Fault, type Link } from "./fault.ts";
import type { NetworkSettings } from "./network.ts";
import type { SimulatedWorld } from "./world.ts";

/** Makes faults happen, and ends them. */
export class FaultInjector {
  readonly #world: SimulatedWorld;
  readonly #members: ReadonlyMap<string, ClusterMember>;
  readonly #linkSettings = new Map<string, Partial<NetworkSettings>>();

  constructor(world: SimulatedWorld, members: readonly ClusterMember[]) {
    this.#world = world;
    this.#members = new Map(members.map((member) => [member.name, member]));
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

  /** Everything is well again, whatever is still going on. */
  healAll(): void {
    this.#linkSettings.clear();
    this.#world.network.healAll();
    for (const member of this.#members.values()) {
      member.machine.disk.clearFaults();
      const { disk } = member.machine;
      disk.settings = { ...disk.settings, capacityBytes: defaultDiskSettings.capacityBytes };
      member.machine.clock.thawWall();
      member.machine.clock.setRate(1);
      member.machine.setCallbackMs(member.callbackMs);
      member.machine.resume();
      member.start();
    }
  }

  #start(fault: Fault): () => void {
    switch (fault.kind) {
      case "kill":
        return this.#stopAll(fault.nodes, (member) => member.machine.kill());
      case "cutPower":
        return this.#stopAll(fault.nodes, (member) => member.machine.cutPower(fault.loss));
      case "cutLinks":
        for (const link of fault.links) this.#world.network.cut(link);
        return () => {
          for (const link of fault.links) this.#world.network.heal(link);
        };
      case "slowLink":
        return this.#changeLink(fault.link, { latencyMs: fault.latencyMs });
      case "lossyLink":
        return this.#changeLink(fault.link, { lossChance: fault.lossChance });
      case "corruptLink":
        return this.#changeLink(fault.link, { corruptChance: fault.corruptChance });
      case "resetConnections":
        this.#world.network.resetConnections(({ from, to }) => from === fault.node || to === fault.node);
        return nothing;
      default:
        return this.#startOnNode(fault, this.#member(fault.node));
    }
  }

  #startOnNode(fault: Extract<Fault, { readonly node: string }>, member: ClusterMember): () => void {
    const { machine } = member;
    switch (fault.kind) {
      case "pause":
        machine.pause();
        return () => machine.resume();
      case "slowNode":
        machine.setCallbackMs(member.callbackMs * fault.factor);
        return () => machine.setCallbackMs(member.callbackMs);
      case "stallDisk":
        machine.disk.stall(fault.forMs);
        return nothing;
      case "failSync":
        member.expectExit(nodeExitCode.diskFailed, fault.restartMs);
        machine.disk.inject({ operation: "sync", code: "EIO" });
        return nothing;
      case "fullDisk":
        if (fault.writes === "new") return fill(machine.disk);
        return machine.disk.inject({ operation: "write", code: "ENOSPC", count: Number.POSITIVE_INFINITY });
      case "jumpClock":
        machine.clock.jumpWall(fault.byMs);
        return () => machine.clock.jumpWall(-fault.byMs);
      case "driftClock":
        machine.clock.setRate(fault.rate);
        return () => machine.clock.setRate(1);
      case "freezeClock":
        machine.clock.freezeWall();
        return () => machine.clock.thawWall();
      case "resetConnections":
        return nothing;
    }
  }

  #stopAll(nodes: readonly string[], stop: (member: ClusterMember) => void): () => void {
    const members = nodes.map((node) => this.#member(node));
    for (const member of members) stop(member);
    return () => {
      for (const member of members) member.start();
    };
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

  #member(name: string): ClusterMember {
    const member = this.#members.get(name);
    if (member === undefined) throw new RangeError(`there is no node ${name}`);
    return member;
  }
}

function fill(disk: SimulatedDisk): () => void {
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  return () => {
    disk.settings = { ...disk.settings, capacityBytes: defaultDiskSettings.capacityBytes };
  };
}

function nothing(): void {}
