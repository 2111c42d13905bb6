/**
 * Redis' own tools on the cluster port of real nodes, while leaders are transferred and, for redis-cli, a node joins and drains. Run by
 * `npm run compat`; needs redis-cli and redis-benchmark on the PATH, and says so where they are missing.
 */
import { spawn, spawnSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { memberNodesOf, nodeOfName } from "../../src/directory/index.ts";
import { ErrorReply } from "../../src/resp/index.ts";
import { ask, cleanUp, run } from "../cli/processes.ts";
import { eventually, ProcessCluster, type ProcessNode } from "../processes/cluster.ts";

const shards = 8;
const areThere = ["redis-cli", "redis-benchmark"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
if (!areThere) console.log("redis-cli or redis-benchmark is missing: they are left out.");

afterEach(cleanUp);

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a tool to its end; `input` is what it reads. */
function tool(name: string, words: readonly string[], input = ""): Promise<Ended> {
  const child = spawn(name, words, { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  child.stdin.end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

/** By node, the groups of the shards that it leads. */
async function ledOf(cluster: ProcessCluster): Promise<ReadonlyMap<string, readonly number[]>> {
  const { nodes } = await cluster.status(cluster.nodes[0]);
  return new Map(
    nodes.map(({ name, status }) => [
      name,
      (status?.groups ?? []).filter(({ role }) => role === "leader").map(({ group }) => group),
    ]),
  );
}

/** Each node gives one of its shards to the next node, so that each of them goes on leading some. */
async function transferSome(cluster: ProcessCluster): Promise<void> {
  const led = [...(await ledOf(cluster))];
  for (const [at, [, groups]] of led.entries()) {
    const [to = ""] = led[(at + 1) % led.length] ?? [];
    const words = ["COTERIE", "SHARD", "TRANSFER", String((groups[0] ?? 0) - 1), "TO", to];
    // Refused as long as that node lags behind.
    await eventually(words.join(" "), async () => {
      const [reply] = await ask(cluster.nodes[0]?.port ?? 0, [words]);
      return reply instanceof ErrorReply ? undefined : reply;
    });
  }
}

/** A node joins, gets replicas, and is drained. */
async function comeAndGo(cluster: ProcessCluster): Promise<void> {
  const node = await cluster.join();
  const keeps = async (): Promise<boolean> => {
    const state = await cluster.directory(cluster.nodes[0]);
    const id = nodeOfName(state, node.name)?.id ?? 0;
    return state.shards.some(({ report }) => memberNodesOf(report).includes(id));
  };
  await eventually("a shard that has come", async () => ((await keeps()) ? true : undefined), 60_000);
  const [asked] = cluster.nodes as [ProcessNode];
  expect(await run(["node", "drain", node.name, "--port", String(asked.port)])).toMatchObject({ code: 0 });
  expect(await keeps()).toBe(false);
}

const changes = [
  { name: "leaders are transferred", change: transferSome },
  { name: "a node joins and is drained", change: comeAndGo },
];

async function started(): Promise<ProcessCluster> {
  const cluster = await ProcessCluster.start({ shards, clusterPorts: true });
  await eventually("two shards that each node leads", async () => {
    const led = [...(await ledOf(cluster)).values()];
    return led.every(({ length }) => length > 1) ? true : undefined;
  });
  return cluster;
}

/** Runs a tool at one node after the other until the change is over, and once more. */
async function during(
  change: (cluster: ProcessCluster) => Promise<void>,
  round: (clusterPort: string, number: number) => Promise<void>,
): Promise<void> {
  const cluster = await started();
  let isOver = false;
  const rounds = async (): Promise<void> => {
    for (let number = 1, last = false; !last; number++) {
      last = isOver;
      await round(String(cluster.nodes[number % 3]?.clusterPort), number);
    }
  };
  const changed = change(cluster).finally(() => {
    isOver = true;
  });
  await Promise.all([changed, rounds()]);
}

test.skipIf(!areThere).for(changes)("redis-cli -c counts without a gap while $name", async ({ change }) => {
  const keys = Array.from({ length: 16 }, (_, at) => `count:${at}`);
  const input = keys.map((key) => `INCR ${key}\n`).join("");
  await during(change, async (port, number) => {
    const { code, output } = await tool("redis-cli", ["-c", "-p", port], input);
    const lines = output.split("\n").filter((line) => line !== "" && !line.startsWith("-> Redirected"));
    expect({ code, lines }).toEqual({ code: 0, lines: keys.map(() => String(number)) });
  });
});

// It knows the masters from its beginning, and gives up where another one comes: no node joins here.
test.skipIf(!areThere)("redis-benchmark --cluster comes to its end while leaders are transferred", async () => {
  await during(transferSome, async (port) => {
    const words = ["--cluster", "-p", port, "-c", "6", "-n", "3000", "-r", "500", "-t", "set,get", "-q"];
    const { code, output } = await tool("redis-benchmark", words);
    expect(output).toMatch(/SET: [\d.]+ requests[\s\S]*GET: [\d.]+ requests/);
    expect(output).not.toMatch(/error|MOVED|CLUSTERDOWN/i);
    expect(code).toBe(0);
  });
});
