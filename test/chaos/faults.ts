/** What is done to a real cluster while clients work with it. Each fault is undone when its promise resolves. */
import { setTimeout as delay } from "node:timers/promises";
import { nodeExitCode } from "../../src/cluster/index.ts";
import type { SeededRandom } from "../../src/simulation/index.ts";
import { eventually, type ProcessCluster, type ProcessNode } from "../processes/cluster.ts";
import type { DiskFault } from "../processes/faulty-disk.ts";
import type { CutNetwork } from "./cut-network.ts";

export interface ChaosPlace {
  readonly cluster: ProcessCluster;
  readonly network: CutNetwork;
  readonly random: SeededRandom;
}

export interface Fault {
  readonly name: string;
  run(place: ChaosPlace): Promise<void>;
}

/** A while: from 100 ms to `maxMs`, more often short than long. */
function hold(random: SeededRandom, maxMs: number): Promise<void> {
  const fraction = (random.uint32() % 1_000) / 1_000;
  return delay(100 + fraction * fraction * (maxMs - 100));
}

function anyNode({ cluster, random }: ChaosPlace): ProcessNode {
  const nodes = cluster.staying;
  const node = nodes[random.uint32() % nodes.length];
  if (node === undefined) throw new Error("the cluster has no nodes");
  return node;
}

/** The leader half of the time, since most goes through it. */
async function someNode(place: ChaosPlace): Promise<ProcessNode> {
  return place.random.uint32() % 2 === 0 ? place.cluster.leader() : anyNode(place);
}

async function withDisk(place: ChaosPlace, nodes: readonly ProcessNode[], fault: DiskFault): Promise<void> {
  for (const { disk } of nodes) disk.begin(fault);
  await hold(place.random, 4_000);
  for (const { disk } of nodes) disk.end();
}

/** Cuts what `isCut` says between the numbers of nodes, for a while. */
async function cutWhere(place: ChaosPlace, isCut: (from: number, to: number) => boolean): Promise<void> {
  const numbers = place.cluster.nodes.map(({ number }) => number);
  for (const from of numbers) for (const to of numbers) if (from !== to && isCut(from, to)) place.network.cut(from, to);
  await hold(place.random, 6_000);
  place.network.heal();
}

async function numberOf(place: ChaosPlace): Promise<number> {
  return (await someNode(place)).number;
}

export const faults: readonly Fault[] = [
  {
    name: "kill -9 of a node",
    run: async (place) => {
      const node = await someNode(place);
      await node.kill();
      await hold(place.random, 3_000);
      await node.start();
    },
  },
  {
    name: "kill -9 of all nodes at once",
    run: async ({ cluster }) => {
      const nodes = cluster.staying;
      await Promise.all(nodes.map((node) => node.kill()));
      await Promise.all(nodes.map((node) => node.start()));
    },
  },
  {
    name: "rolling restart",
    run: async ({ cluster }) => {
      for (const node of cluster.staying) {
        node.signal("SIGTERM");
        const { code, stderr } = await node.ended;
        if (code !== 0) throw new Error(`${node.name} ended with ${code} when it was asked to stop:\n${stderr}`);
        await node.start();
      }
    },
  },
  {
    name: "a node stands still",
    run: async (place) => {
      const node = await someNode(place);
      node.signal("SIGSTOP");
      await hold(place.random, 5_000);
      node.signal("SIGCONT");
    },
  },
  {
    name: "one direction between two nodes is cut",
    run: async (place) => {
      const first = await numberOf(place);
      const others = place.cluster.nodes.map(({ number }) => number).filter((number) => number !== first);
      const second = others[place.random.uint32() % others.length] ?? first;
      const [from, to] = place.random.uint32() % 2 === 0 ? [first, second] : [second, first];
      await cutWhere(place, (one, other) => one === from && other === to);
    },
  },
  {
    name: "a node hears nobody",
    run: async (place) => {
      const deaf = await numberOf(place);
      await cutWhere(place, (_, to) => to === deaf);
    },
  },
  {
    name: "nobody hears a node",
    run: async (place) => {
      const mute = await numberOf(place);
      await cutWhere(place, (from) => from === mute);
    },
  },
  {
    name: "a node is cut off",
    run: async (place) => {
      const lone = await numberOf(place);
      await cutWhere(place, (from, to) => from === lone || to === lone);
    },
  },
  {
    name: "all connections between nodes break",
    run: async ({ network, random }) => {
      for (let count = 1 + (random.uint32() % 5); count > 0; count--) {
        network.breakAll();
        await hold(random, 500);
      }
    },
  },
  { name: "a disk is full", run: async (place) => withDisk(place, [await someNode(place)], "full") },
  { name: "a disk takes nothing", run: async (place) => withDisk(place, [await someNode(place)], "refusing") },
  { name: "no disk takes anything", run: (place) => withDisk(place, place.cluster.staying, "refusing") },
  { name: "a disk is slow", run: async (place) => withDisk(place, [await someNode(place)], "slow") },
  {
    name: "fdatasync fails",
    run: async (place) => {
      const node = await someNode(place);
      node.disk.begin("syncFails");
      const { code } = await eventually(`the end of ${node.name}`, async () =>
        node.isRunning ? undefined : node.ended,
      );
      node.disk.end();
      if (code !== nodeExitCode.diskFailed) throw new Error(`${node.name} ended with ${code} when its disk failed`);
      await node.start();
    },
  },
];
