import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { cleanUp, DemoRun, portOf, run, write } from "./processes.ts";

const servers: Server[] = [];
const sockets: Socket[] = [];

// Processes start slowly where much else runs.
vi.setConfig({ testTimeout: 120_000 });

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
  await cleanUp();
});

/** A server on a free port that is no node: it answers whatever it gets with `answer`. */
function stranger(answer: string): Promise<string> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", () => socket.write(answer));
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(String(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

test("any node tells of all, also of one that is dead", async () => {
  const demo = new DemoRun();
  const nodes = await demo.ready();
  const asked = nodes.find(({ role }) => role === "follower");
  const leader = nodes.find(({ role }) => role === "leader");
  const port = String(portOf(asked?.redis ?? ""));
  await write(Number(port), "hello", "world");
  const text = await run(["status", "--port", port]);
  expect(text).toMatchObject({ code: 0, stderr: "" });
  for (const { name, pid, redis, role } of nodes) {
    expect(text.stdout).toMatch(new RegExp(`^${name} +${role} .* ${pid} +${redis}$`, "m"));
  }
  process.kill(leader?.pid ?? 0, "SIGKILL");
  await demo.event(({ event }) => event === "leader");
  const json = await run(["status", "--port", port, "--json"]);
  const status: {
    readonly nodes: readonly {
      readonly name: string;
      readonly status: { readonly groups: readonly { readonly role: string }[] } | null;
    }[];
  } = JSON.parse(json.stdout);
  const roles = status.nodes.map((node) => node.status?.groups[0]?.role);
  expect(status.nodes.find(({ name }) => name === leader?.name)?.status).toBeNull();
  expect(roles.toSorted()).toEqual(["follower", "leader", undefined]);
});

test("the digests of all nodes at a common index are shown", async () => {
  const demo = new DemoRun();
  const [node] = await demo.ready();
  const port = String(portOf(node?.redis ?? ""));
  await write(Number(port), "hello", "world");
  let found: readonly string[] = [];
  // The first question asks for a round of digests, a later one finds it finished.
  for (let tries = 0; tries < 50 && found.length === 0; tries++) {
    const { stdout } = await run(["status", "--port", port, "--json"]);
    const status: { readonly commonChecksums: readonly { readonly digests: Readonly<Record<string, string>> }[] } =
      JSON.parse(stdout);
    found = Object.values(status.commonChecksums[0]?.digests ?? {});
  }
  expect(found).toHaveLength(3);
  expect(new Set(found).size).toBe(1);
});

test("a password is needed where the node has one", async () => {
  const demo = new DemoRun(["--nodes", "1"], { COTERIE_PASSWORD: "pâssword" });
  const [node] = await demo.ready();
  const port = String(portOf(node?.redis ?? ""));
  expect(await run(["status", "--port", port])).toMatchObject({
    code: 2,
    stderr: `coterie: 127.0.0.1:${port} asks for a password. Give COTERIE_PASSWORD or --password-file.\n`,
  });
  expect(await run(["status", "--port", port], { COTERIE_PASSWORD: "wrong" })).toMatchObject({
    code: 2,
    stderr: `coterie: 127.0.0.1:${port} does not accept this password.\n`,
  });
  expect(await run(["status", "--port", port], { COTERIE_PASSWORD: "pâssword" })).toMatchObject({
    code: 0,
    stderr: "",
  });
});

test("nobody there is exit code 3 with the cure", async () => {
  const port = await stranger("");
  servers.splice(0).map((server) => server.close());
  expect(await run(["status", "--port", port])).toEqual({
    code: 3,
    signal: null,
    stdout: "",
    stderr: `coterie: Nothing answers at 127.0.0.1:${port}. Start a cluster with coterie demo, or give --host and --port of a node.\n`,
  });
});

test.for([
  {
    name: "a server that says nothing",
    answer: "",
    words: ["--timeout-ms", "100"],
    code: 3,
    text: "has not answered within 0.1 s",
  },
  {
    name: "a web server",
    answer: "HTTP/1.1 400 Bad Request\r\n\r\n",
    words: [],
    code: 2,
    text: "does not speak the Redis protocol",
  },
  {
    name: "a Redis server",
    answer: "-ERR unknown command 'COTERIE'\r\n",
    words: [],
    code: 2,
    text: "is no node of Coterie",
  },
  {
    name: "a node of another version",
    answer: "+OK\r\n",
    words: [],
    code: 2,
    text: "answers something else than a status",
  },
])("$name is told apart", async ({ answer, words, code, text }) => {
  const outcome = await run(["status", "--port", await stranger(answer), ...words]);
  expect(outcome).toMatchObject({ code, stdout: "" });
  expect(outcome.stderr).toMatch(/^coterie: [^\n]*\n$/);
  expect(outcome.stderr).toContain(text);
});
