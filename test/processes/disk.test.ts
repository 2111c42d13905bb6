import { afterEach, expect, test } from "vitest";
import { nodeExitCode } from "../../src/cluster/index.ts";
import { ErrorReply, type Reply, SimpleString } from "../../src/resp/index.ts";
import { cleanUp, run, write } from "../cli/processes.ts";
import { eventually, ProcessCluster, type ProcessNode } from "./cluster.ts";
import { HistoryLoad } from "./history-load.ts";
import { RespClient } from "./resp-client.ts";
import { WriteLoad } from "./write-load.ts";

afterEach(cleanUp);

/** Runs `trouble` under load from writing clients and some whose history is checked, and looks at everything afterwards. */
async function underLoad(trouble: (cluster: ProcessCluster, writes: WriteLoad) => Promise<void>): Promise<void> {
  const cluster = await ProcessCluster.start({ faultyDisks: true });
  const writes = new WriteLoad({ ports: cluster.ports, clientCount: 12, replyTimeoutMs: 10_000 });
  const history = new HistoryLoad({ ports: cluster.ports, clientCount: 6, replyTimeoutMs: 10_000 });
  writes.start();
  history.start();
  try {
    await writes.flows(10);
    await trouble(cluster, writes);
    await writes.flows(5);
  } finally {
    for (const { disk } of cluster.nodes) disk.end();
    await Promise.all([writes.stop(), history.stop()]);
  }
  expect([...writes.nonsense, ...history.nonsense]).toEqual([]);
  for (const { port } of cluster.nodes) expect(await writes.faults(port)).toEqual([]);
  expect(history.verdicts()).toEqual([]);
  expect(new Set(await cluster.digests()).size).toBe(1);
}

/** What `asked` says of the disk of `node`. */
async function isDiskFull(cluster: ProcessCluster, asked: ProcessNode, node: ProcessNode): Promise<boolean> {
  const { nodes } = await cluster.status(asked);
  return nodes.find(({ name }) => name === node.name)?.status?.isDiskFull === true;
}

test("a leader whose disk is full makes way, everybody is served, and it catches up once there is space [D-7]", async () => {
  await underLoad(async (cluster, writes) => {
    const full = await cluster.leader();
    const [other = full] = cluster.others(full);
    full.disk.begin("refusing");
    await eventually("another leader", async () => ((await cluster.leader()) === full ? undefined : true));
    // Those of its clients too, whose commands it forwards.
    await writes.flows(5);
    expect(await isDiskFull(cluster, other, full)).toBe(true);
    expect(full.isRunning).toBe(true);
    full.disk.end();
    await eventually("space", async () => ((await isDiskFull(cluster, other, full)) ? undefined : true));
  });
}, 120_000);

test("a follower whose disk is full disturbs nobody, and catches up once there is space [D-7]", async () => {
  await underLoad(async (cluster, writes) => {
    const leader = await cluster.leader();
    const [full = leader] = cluster.others(leader);
    full.disk.begin("refusing");
    await eventually("a full disk", async () => (await isDiskFull(cluster, leader, full)) || undefined);
    await writes.flows(10);
    full.disk.end();
  });
}, 120_000);

/** The reply to one command over a connection of its own; undefined if none comes for a while. */
async function asked(port: number, words: readonly string[]): Promise<Reply | undefined> {
  const client = await RespClient.connect(port);
  const timer = setTimeout(() => client.close(), 1_000);
  const reply = await client.request(...words);
  clearTimeout(timer);
  client.close();
  return reply;
}

/** Writes until the disk has taken all that it can. Whoever writes at that moment waits until there is space again. */
function fillUp(port: number): Promise<string> {
  return eventually("a write that is refused", async () => {
    const reply = await asked(port, ["SET", "ballast", "x".repeat(200_000)]);
    return reply instanceof ErrorReply && reply.text.startsWith("DISKFULL ") ? reply.text : undefined;
  });
}

test("where no disk has space writes are refused, reads and elections go on, and it heals by itself [D-7]", async () => {
  const cluster = await ProcessCluster.start({ faultyDisks: true });
  const leader = await cluster.leader();
  const others = cluster.others(leader);
  await write(leader.port, "kept", "value");
  for (const { disk } of cluster.nodes) disk.begin("full");
  const expectRefusals = async (nodes: readonly ProcessNode[]): Promise<void> => {
    for (const { port } of nodes) {
      expect(await fillUp(port)).toContain("the write did not happen. Reads go on");
      expect(await asked(port, ["SET", "refused", "1"])).toBeInstanceOf(ErrorReply);
      expect(await asked(port, ["MGET", "kept", "refused"])).toEqual(["value", null]);
    }
  };
  await expectRefusals(cluster.nodes);
  await leader.kill();
  expect(others).toContain(await cluster.leader(others));
  await expectRefusals(others);
  for (const { disk } of cluster.nodes) disk.end();
  await leader.start();
  for (const { port } of cluster.nodes) {
    await eventually("a write", async () => {
      const reply = await asked(port, ["SET", "healed", String(port)]);
      return reply instanceof SimpleString || undefined;
    });
  }
  expect(await asked(leader.port, ["MGET", "kept", "refused"])).toEqual(["value", null]);
  expect(new Set(await cluster.digests()).size).toBe(1);
}, 120_000);

test("a node is not started on a full disk, and says so in one line [D-7]", async () => {
  const cluster = await ProcessCluster.start({ faultyDisks: true });
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error("there is no node");
  await node.kill();
  node.disk.begin("refusing");
  const outcome = await run(["start", "--dir", node.dir, "--log-level", "error"], node.disk.environment);
  expect(outcome).toMatchObject({ code: 2, stdout: "" });
  expect(outcome.stderr).toMatch(/^coterie: [^\n]*(full|space)[^\n]*\n$/);
  node.disk.end();
  await node.start();
}, 120_000);

test.for(["leader", "follower"])(
  "a %s whose fdatasync fails says why and ends with its own exit code; no acknowledged write is lost [D-4]",
  { timeout: 120_000 },
  async (role) => {
    await underLoad(async (cluster, writes) => {
      const leader = await cluster.leader();
      const [victim = leader] = role === "leader" ? [leader] : cluster.others(leader);
      victim.disk.begin("syncFails");
      const { code, stderr } = await victim.ended;
      expect(code).toBe(nodeExitCode.diskFailed);
      expect(stderr).toMatch(/^coterie: .*\/log: .*\n$/m);
      expect(stderr).toContain("EIO");
      for (const other of cluster.others(victim)) expect(other.isRunning).toBe(true);
      await writes.flows(5);
      for (const { port } of cluster.others(victim)) expect(await writes.faults(port)).toEqual([]);
      victim.disk.end();
      await victim.start();
    });
  },
);
