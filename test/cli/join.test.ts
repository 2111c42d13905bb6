/** A fourth node joins three that run, as an operator would have it: real processes, sockets and directories. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { choosePorts } from "../../src/cli/demo-ports.ts";
import { createNodePlatform } from "../../src/platform/index.ts";
import { ask, cleanUp, Run, run, temporaryFolder, write } from "./processes.ts";

const { random } = createNodePlatform();
const secret = "0123456789abcdef0123456789abcdef";

// Processes start slowly where much else runs.
vi.setConfig({ testTimeout: 120_000 });

afterEach(cleanUp);

interface Planned {
  readonly dir: string;
  readonly port: number;
  /** All that a first start needs but who the others are. */
  readonly words: readonly string[];
  readonly peer: string;
}

async function planned(count: number): Promise<readonly Planned[]> {
  const folder = temporaryFolder();
  const ports = await choosePorts(random, count, { port: 0, clusterPort: 0, httpPort: 0, peerPort: 0 });
  return ports.map(({ redis, peer }, at) => {
    const name = `n${at + 1}`;
    const dir = join(folder, name);
    const own = ["--port", `${redis}`, "--peer-port", `${peer}`, "--cluster-port", "0", "--http-port", "0"];
    const words = ["start", "--name", name, "--dir", dir, ...own];
    return { dir, port: redis, words, peer: `${name}=127.0.0.1:${peer}` };
  });
}

/** The first three, serving, and the fourth, not started. */
async function cluster(environment: NodeJS.ProcessEnv): Promise<readonly [readonly Planned[], Planned]> {
  const nodes = await planned(4);
  const first = nodes.slice(0, 3);
  const fourth = nodes[3];
  if (fourth === undefined) throw new Error("four nodes were planned");
  const peers = first.map(({ peer }) => peer).join(",");
  await Promise.all(first.map(({ words }) => serving([...words, "--shards", "4", "--peers", peers], environment)));
  return [first, fourth];
}

async function serving(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Run> {
  const node = new Run(words, environment);
  await node.output(({ stdout }) => (stdout.includes("\n") ? stdout : undefined));
  return node;
}

test.for([
  { what: "without a secret", environment: {} },
  { what: "with a secret", environment: { COTERIE_SECRET: secret } },
])(
  "a node joins a cluster $what, serves what is there, and afterwards --dir alone is enough",
  async ({ environment }) => {
    const [first, fourth] = await cluster(environment);
    const [one] = first;
    await write(one?.port ?? 0, "hello", "world");
    const words = [...fourth.words, "--join", `127.0.0.1:${one?.port}`, "--zone", "east"];
    const joined = await serving(words, environment);
    expect(await ask(fourth.port, [["GET", "hello"]])).toEqual(["world"]);
    joined.child.kill("SIGTERM");
    expect((await joined.done).code).toBe(0);
    await serving(["start", "--dir", fourth.dir]);
    expect(await ask(fourth.port, [["GET", "hello"]])).toEqual(["world"]);
    expect(JSON.parse(readFileSync(join(fourth.dir, "node.json"), "utf8"))).toMatchObject({ nodeId: 4, name: "n4" });
  },
);

test("a node that cannot join says why in one line, and may try again, under another name as well", async () => {
  const [[one], fourth] = await cluster({ COTERIE_SECRET: secret });
  const at = ["--join", `127.0.0.1:${one?.port}`];
  const wrongSecret = join(fourth.dir, "..", "wrong");
  writeFileSync(wrongSecret, "another secret, long enough\n");
  const cases: readonly [readonly string[], RegExp][] = [
    [[...fourth.words, ...at, "--name", "n2"], /A node called n2 is in the cluster already/],
    [[...fourth.words, ...at], /has a secret\. Give it with --secret-file/],
    [[...fourth.words, ...at, "--secret-file", wrongSecret], /The secret is not this cluster's/],
  ];
  for (const [words, text] of cases) {
    const environment = words.includes("n2") ? { COTERIE_SECRET: secret } : {};
    const { code, stderr } = await run(words, environment);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(text);
    expect(code).toBe(2);
  }
  // Ports that are taken are noticed before the cluster counts on the node.
  const taken = await run([...fourth.words, ...at, "--port", `${one?.port}`], { COTERIE_SECRET: secret });
  expect(taken.stderr).toMatch(/^coterie: Port \d+ is in use by another program .*choose another --port/m);
  expect(taken.code).toBe(2);
  await serving([...fourth.words, ...at], { COTERIE_SECRET: secret });
});
