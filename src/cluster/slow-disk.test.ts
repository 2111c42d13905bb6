import { afterEach, expect, test } from "vitest";
import { okReply } from "../../test/cluster/client.ts";
import { SimulatedCluster } from "../../test/cluster/simulated-cluster.ts";

/** A disk whose writes and syncs take 2 ms in the mean. */
const disk = { syncMs: 1, tailChance: 0 };
const slowFactor = 50;
/** Until the leadership of a slow node's shards is elsewhere. */
const handedOverMs = 8_000;

let open: SimulatedCluster[] = [];

afterEach(async () => {
  for (const cluster of open) await cluster.close();
  open = [];
});

async function started(shards: number, size = 3): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({ size, machine: { disk }, node: { shards } });
  open.push(cluster);
  await cluster.start();
  await cluster.untilAllLed();
  return cluster;
}

/** Shards that the node leads, and the directory. */
function ledBy(cluster: SimulatedCluster, name: string): number {
  const { groups, directory } = cluster.node(name).nodeStatus();
  return [...groups, directory].filter((each) => each?.role === "leader").length;
}

function setSync(cluster: SimulatedCluster, name: string, syncMs: number): void {
  const { disk } = cluster.world.machine(name);
  disk.settings = { ...disk.settings, syncMs };
}

/** Leaders that any node took over since the last call. */
function elections(cluster: SimulatedCluster): number {
  const led = cluster.eventsOf("leader").filter(({ node, fields }) => fields.leader === node).length;
  cluster.events.length = 0;
  return led;
}

/** A client that writes one key after the other, all over the shards. */
class Writer {
  /** Of the writes that were answered, in milliseconds. */
  durationsMs: number[] = [];

  constructor(cluster: SimulatedCluster, via: string) {
    this.#cluster = cluster;
    this.#client = cluster.client(via);
  }

  /** Writes for so long; gives the slower ones' time: the 90th percentile. */
  async run(forMs: number, pauseMs = 20): Promise<number> {
    const { world } = this.#cluster;
    this.durationsMs = [];
    for (const endMs = world.nowMs + forMs; world.nowMs < endMs; ) {
      const beganMs = world.nowMs;
      const ticket = this.#client.send("SET", `key:${this.#count++}`, "value");
      await this.#cluster.until(() => this.#client.isAnswered, "a reply", 40_000);
      expect(this.#client.replies[ticket]).toBe(okReply);
      this.durationsMs.push(world.nowMs - beganMs);
      await world.run(pauseMs);
    }
    const sorted = this.durationsMs.toSorted((left, right) => left - right);
    return sorted[Math.floor(0.9 * sorted.length)] ?? Number.POSITIVE_INFINITY;
  }

  readonly #cluster: SimulatedCluster;
  readonly #client: ReturnType<SimulatedCluster["client"]>;
  #count = 0;
}

test("who leads on a disk that gets fifty times slower hands over, and leads again once it is well [H-7]", async () => {
  const cluster = await started(1);
  const slow = await cluster.untilLeader();
  const other = cluster.followers[0] as string;
  const writer = new Writer(cluster, other);
  const usualMs = await writer.run(3_000);
  setSync(cluster, slow, slowFactor * disk.syncMs);
  await writer.run(handedOverMs);
  // A write is answered once two other disks have it; nobody waits for long while leadership changes.
  expect(Math.max(...writer.durationsMs)).toBeLessThan(1_000);
  expect(ledBy(cluster, slow)).toBe(0);
  expect(cluster.node(slow).nodeStatus()).toMatchObject({ isDiskSlow: true });
  expect(cluster.node(slow).nodeStatus().syncMs).toBeGreaterThan(50);
  expect(await writer.run(3_000)).toBeLessThan(2 * usualMs);
  expect(cluster.node(other).nodeStatus()).toMatchObject({ isDiskSlow: false });
  // Nobody gives it back, whoever asks.
  const slowId = cluster.node(slow).nodeStatus().nodeId;
  await expect(cluster.world.until(cluster.node(other).transferLeader(0, slowId))).rejects.toThrow(
    /disk of .* is slow/,
  );
  setSync(cluster, slow, disk.syncMs);
  await writer.run(40_000, 100);
  expect(cluster.node(slow).nodeStatus()).toMatchObject({ isDiskSlow: false });
  await cluster.world.until(cluster.node(other).transferLeader(0, slowId));
  expect(ledBy(cluster, slow)).toBeGreaterThan(0);
});

test("who leads on a disk that is stuck hands over, while it is stuck [H-7]", async () => {
  const cluster = await started(4);
  const stuck = "n1";
  const writer = new Writer(cluster, "n2");
  const usualMs = await writer.run(3_000);
  expect(ledBy(cluster, stuck)).toBeGreaterThan(0);
  cluster.world.machine(stuck).disk.stall(30_000);
  await writer.run(handedOverMs);
  expect(ledBy(cluster, stuck)).toBe(0);
  expect(await writer.run(10_000)).toBeLessThan(2 * usualMs);
  expect(Math.max(...writer.durationsMs)).toBeLessThan(1_000);
  expect(cluster.node(stuck).nodeStatus().syncMs).toBeGreaterThan(10_000);
  await writer.run(50_000, 100);
  expect(ledBy(cluster, stuck)).toBeGreaterThan(0);
});

test("with 64 shards each changes its leader once, and none comes back before its time [H-7, H-5]", async () => {
  const cluster = await started(64);
  const writer = new Writer(cluster, "n2");
  await writer.run(5_000);
  const before = ledBy(cluster, "n1");
  expect(before).toBeGreaterThan(15);
  elections(cluster);
  setSync(cluster, "n1", slowFactor * disk.syncMs);
  await writer.run(handedOverMs + 64 * 100);
  expect(ledBy(cluster, "n1")).toBe(0);
  expect(elections(cluster)).toBe(before);
  await writer.run(5_000);
  // The two others even out what they have; no more.
  expect(elections(cluster)).toBeLessThanOrEqual(2);
  setSync(cluster, "n1", disk.syncMs);
  await writer.run(25_000, 100);
  expect(ledBy(cluster, "n1")).toBe(0);
  expect(elections(cluster)).toBe(0);
  await writer.run(25_000, 100);
  expect(ledBy(cluster, "n1")).toBeGreaterThan(15);
}, 60_000);

test("where all disks are slow, nothing moves [H-7]", async () => {
  const cluster = await started(8);
  const writer = new Writer(cluster, "n2");
  await writer.run(5_000);
  elections(cluster);
  for (const name of cluster.names) setSync(cluster, name, slowFactor * disk.syncMs);
  await writer.run(20_000, 100);
  expect(cluster.node("n1").nodeStatus().syncMs).toBeGreaterThan(50);
  expect(elections(cluster)).toBe(0);
});
