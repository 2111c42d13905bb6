import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { ask, binary, cleanUp, DemoRun, gone, isAlive, portOf, Run, run, temporaryFolder, write } from "./processes.ts";

// Processes start slowly where much else runs.
vi.setConfig({ testTimeout: 120_000 });

afterEach(cleanUp);

/** What a user would paste to bring a node back, as words for `Run`. */
function wordsOf(restart: string | undefined): readonly string[] {
  const words = /coterie (start --dir \S+)$/.exec(restart ?? "")?.[1];
  if (words === undefined) throw new Error(`no command in ${restart}`);
  return words.split(" ");
}

test("three nodes serve, each a process with a directory and a pid file, one of them the leader", async () => {
  const demo = new DemoRun();
  const nodes = await demo.ready();
  expect(nodes.map((node) => node.name)).toEqual(["n1", "n2", "n3"]);
  expect(nodes.map((node) => node.role).sort()).toEqual(["follower", "follower", "leader"]);
  for (const { dir, pid, redis } of nodes) {
    expect(readFileSync(join(dir ?? "", "coterie.pid"), "utf8")).toBe(`${pid}\n`);
    expect(
      await ask(portOf(redis), [
        ["SET", "key", "value"],
        ["GET", "key"],
      ]),
    ).toMatchObject([{ text: "OK" }, "value"]);
  }
});

test.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops everything cleanly", async (signal) => {
  const demo = new DemoRun(["--nodes", "1"]);
  const nodes = await demo.ready();
  demo.child.kill(signal);
  expect(await demo.done).toMatchObject({ code: 0, stderr: "" });
  const folder = dirname(nodes[0]?.dir ?? "");
  expect(demo.events()).toEqual([{ event: "stopping" }, { event: "stopped", removed: folder }]);
  expect(nodes.map((node) => isAlive(node.pid))).toEqual([false]);
  expect(existsSync(folder)).toBe(false);
});

test("a node that is paused does not hold up the end", async () => {
  const demo = new DemoRun();
  const nodes = await demo.ready();
  const pid = nodes[1]?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  demo.child.kill("SIGTERM");
  expect(await demo.done).toMatchObject({ code: 0 });
  expect(isAlive(pid)).toBe(false);
});

test("when the demo is killed, its nodes stop and a temporary folder is removed", async () => {
  const demo = new DemoRun();
  const nodes = await demo.ready();
  demo.child.kill("SIGKILL");
  await gone(nodes.map((node) => node.pid));
  expect(existsSync(dirname(nodes[0]?.dir ?? ""))).toBe(false);
});

test("when npm dies without a word, the demo stops", async () => {
  const shell = spawn("sh", ["-c", `"${process.execPath}" "${binary}" demo --json --port 0 & wait`], {
    env: { ...process.env, npm_lifecycle_event: "start" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const line = await new Promise<string>((resolve) => {
    let text = "";
    shell.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("\n")) resolve(text);
    });
  });
  const nodes: readonly { readonly pid: number }[] = JSON.parse(line.slice(0, line.indexOf("\n"))).nodes;
  shell.kill("SIGKILL");
  await gone(nodes.map((node) => node.pid));
});

test("a node that is killed is left dead, and comes back by the command that is printed", async () => {
  const demo = new DemoRun();
  const [first] = await demo.ready();
  process.kill(first?.pid ?? 0, "SIGKILL");
  const died = await demo.event(({ event }) => event === "died");
  expect(died).toMatchObject({ name: "n1", pid: first?.pid, signal: "SIGKILL", exitCode: null });
  const again = new Run(wordsOf(died.restart));
  expect(await demo.event(({ event }) => event === "back")).toMatchObject({
    name: "n1",
    pid: again.pid,
    redis: first?.redis,
  });
  demo.child.kill("SIGTERM");
  expect(await again.done).toMatchObject({ code: 0 });
  expect(await demo.done).toMatchObject({ code: 0 });
});

test("a node that was started again by hand stops when the demo is killed", async () => {
  const demo = new DemoRun();
  const nodes = await demo.ready();
  process.kill(nodes[2]?.pid ?? 0, "SIGTERM");
  const died = await demo.event(({ event }) => event === "died");
  expect(died).toMatchObject({ name: "n3", signal: null, exitCode: 0 });
  const again = new Run(wordsOf(died.restart));
  await demo.event(({ event }) => event === "back");
  demo.child.kill("SIGKILL");
  await again.done;
  await gone(nodes.map((node) => node.pid));
});

test("the directory can be used again with another port, not with another number of nodes, not twice at once", async () => {
  const dir = join(temporaryFolder(), "data");
  const first = new DemoRun(["--dir", dir, "--nodes", "1"]);
  const [before] = await first.ready();
  await write(portOf(before?.redis ?? ""), "hello", "world");
  expect(await run(["demo", "--dir", dir, "--port", "0"])).toMatchObject({
    code: 2,
    stderr: `coterie: ${dir} is in use by another demo. Stop that one, or choose another --dir.\n`,
  });
  first.child.kill("SIGINT");
  await first.done;
  expect(await run(["demo", "--dir", dir, "--nodes", "3", "--port", "0"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^coterie: .* holds a demo of 1 nodes, not 3\. Leave --nodes out.*\n$/),
  });
  const second = new DemoRun(["--dir", dir]);
  const [after] = await second.ready();
  expect(after?.redis).not.toBe(before?.redis);
  expect(await ask(portOf(after?.redis ?? ""), [["GET", "hello"]])).toEqual(["world"]);
});

test("a port that is in use is named with the cure, and nothing is left behind", async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const dir = join(temporaryFolder(), "data");
  const outcome = await run(["demo", "--dir", dir, "--port", String(port), "--peer-port", "0"]);
  server.close();
  expect(outcome).toMatchObject({ code: 2, stdout: "" });
  expect(outcome.stderr).toMatch(
    /^coterie: Port \d+ is in use by another program \(\S+\)\. Stop that program, or move the demo with --port\b.*\n$/,
  );
  expect(existsSync(join(dir, "control.json"))).toBe(false);
});

test("a node runs by itself while there is no demo, and a demo that cannot have it says why and leaves nothing running", async () => {
  const dir = join(temporaryFolder(), "data");
  const first = new DemoRun(["--dir", dir, "--nodes", "2"]);
  await first.ready();
  first.child.kill("SIGTERM");
  await first.done;
  const alone = new Run(["start", "--dir", join(dir, "n1"), "--port", "0"]);
  await alone.output(({ stdout }) => (stdout.includes("serves") ? stdout : undefined));
  const outcome = await run(["demo", "--dir", dir, "--port", "0"]);
  expect(outcome).toMatchObject({ code: 2, stdout: "" });
  expect(outcome.stderr).toMatch(/^coterie: .*n1 is in use by another running node\. Stop that one.*\n/m);
  expect(outcome.stderr).toMatch(/^coterie: n1 did not start; why stands above\.\n$/m);
  expect(isAlive(alone.pid)).toBe(true);
  expect(existsSync(join(dir, "n2", "coterie.pid"))).toBe(false);
});

test("in memory nothing is on disk, and the demo ends with its last node", async () => {
  const demo = new DemoRun(["--memory", "--nodes", "2"]);
  const nodes = await demo.ready();
  expect(nodes.map((node) => node.dir)).toEqual([null, null]);
  for (const { pid } of nodes) process.kill(pid, "SIGKILL");
  expect(await demo.done).toMatchObject({
    code: 2,
    stderr: "coterie: All nodes are dead, and nothing of them is on disk. Start the demo again.\n",
  });
  const died = demo.events().filter(({ event }) => event === "died");
  expect(died.map(({ name, restart }) => [name, restart]).sort()).toEqual([
    ["n1", undefined],
    ["n2", undefined],
  ]);
});

test("people see a table, what to paste, and how to stop", async () => {
  const demo = new Run(["demo", "--port", "0", "--nodes", "1"]);
  const text = await demo.output(({ stdout }) => (stdout.includes("Ctrl-C") ? stdout : undefined));
  expect(text).toMatch(/ {2}node {2}Redis address +process {2}role\n {2}n1 +127\.0\.0\.1:\d+ +\d+ {2}leader\n/);
  expect(text).toMatch(/ {2}Try {3}redis-cli -p \d+ set hello world\n/);
  demo.child.kill("SIGINT");
  expect(await demo.done).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/Stopping …\nAll nodes have stopped; .* is removed\.\n$/),
  });
});

test("a demo that nobody reads any more stops", async () => {
  const demo = new DemoRun(["--nodes", "2"]);
  const nodes = await demo.ready();
  demo.child.stdout?.destroy();
  process.kill(nodes[0]?.pid ?? 0, "SIGKILL");
  await demo.done;
  expect(nodes.map((node) => isAlive(node.pid))).toEqual([false, false]);
});

test("a password is asked for on every node, and the printed command says where it goes", async () => {
  const demo = new DemoRun(["--nodes", "1"], { COTERIE_PASSWORD: "long and secret" });
  const [node] = await demo.ready();
  const port = portOf(node?.redis ?? "");
  expect(await ask(port, [["GET", "key"]])).toMatchObject([{ text: expect.stringMatching(/^NOAUTH/) }]);
  expect(
    await ask(port, [
      ["AUTH", "long and secret"],
      ["SET", "key", "1"],
    ]),
  ).toMatchObject([{ text: "OK" }, { text: "OK" }]);
  process.kill(node?.pid ?? 0, "SIGKILL");
  const died = await demo.event(({ event }) => event === "died");
  expect(died.restart).toMatch(/^COTERIE_PASSWORD=… \S+ start --dir \S+$/);
  expect(demo.stdout).not.toContain("long and secret");
});
