import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LoadTarget } from "../load/job.ts";
import { ask, askInfo } from "./ask.ts";
import { type Child, lastWords } from "./children.ts";
import { freePortBase } from "./ports.ts";
import { loopback, type Premises, type System } from "./system.ts";
import { waitUntil } from "./wait-until.ts";

/** One node process of the demo cluster, as `coterie demo --json` announces it. */
export interface CoterieNode {
  readonly name: string;
  readonly target: LoadTarget;
  /** For clients of Redis Cluster. */
  readonly clusterTarget: LoadTarget;
  readonly directory: string;
  /** Changes when the node is started again. */
  pid: number;
}

/** The node processes of `coterie demo`, on one disk. */
export interface CoterieSystem extends System {
  readonly nodes: readonly CoterieNode[];
  /** The node that says of itself that it leads, the first shard if there are several. @throws if none does. */
  leaderNode(): Promise<CoterieNode>;
  /** Brings a node back that was killed, as the demo says to, and waits until it answers. */
  restart(node: CoterieNode): Promise<void>;
}

export const repositoryRoot: string = fileURLToPath(new URL("../../../", import.meta.url));

const command = join(repositoryRoot, "bin", "coterie");
const startMsMax = 20_000;

export async function startCoterie(premises: Premises, nodeCount = 3, shards = 1): Promise<CoterieSystem> {
  const directory = mkdtempSync(join(premises.directory, "coterie-"));
  const nodeOffsets = Array.from({ length: nodeCount }, (_, node) => node);
  const port = await freePortBase(nodeOffsets.flatMap((node) => [0, 100, 1_000, 10_000].map((part) => node + part)));
  const flags = ["--nodes", String(nodeCount), "--shards", String(shards)];
  const demo = await premises.children.start({
    name: `coterie-demo-${port}`,
    command: process.execPath,
    args: [command, "demo", "--json", ...flags, "--port", String(port), "--dir", directory],
    logDirectory: premises.directory,
    pipesOutput: true,
  });
  const nodes = await readNodes(demo);
  for (const node of nodes) premises.children.adopt(node.pid);
  await waitUntil("Coterie to have a leader", async () => (await findLeader(nodes)) !== undefined, { child: demo });
  return systemOf(premises, demo, nodes);
}

/** Starts one more node, which joins the cluster of `via`. It is not waited for. */
export async function startJoiner(premises: Premises, name: string, via: CoterieNode): Promise<Child> {
  const port = await freePortBase([0, 10_000]);
  const directory = join(mkdtempSync(join(premises.directory, "coterie-")), name);
  const joining = ["--join", `${loopback}:${via.target.port}`, "--secret-file", join(via.directory, "secret")];
  const ports = ["--port", port, "--peer-port", port + 10_000, "--cluster-port", 0, "--http-port", 0].map(String);
  return premises.children.start({
    name: `coterie-${name}`,
    command: process.execPath,
    args: [command, "start", "--name", name, "--dir", directory, ...ports, ...joining],
    logDirectory: premises.directory,
  });
}

function systemOf(premises: Premises, demo: Child, nodes: readonly CoterieNode[]): CoterieSystem {
  const leaderNode = async (): Promise<CoterieNode> => {
    const leader = await findLeader(nodes);
    if (leader === undefined) throw new Error("no node of Coterie leads");
    return leader;
  };
  return {
    nodes,
    get pids(): readonly number[] {
      return nodes.map((node) => node.pid);
    },
    targets: nodes.map((node) => node.target),
    leaderNode,
    leader: async () => (await leaderNode()).target,
    restart: async (node) => {
      premises.children.release(node.pid);
      const child = await premises.children.start({
        name: `coterie-${node.name}`,
        command: process.execPath,
        args: [command, "start", "--dir", node.directory],
        logDirectory: premises.directory,
      });
      node.pid = child.pid;
      const answers = async (): Promise<boolean> => (await ask(node.target.port, ["PING"])) === "PONG";
      await waitUntil(`${node.name} to answer again`, answers, { child });
    },
    stop: () => premises.children.stop(demo, 10_000),
  };
}

async function findLeader(nodes: readonly CoterieNode[]): Promise<CoterieNode | undefined> {
  for (const node of nodes) {
    try {
      const info = await askInfo(node.target.port, "raft");
      // With several shards there is a line for each.
      if ((info.get("raft_role") ?? info.get("raft_shard0"))?.match(/^(role=)?leader\b/)) return node;
    } catch {
      // A node that does not answer does not lead.
    }
  }
  return undefined;
}

/** The demo's first line says what it started; the events that follow are read and dropped. */
function readNodes(demo: Child): Promise<CoterieNode[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`coterie demo was not ready within ${startMsMax} ms\n${lastWords(demo)}`)),
      startMsMax,
    );
    demo.process.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`coterie demo ended with code ${code}\n${lastWords(demo)}`));
    });
    createInterface({ input: demo.process.stdout! }).once("line", (line) => {
      clearTimeout(timer);
      try {
        resolve(parseNodes(line));
      } catch (error) {
        reject(error);
      }
    });
    demo.process.stdout?.resume();
  });
}

interface ReadyLine {
  readonly nodes: readonly { name: string; redis: string; cluster: string; pid: number; dir: string }[];
}

function parseNodes(line: string): CoterieNode[] {
  const ready = JSON.parse(line) as ReadyLine;
  return ready.nodes.map(({ name, redis, cluster, pid, dir }) => ({
    name,
    target: targetOf(redis),
    clusterTarget: targetOf(cluster),
    directory: dir,
    pid,
  }));
}

function targetOf(address: string): LoadTarget {
  return { host: loopback, port: Number(address.slice(address.lastIndexOf(":") + 1)) };
}
