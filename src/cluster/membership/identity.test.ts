import { expect, test } from "vitest";
import { bulk, okReply } from "../../../test/cluster/client.ts";
import { SimulatedCluster } from "../../../test/cluster/simulated-cluster.ts";
import { silentLogger } from "../../platform/index.ts";
import { Node } from "../node.ts";

async function started(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster();
  await cluster.start();
  await cluster.untilLeader();
  await cluster.world.run(300);
  return cluster;
}

function peersOf(names: readonly string[], port = 17_000) {
  return names.map((name) => ({ name, host: name, port }));
}

test("after its first start a node needs to be told nothing", async () => {
  const cluster = await started();
  const client = cluster.client("n1");
  client.send("SET", "k", "v");
  await cluster.until(() => client.isAnswered, "a reply");
  for (const name of cluster.names) cluster.kill(name);
  const nothing = { name: undefined, peers: undefined, secret: undefined };
  for (const name of cluster.names) await cluster.world.until(cluster.startNode(name, nothing));
  await cluster.untilLeader();
  const reader = cluster.client("n2");
  reader.send("GET", "k");
  await cluster.until(() => reader.isAnswered, "a reply");
  expect(reader.replies).toEqual([bulk("v")]);
  expect(cluster.node("n2").nodeStatus()).toMatchObject({ name: "n2", nodeId: 2, bootCounter: 2 });
  await cluster.close();
});

test("addresses may change at every start, all at once", async () => {
  const cluster = await started();
  for (const name of cluster.names) cluster.kill(name);
  const peers = peersOf(cluster.names, 18_000);
  for (const name of cluster.names) await cluster.world.until(cluster.startNode(name, { peers }));
  await cluster.untilLeader();
  cluster.kill("n2");
  // One alone may move too: it tells the others.
  const moved = peersOf(cluster.names, 18_000).map((peer) => (peer.name === "n2" ? { ...peer, port: 19_000 } : peer));
  await cluster.world.until(cluster.startNode("n2", { peers: moved }));
  await cluster.untilEqual();
  expect(cluster.node("n2").peerAddress).toEqual({ host: "n2", port: 19_000 });
  cluster.kill("n1");
  await cluster.world.until(cluster.startNode("n1", { peers: undefined }));
  await cluster.untilEqual();
  await cluster.close();
});

test.for([
  {
    what: "another set of names",
    changes: { peers: peersOf(["n1", "n2", "n4"]) },
    says: /names of a cluster is fixed/,
  },
  { what: "another name", changes: { name: "n2" }, says: /belongs to node n1, not to n2/ },
  { what: "another secret", changes: { secret: "other" }, says: /another cluster secret/ },
  { what: "another cluster", changes: { clusterId: "0".repeat(32) }, says: /belongs to cluster/ },
])("a directory is refused $what", async ({ changes, says }) => {
  const cluster = await started();
  cluster.kill("n1");
  await expect(cluster.world.until(cluster.startNode("n1", changes))).rejects.toThrow(says);
  // And it is not locked, nor changed.
  await cluster.world.until(cluster.startNode("n1"));
  expect(cluster.node("n1").nodeStatus().bootCounter).toBe(2);
  await cluster.close();
});

test.for([
  { what: "a name", changes: { name: undefined }, says: /must be told its name/ },
  { what: "itself among the peers", changes: { peers: peersOf(["n2", "n3"]) }, says: /add its own entry/ },
  { what: "each name once", changes: { peers: peersOf(["n1", "n1"]) }, says: /stands twice/ },
  { what: "a secret, off loopback", changes: { secret: undefined }, says: /need a secret/ },
])("a first start needs $what", async ({ changes, says }) => {
  const cluster = new SimulatedCluster();
  await expect(cluster.world.until(cluster.startNode("n1", changes))).rejects.toThrow(says);
});

test.for([
  { what: "new addresses", changes: { peers: peersOf(["n1", "n2", "n3"]) }, host: "n1" },
  { what: "an address to listen at", changes: { listen: { host: "0.0.0.0", port: 17_000 } }, host: "0.0.0.0" },
])(
  "$what that other machines reach are refused where everybody can compute the secret, until one is given",
  async ({ changes, host }) => {
    const cluster = new SimulatedCluster();
    const local = peersOf(cluster.names).map((peer, at) => ({ ...peer, host: "127.0.0.1", port: 17_000 + at }));
    await cluster.world.until(cluster.startNode("n1", { peers: local, secret: undefined }));
    const { clusterId } = cluster.node("n1").nodeStatus();
    cluster.kill("n1");
    const refused = cluster.startNode("n1", { peers: undefined, secret: undefined, ...changes });
    await expect(cluster.world.until(refused)).rejects.toMatchObject({
      code: "IDENTITY",
      message: expect.stringMatching(
        new RegExp(`\\(${host}\\).*Make one .*, stop all nodes, and start each once with --secret-file`),
      ),
    });
    // The start that was refused has changed nothing, and one with a secret goes on as the same node.
    await cluster.world.until(cluster.startNode("n1", { peers: undefined, ...changes }));
    expect(cluster.node("n1").nodeStatus()).toMatchObject({ bootCounter: 2, clusterId });
    cluster.kill("n1");
    await cluster.world.until(cluster.startNode("n1", { secret: undefined, ...changes }));
    cluster.kill("n1");
    const other = cluster.startNode("n1", { secret: "another", ...changes });
    await expect(cluster.world.until(other)).rejects.toThrow(/another cluster secret/);
  },
);

test("two processes never work in one directory, and one that was killed leaves it free [D-9]", async () => {
  const cluster = await started();
  cluster.kill("n1");
  await cluster.world.until(cluster.startNode("n1"));
  const platform = cluster.platforms.get("n1");
  if (platform === undefined) throw new Error("n1 does not run");
  const second = Node.start({ platform, logger: silentLogger, directory: "/data" });
  await expect(cluster.world.until(second)).rejects.toMatchObject({ code: "DIRECTORY_IN_USE" });
  await cluster.close();
});

test("a peer port that is taken is an error, and leaves the directory free", async () => {
  const cluster = await started();
  cluster.kill("n1");
  const platform = cluster.world.machine("n1").start();
  await cluster.world.until(platform.network.listen({ host: "n1", port: 17_000 }, () => {}));
  const start = (): Promise<Node> => Node.start({ platform, logger: silentLogger, directory: "/data" });
  await expect(cluster.world.until(start())).rejects.toMatchObject({ code: "EADDRINUSE" });
  await expect(cluster.world.until(start())).rejects.toMatchObject({ code: "EADDRINUSE" });
  await cluster.close();
});

test("a node whose directory was emptied is refused, again and again, and stops with the cure in its log [D-10, M-11]", async () => {
  const cluster = await started();
  const client = cluster.client("n1");
  client.send("SET", "k", "v");
  await cluster.until(() => client.isAnswered, "a reply");
  cluster.kill("n3");
  await cluster.world.until(cluster.world.machine("n3").start().disk.removeTree("/data"));
  for (let each = 1; each <= 3; each++) {
    await cluster.world.until(cluster.startNode("n3")).catch(() => {});
    await cluster.until(() => cluster.exits.length === each, "an exit");
  }
  for (const exit of cluster.exits)
    expect(exit).toMatchObject({ node: "n3", code: 2, reason: expect.stringMatching(/^FORGOTTEN/) });
  const refusals = cluster.eventsOf("the peers refuse this node, which stops");
  expect(refusals[0]?.fields.text).toMatch(/another directory.*Start it with its newest directory/);
  // The others go on.
  client.send("GET", "k");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies).toEqual([okReply, bulk("v")]);
  await cluster.close();
});

test("a node on an older copy of its directory is refused, and each time that it is started again [D-10]", async () => {
  const cluster = await started();
  cluster.kill("n1");
  const { disk } = cluster.world.machine("n1");
  const copy = disk.copy();
  await cluster.world.until(cluster.startNode("n1"));
  await cluster.world.run(1_000);
  cluster.kill("n1");
  disk.restore(copy);
  for (let each = 1; each <= 4; each++) {
    void cluster.startNode("n1").catch(() => {});
    await cluster.until(() => cluster.exits.length === each, "an exit");
  }
  for (const exit of cluster.exits)
    expect(exit).toMatchObject({ node: "n1", code: 2, reason: expect.stringMatching(/^FORGOTTEN/) });
  await cluster.close();
});

test.for([
  { what: "once", deafStarts: 1 },
  { what: "five times", deafStarts: 5 },
])(
  "an old copy that was started $what and killed before it heard of its refusal is refused all the same [D-10]",
  async ({ deafStarts }) => {
    const cluster = await started();
    cluster.kill("n1");
    const { disk } = cluster.world.machine("n1");
    const copy = disk.copy();
    await cluster.world.until(cluster.startNode("n1"));
    await cluster.world.run(1_000);
    cluster.kill("n1");
    disk.restore(copy);
    // The counters rise with each start, past what the others have seen.
    cluster.isolate("n1");
    for (let each = 0; each < deafStarts; each++) {
      await cluster.world.until(cluster.startNode("n1"));
      await cluster.world.run(1_000);
      cluster.kill("n1");
    }
    cluster.world.network.healAll();
    void cluster.startNode("n1").catch(() => {});
    await cluster.until(() => cluster.exits.length === 1, "an exit");
    expect(cluster.exits).toMatchObject([{ node: "n1", code: 2, reason: expect.stringMatching(/^FORGOTTEN/) }]);
    await cluster.close();
  },
);

test("a node that ran unheard, again and again, is no old copy, and one that peers saw many runs ago neither [D-10]", async () => {
  const cluster = await started();
  cluster.isolate("n1");
  for (let each = 0; each < 12; each++) {
    cluster.kill("n1");
    await cluster.world.until(cluster.startNode("n1"));
    await cluster.world.run(500);
  }
  cluster.world.network.healAll();
  await cluster.untilEqual();
  expect(cluster.exits).toEqual([]);
  expect(cluster.node("n1").nodeStatus().bootCounter).toBe(13);
  await cluster.close();
});

test("a node in memory that comes back under its name is refused: it has forgotten everything [M-11]", async () => {
  const cluster = new SimulatedCluster({ memory: true });
  await cluster.start();
  await cluster.untilLeader();
  cluster.kill("n2");
  await cluster.world.until(cluster.startNode("n2"));
  await cluster.until(() => cluster.exits.length > 0, "an exit");
  expect(cluster.exits[0]).toMatchObject({ node: "n2", code: 2 });
  await cluster.close();
});

test("a node with other names in mind is turned away, and the others are not confused", async () => {
  const cluster = new SimulatedCluster();
  await cluster.world.until(cluster.startNode("n1"));
  await cluster.world.until(cluster.startNode("n2"));
  await cluster.untilLeader();
  const peers = [...peersOf(cluster.names), { name: "n4", host: "n4", port: 17_000 }];
  await cluster.world.until(cluster.startNode("n3", { peers }));
  await cluster.until(() => cluster.exits.length > 0, "an exit");
  expect(cluster.exits).toMatchObject([{ node: "n3", code: 2, reason: expect.stringMatching(/^WRONG_NAMES/) }]);
  const client = cluster.client("n1");
  client.send("SET", "k", "v");
  await cluster.until(() => client.isAnswered, "a reply");
  expect(client.replies).toEqual([okReply]);
  await cluster.close();
});

test("damaged or missing files of the directory are refused with their path", async () => {
  const cluster = await started();
  const cases = [
    { file: "node.json", content: "{", says: /node\.json cannot be read/ },
    { file: "node.json", content: "{}", says: /has format undefined/ },
    { file: "node.json", content: '{"format":1}', says: /damaged or incomplete/ },
    { file: "node.json", content: undefined, says: /node\.json is missing, though there is a log/ },
    { file: "secret", content: undefined, says: /secret is missing/ },
  ];
  for (const { file, content, says } of cases) {
    cluster.kill("n1");
    const { disk } = cluster.world.machine("n1").start();
    const kept = await cluster.world.until(disk.readFile(`/data/${file}`));
    await cluster.world.until(disk.remove(`/data/${file}`));
    const write = async (bytes: Uint8Array): Promise<void> => {
      const written = await disk.open(`/data/${file}`, "create");
      await new Promise<void>((resolve) => written.writeAndSync(bytes, 0, () => resolve()));
      await written.close();
    };
    if (content !== undefined) await cluster.world.until(write(Buffer.from(content)));
    await expect(cluster.world.until(cluster.startNode("n1"))).rejects.toThrow(says);
    const again = cluster.world.machine("n1").start().disk;
    if (content !== undefined) await cluster.world.until(again.remove(`/data/${file}`));
    const restored = await cluster.world.until(again.open(`/data/${file}`, "create"));
    await cluster.world.until(new Promise<void>((resolve) => restored.writeAndSync(kept, 0, () => resolve())));
  }
  await cluster.world.until(cluster.startNode("n1"));
  await cluster.untilEqual();
  await cluster.close();
});

test("closing hands leadership over, answers what is under way, and can be repeated", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  const client = cluster.client(leader);
  for (let each = 0; each < 50; each++) client.send("INCR", "k");
  const node = cluster.node(leader);
  const beforeMs = cluster.world.nowMs;
  const closing = node.close();
  expect(node.close()).toBe(closing);
  client.send("INCR", "k");
  await cluster.world.until(closing);
  expect(cluster.world.nowMs - beforeMs).toBeLessThan(500);
  expect(client.isAnswered).toBe(true);
  expect(client.replies.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, at) => `:${at + 1}\r\n`));
  expect(client.replies[50]).toMatch(/^-CLUSTERDOWN This node is stopping/);
  cluster.kill(leader);
  // Its successor did not wait for a time-out.
  const next = await cluster.untilLeader(leader);
  expect(cluster.world.nowMs - beforeMs).toBeLessThan(600);
  const other = cluster.client(next);
  other.send("GET", "k");
  await cluster.until(() => other.isAnswered, "a reply");
  expect(other.replies).toEqual([bulk("50")]);
  await cluster.close();
});

test("the status of all nodes can be had from any, and shows who does not answer", async () => {
  const cluster = await started();
  const leader = await cluster.untilLeader();
  cluster.node("n2").setAttribute("redis", "127.0.0.1:7002");
  cluster.kill(cluster.followers[1] as string);
  await cluster.world.run(100);
  const asked = cluster.followers[0] as string;
  const beforeMs = cluster.world.nowMs;
  const status = await cluster.world.until(cluster.node(asked).status());
  expect(cluster.world.nowMs - beforeMs).toBeLessThan(1_100);
  expect(status.askedNode).toBe(asked);
  expect(status.nodes.map(({ name }) => name)).toEqual(["n1", "n2", "n3"]);
  expect(status.nodes.filter((node) => node.status === null)).toHaveLength(1);
  const led = status.nodes.find(({ name }) => name === leader);
  expect(led?.status?.groups[0]).toMatchObject({ role: "leader", leader, stoppedBecause: null });
  expect(led?.status?.pid).toBeGreaterThan(0);
  if (cluster.nodes.has("n2")) {
    expect(status.nodes[1]?.status?.attributes).toEqual({ redis: "127.0.0.1:7002" });
  }
  expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  await cluster.close();
});
