/** What a node hosts of one shard that is elsewhere at first: what begins, ends, and does not. */
import { expect, test } from "vitest";
import { MemoryLog, type NodeLog } from "../../log/index.ts";
import { type Platform, silentLogger } from "../../platform/index.ts";
import type { ReplicaId } from "../../raft/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { NodeDirectory } from "../membership/node-directory.ts";
import type { ReplicaHost } from "../replica/replica.ts";
import { replicaOf } from "../replica/replica-id.ts";
import { NodeWaves } from "../replica/waves.ts";
import { nodeDefaults } from "../settings.ts";
import { FirstMembers } from "./first-members.ts";
import { GroupHosting, type GroupHostingOptions } from "./group-hosting.ts";
import type { MembersReport } from "./group-placement.ts";
import { HostedGroups } from "./hosted-groups.ts";

const group = 1;
const nodes = ["n1", "n2", "n3", "n4", "n5"];

/** A node that is no first member of the shard. */
class Host {
  readonly world: SimulatedWorld;
  readonly groups = new HostedGroups([group]);
  readonly told: ReplicaId[] = [];
  readonly log: NodeLog;
  readonly hosting: GroupHosting;
  readonly own: number;
  report: MembersReport | undefined;

  static async make(): Promise<Host> {
    const world = new SimulatedWorld({ seed: 1 });
    const platform = world.machine("node").start();
    const first = new FirstMembers({ names: nodes, shardCount: 1, replicaCount: 3 });
    const own = [1, 2, 3, 4, 5].find((node) => !first.has(group, node)) as number;
    const given = {
      name: nodes[own - 1],
      peers: nodes.map((name) => ({ name, host: name, port: 1 })),
      secret: "a secret",
      shardCount: 1,
      replicaCount: 3,
      clusterId: undefined,
      listenHost: undefined,
      address: undefined,
      join: undefined,
    };
    const { disk, random } = platform;
    const open = NodeDirectory.open({ disk, random, logger: silentLogger, directory: "/data", given });
    return new Host({ world, platform, directory: await world.until(open), first, own });
  }

  private constructor(made: {
    readonly world: SimulatedWorld;
    readonly platform: Platform;
    readonly directory: NodeDirectory;
    readonly first: FirstMembers;
    readonly own: number;
  }) {
    const { platform, directory, first, own } = made;
    const { clock, random } = platform;
    this.world = made.world;
    this.own = own;
    this.log = new MemoryLog({ clock });
    const nothing = (): void => {};
    const host: ReplicaHost = {
      clock,
      random,
      logger: silentLogger,
      settings: nodeDefaults,
      waves: new NodeWaves(clock, nodeDefaults, 1),
      leftOut: { has: () => false, of: () => [] },
      append: (of, persist, done) => this.log.append(of, persist, done),
      send: nothing,
      markDirty: nothing,
      entryTimeMs: () => undefined,
      onApplied: nothing,
      space: {
        lacksSpace: () => false,
        roomForFreeingBytes: 0,
        appendBytesMax: () => nodeDefaults.appendBytesMax,
        isPeerFull: () => false,
      },
      onRoute: nothing,
      onChecksum: nothing,
      onInstalled: nothing,
      onStopped: (_, error) => {
        throw error;
      },
    };
    const options: Omit<GroupHostingOptions, "links"> = {
      groups: this.groups,
      clock,
      settings: nodeDefaults,
      directory,
      firstMembers: first,
      placement: { wishOf: () => undefined, isKnown: () => true, reportOf: () => this.report },
      log: this.log,
      keyspaces: new Map(),
      traffic: { announce: nothing, sendLost: (_, upTo) => this.told.push(upTo) },
      disks: { isPeerFull: () => false, isPeerSlow: () => false },
      host,
      onOutput: nothing,
    };
    this.hosting = new GroupHosting({
      ...options,
      links: () => {
        throw new Error("nobody is there to be sent anything");
      },
    });
    this.hosting.begin();
  }

  /** What is hosted, once a message for `replica` has come and what follows from it is done. */
  async addressed(replica: ReplicaId): Promise<ReplicaId | undefined> {
    this.hosting.addressed(group, replica);
    await this.world.run(100);
    return this.hosted;
  }

  /** What is hosted, once time has passed. */
  async ticked(): Promise<ReplicaId | undefined> {
    for (let tick = 0; tick < 10; tick++) this.hosting.tick();
    await this.world.run(100);
    return this.hosted;
  }

  get hosted(): ReplicaId | undefined {
    return this.groups.get(group)?.replica.core.id;
  }

  /** First replicas of other nodes. */
  get others(): readonly ReplicaId[] {
    return [1, 2, 3, 4].filter((node) => node !== this.own).slice(0, 3);
  }

  replica(generation: number): ReplicaId {
    return replicaOf(this.own, generation);
  }
}

/** A committed configuration: first members, and those given. */
function report(voters: readonly ReplicaId[], highestReplica: ReplicaId): MembersReport {
  return { voters, learners: [], highestReplica };
}

/** Ids of replicas cannot be noted any more; returns how that ends. */
function failNotes({ world }: Host): () => void {
  const { disk } = world.machine("node");
  const matches = (path: string): boolean => path.includes("node.json");
  return disk.inject({ operation: "write", code: "EIO", matches, count: Number.POSITIVE_INFINITY });
}

test("a replica begins with the first message for it, and not one of another node, group or generation [M-10, C-4]", async () => {
  const host = await Host.make();
  expect(host.hosted).toBeUndefined();
  expect(await host.addressed(host.replica(0))).toBeUndefined();
  expect(await host.addressed(replicaOf((host.own % 5) + 1, 3))).toBeUndefined();
  host.hosting.addressed(99, host.replica(1));
  expect(await host.addressed(host.replica(1))).toBe(host.replica(1));
  expect(host.log.group(group)).toMatchObject({ replica: host.replica(1), isEnded: false });
});

test("one that was proved to have gone is destroyed, and late messages bring nothing back [M-10]", async () => {
  const host = await Host.make();
  await host.addressed(host.replica(2));
  host.report = report(host.others, host.replica(1));
  expect(await host.ticked(), "of an earlier time").toBe(host.replica(2));
  host.report = report([...host.others.slice(1), host.replica(2)], host.replica(2));
  expect(await host.ticked(), "it is a voter").toBe(host.replica(2));
  host.report = report(host.others, host.replica(2));
  expect(await host.ticked()).toBeUndefined();
  expect(host.log.group(group)).toMatchObject({ replica: host.replica(2), isEnded: true, lastIndex: 0 });
  for (const generation of [0, 1, 2]) expect(await host.addressed(host.replica(generation))).toBeUndefined();
  expect(await host.addressed(host.replica(3))).toBe(host.replica(3));
  expect(await host.ticked(), "of that one nothing is proved").toBe(host.replica(3));
  expect(host.told).toEqual([]);
});

test("an id that cannot be noted is used up: the others are told, until it has gone [C-4]", async () => {
  const host = await Host.make();
  const lift = failNotes(host);
  expect(await host.addressed(host.replica(1))).toBeUndefined();
  lift();
  await host.ticked();
  expect(host.told).toEqual([host.replica(1)]);
  expect(await host.addressed(host.replica(1))).toBeUndefined();
  host.report = report(host.others, host.replica(1));
  await host.ticked();
  await host.world.run(3_000);
  await host.ticked();
  expect(host.told).toEqual([host.replica(1)]);
  expect(await host.addressed(host.replica(1))).toBeUndefined();
  expect(await host.addressed(host.replica(2))).toBe(host.replica(2));
});

test("a successor has gone, and the one before it counts: the others are told that it is lost, until they have another [D-3, C-4]", async () => {
  const host = await Host.make();
  const lift = failNotes(host);
  await host.addressed(host.replica(1));
  lift();
  expect(await host.addressed(host.replica(2))).toBe(host.replica(2));
  // The leader had added the second one, and has taken that back.
  host.report = report([...host.others.slice(1), host.replica(1)], host.replica(2));
  host.told.length = 0;
  expect(await host.ticked()).toBeUndefined();
  await host.ticked();
  expect(host.told).toEqual([host.replica(1), host.replica(1)]);
  expect(await host.addressed(host.replica(3))).toBe(host.replica(3));
  host.report = { ...report([...host.others.slice(1), host.replica(1)], host.replica(3)), learners: [host.replica(3)] };
  await host.ticked();
  host.report = report([...host.others.slice(1), host.replica(3)], host.replica(3));
  await host.ticked();
  expect(host.told).toHaveLength(2);
});

test("once it stops nothing begins any more", async () => {
  const host = await Host.make();
  host.hosting.stop();
  expect(await host.addressed(host.replica(1))).toBeUndefined();
  await host.world.until(host.hosting.settled());
});
