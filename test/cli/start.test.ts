import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { choosePorts } from "../../src/cli/demo-ports.ts";
import { createNodePlatform } from "../../src/platform/index.ts";
import { ask, cleanUp, Run, run, temporaryFolder, write } from "./processes.ts";

const { random } = createNodePlatform();

// Processes start slowly where much else runs.
vi.setConfig({ testTimeout: 120_000 });

afterEach(cleanUp);

interface Planned {
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  /** The words of its first start. */
  readonly words: readonly string[];
}

/** Nodes with free ports and directories, none of them started. */
async function planned(count: number): Promise<readonly Planned[]> {
  const folder = temporaryFolder();
  const ports = await choosePorts(random, count, { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 });
  const peers = ports.map(({ peer }, index) => `n${index + 1}=127.0.0.1:${peer}`).join(",");
  return ports.map(({ redis }, index) => {
    const name = `n${index + 1}`;
    const dir = join(folder, name);
    return {
      name,
      dir,
      port: redis,
      words: [
        "start",
        "--name",
        name,
        "--dir",
        dir,
        "--port",
        String(redis),
        "--cluster-port",
        "0",
        "--http-port",
        "0",
        "--peers",
        peers,
      ],
    };
  });
}

async function one(): Promise<Planned> {
  const [node] = await planned(1);
  if (node === undefined) throw new Error("no node was planned");
  return node;
}

/** Started, and serving. */
async function started(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Run> {
  const node = new Run(words, environment);
  await node.output(({ stdout }) => (stdout.includes("\n") ? stdout : undefined));
  return node;
}

function listening(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOfServer(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("nodes that are started by hand form a cluster, and afterwards --dir alone is enough", async () => {
  const nodes = await planned(3);
  const first = await Promise.all(nodes.map(({ words }) => started(words)));
  const [one, two] = nodes;
  await write(one?.port ?? 0, "hello", "world");
  for (const { child } of first) child.kill("SIGTERM");
  expect((await Promise.all(first.map(({ done }) => done))).map(({ code }) => code)).toEqual([0, 0, 0]);
  await Promise.all(nodes.map(({ dir }) => started(["start", "--dir", dir])));
  expect(await ask(two?.port ?? 0, [["GET", "hello"]])).toEqual(["world"]);
});

test("a node says where it serves, has a pid file while it runs, and logs JSON to standard error", async () => {
  const { dir, port, words } = await one();
  const node = await started(words);
  expect(node.stdout).toMatch(
    new RegExp(
      `^n1 serves Redis clients on 127\\.0\\.0\\.1:${port} \\(peers on 127\\.0\\.0\\.1:\\d+, process ${node.pid}, data in ${dir}\\)\\.\n$`,
    ),
  );
  expect(readFileSync(join(dir, "coterie.pid"), "utf8")).toBe(`${node.pid}\n`);
  node.child.kill("SIGTERM");
  const { code, stderr } = await node.done;
  expect(code).toBe(0);
  expect(existsSync(join(dir, "coterie.pid"))).toBe(false);
  const events = stderr
    .trimEnd()
    .split("\n")
    .map((line): { readonly event: string; readonly node: string } => JSON.parse(line));
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(["node ready", "node stopping", "node stopped"]),
  );
  expect(new Set(events.map(({ node: name }) => name))).toEqual(new Set(["n1"]));
});

test("SHUTDOWN stops a node cleanly", async () => {
  const { port, words } = await one();
  const node = await started(words);
  await ask(port, [["SHUTDOWN"]]).catch(() => {});
  expect(await node.done).toMatchObject({ code: 0 });
});

test("another port is taken and remembered", async () => {
  const { dir, words } = await one();
  const [other] = await choosePorts(random, 1, { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 });
  const first = await started(words);
  first.child.kill("SIGINT");
  await first.done;
  const second = await started(["start", "--dir", dir, "--port", String(other?.redis)]);
  second.child.kill("SIGINT");
  await second.done;
  await started(["start", "--dir", dir]);
  expect(await ask(other?.redis ?? 0, [["PING"]])).toMatchObject([{ text: "PONG" }]);
});

test("a port that is in use is refused, and the node is free to start elsewhere", async () => {
  const { dir, words } = await one();
  const [pair] = await planned(2);
  const server = await listening();
  const port = String(portOfServer(server));
  const refused = await run([...words, "--port", port]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toMatch(
    /^coterie: Port \d+ is in use by another program \(127\.0\.0\.1:\d+\)\. .*--port.*\n$/m,
  );
  const other = await listening();
  const peerRefused = await run([...(pair?.words ?? []), "--peer-port", String(portOfServer(other))]);
  expect(peerRefused.code).toBe(2);
  expect(peerRefused.stderr).toMatch(
    /^coterie: Port \d+ is in use by another program \(127\.0\.0\.1:\d+\)\. .*--peer.*\n$/m,
  );
  server.close();
  other.close();
  await started([...words, "--dir", dir]);
});

test("a directory that another process uses is refused", async () => {
  const { dir, words } = await one();
  await started(words);
  const refused = await run(["start", "--dir", dir, "--port", "0", "--log-level", "error"]);
  expect(refused).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^coterie: .* is in use by another running node\. .*\n$/),
  });
});

test("an empty directory under a name that its peers have seen is refused with the cure", async () => {
  const nodes = await planned(3);
  const first = await Promise.all(nodes.map(({ words }) => started(words)));
  await write(nodes[0]?.port ?? 0, "hello", "world");
  first[2]?.child.kill("SIGKILL");
  await first[2]?.done;
  rmSync(nodes[2]?.dir ?? "", { recursive: true });
  const refused = await run(nodes[2]?.words ?? []);
  expect(refused.code).toBe(2);
  const line = refused.stderr.split("\n").find((text) => text.startsWith("coterie: "));
  expect(line).toMatch(/FORGOTTEN.*comes with .* directory .*Start it with its newest directory/);
});

test.for<{ name: string; words: (node: Planned) => readonly string[]; environment?: NodeJS.ProcessEnv; line: RegExp }>([
  { name: "no directory", words: () => ["start"], line: /A node needs --dir, a directory of its own/ },
  {
    name: "no peers",
    words: ({ dir }) => ["start", "--dir", dir],
    line: /holds no node yet; its first start needs --name and --peers/,
  },
  {
    name: "an unwritable directory",
    words: ({ words }) => [...words, "--dir", "/proc/coterie"],
    line: /\/proc\/coterie cannot be created there\. Choose another --dir/,
  },
  {
    name: "a bind to others without a password",
    words: ({ words }) => [...words, "--bind", "0.0.0.0"],
    line: /--bind 0\.0\.0\.0 would open the Redis port .* Set COTERIE_PASSWORD or --password-file/,
  },
  {
    name: "a missing password file",
    words: ({ words }) => [...words, "--password-file", "/nowhere"],
    line: /--password-file: \/nowhere cannot be read/,
  },
  {
    name: "a name that is no peer's",
    words: ({ words }) => [...words, "--name", "n9"],
    line: /--name n9 is not among the --peers \(n1\)/,
  },
  {
    name: "memory and a directory",
    words: ({ words }) => [...words, "--memory"],
    line: /--memory keeps nothing on disk and --dir says where/,
  },
  {
    name: "the demo is gone",
    words: ({ words }) => words,
    environment: { COTERIE_DEMO_CONTROL: "1:x" },
    line: /The demo that started this node has ended/,
  },
])("refused in one line with exit code 2: $name", async ({ words, environment, line }) => {
  const outcome = await run(words(await one()), environment);
  expect(outcome).toMatchObject({ code: 2, stdout: "" });
  expect(outcome.stderr).toMatch(line);
  expect(outcome.stderr).toMatch(/^coterie: [^\n]*\n$/);
});

test.for([
  { name: "another name", flags: ["--name", "n2", "--peers", "n2=127.0.0.1:1"], line: /belongs to/ },
  {
    name: "another set of names",
    flags: ["--peers", "n1=127.0.0.1:1,n2=127.0.0.1:2"],
    line: /The set of names of a cluster is fixed/,
  },
  { name: "another secret", flags: ["--secret-file", "SECRET"], line: /holds another cluster secret/ },
])("a directory that knows itself refuses $name", async ({ flags, line }) => {
  const { dir, words } = await one();
  const first = await started(words);
  first.child.kill("SIGTERM");
  await first.done;
  const secretFile = join(temporaryFolder(), "secret");
  writeFileSync(secretFile, "0123456789abcdef0123456789abcdef\n");
  const given = flags.map((word) => (word === "SECRET" ? secretFile : word));
  const refused = await run(["start", "--dir", dir, "--log-level", "error", ...given]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toMatch(/^coterie: [^\n]*\n$/);
  expect(refused.stderr).toMatch(line);
});

test("nodes of one machine that are to be reached from others need a secret first, and go on with it", async () => {
  const nodes = await planned(3);
  const first = await Promise.all(nodes.map(({ words }) => started(words)));
  await write(nodes[0]?.port ?? 0, "hello", "world");
  for (const { child } of first) child.kill("SIGTERM");
  await Promise.all(first.map(({ done }) => done));
  const [node] = nodes;
  const open = ["start", "--dir", node?.dir ?? "", "--peer-bind", "0.0.0.0", "--log-level", "error"];
  const refused = await run(open);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toMatch(/^coterie: Other machines would reach this node \(0\.0\.0\.0\), .*--secret-file.*\n$/);
  const secretFile = join(temporaryFolder(), "secret");
  writeFileSync(secretFile, "0123456789abcdef0123456789abcdef\n");
  await Promise.all(nodes.map(({ dir }) => started(["start", "--dir", dir, "--secret-file", secretFile])));
  expect(await ask(node?.port ?? 0, [["GET", "hello"]])).toEqual(["world"]);
});

test("a password file is remembered by its path, a password is not remembered", async () => {
  const { dir, port, words } = await one();
  const file = join(temporaryFolder(), "password");
  writeFileSync(file, "first\n", { mode: 0o600 });
  const first = await started([...words, "--password-file", file]);
  first.child.kill("SIGTERM");
  await first.done;
  const second = await started(["start", "--dir", dir]);
  expect(await ask(port, [["PING"], ["AUTH", "first"], ["PING"]])).toMatchObject([
    { text: expect.stringMatching(/^NOAUTH/) },
    { text: "OK" },
    { text: "PONG" },
  ]);
  second.child.kill("SIGTERM");
  await second.done;
  expect(readFileSync(join(dir, "settings.json"), "utf8")).not.toContain("first");
  rmSync(file);
  expect(await run(["start", "--dir", dir])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("cannot be read"),
  });
  const third = await started(["start", "--dir", dir], { COTERIE_PASSWORD: "second" });
  third.child.kill("SIGTERM");
  await third.done;
  const refused = await run(["start", "--dir", dir]);
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^coterie: This node had a password at its last start.*\n$/),
  });
});

test("a password on the command line is taken, with a warning", async () => {
  const { port, words } = await one();
  const node = await started([...words, "--password", "seen"]);
  expect(await ask(port, [["AUTH", "seen"]])).toMatchObject([{ text: "OK" }]);
  node.child.kill("SIGTERM");
  expect((await node.done).stderr).toMatch(/"event":"password in sight"/);
});

test("a node in memory leaves nothing behind", async () => {
  const [ports] = await choosePorts(random, 1, { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 });
  const node = await started([
    "start",
    "--memory",
    "--peers",
    `n1=127.0.0.1:${ports?.peer}`,
    "--port",
    String(ports?.redis),
  ]);
  expect(node.stdout).toContain("in memory");
  expect(
    await ask(ports?.redis ?? 0, [
      ["SET", "a", "1"],
      ["GET", "a"],
    ]),
  ).toMatchObject([{ text: "OK" }, "1"]);
});
