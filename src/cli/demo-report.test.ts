import { expect, test } from "vitest";
import { type DemoView, jsonReport, textReport } from "./demo-report.ts";

const view: DemoView = {
  nodes: [
    {
      name: "n1",
      redis: "127.0.0.1:7001",
      cluster: "127.0.0.1:7101",
      http: "127.0.0.1:8001",
      peer: "127.0.0.1:17001",
      pid: 811,
      dir: "/data/n1",
      role: "follower",
    },
    {
      name: "n2",
      redis: "127.0.0.1:7002",
      cluster: "127.0.0.1:7102",
      http: "127.0.0.1:8002",
      peer: "127.0.0.1:17002",
      pid: 1234,
      dir: "/data/n2",
      role: "leader",
    },
  ],
  directory: "/data",
  isTemporary: true,
  hasPassword: false,
  command: "coterie",
};

test("people get a table, a line to paste and how to stop", () => {
  expect(textReport.ready(view)).toEqual([
    "",
    "  node  Redis address   process  role",
    "  n1    127.0.0.1:7001      811  follower",
    "  n2    127.0.0.1:7002     1234  leader",
    "",
    "  Data  /data, removed at the end (--dir keeps it)",
    "  Try   redis-cli -p 7001 set hello world",
    "  Or    redis-cli -c -p 7101 get hello    (Redis Cluster's protocol)",
    "  See   coterie status --port 7001",
    "  Stop  Ctrl-C",
    "",
  ]);
});

test.for([
  { change: { isTemporary: false }, line: "Data  /data, from where the next start goes on" },
  {
    change: { directory: undefined },
    line: "Data  in memory only: gone at the end, and a node that dies stays dead",
  },
  { change: { hasPassword: true }, line: "redis-cli -p 7001 --askpass set hello world" },
])("it says: $line", ({ change, line }) => {
  expect(textReport.ready({ ...view, ...change }).join("\n")).toContain(line);
});

test("where there are several shards it says how one more node joins", () => {
  const nodes = view.nodes.map((node) => ({ ...node, leads: 8, shards: 16 }));
  const lines = textReport.ready({ ...view, nodes });
  const at = lines.findIndex((line) => line.startsWith("  Grow"));
  expect(lines.slice(at, at + 2)).toEqual([
    "  Grow  coterie start --dir ./n3 --name n3 --port 7003 \\",
    "          --join 127.0.0.1:7001 --secret-file /data/n1/secret",
  ]);
  const inMemory = textReport.ready({ ...view, nodes: nodes.map((node) => ({ ...node, dir: undefined })) });
  expect(inMemory.join("\n")).not.toContain("Grow");
});

test("programs get one line", () => {
  const lines = jsonReport.ready({
    ...view,
    directory: undefined,
    nodes: view.nodes.map((node) => ({ ...node, dir: undefined })),
  });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { nodes: view.nodes.map((node) => ({ ...node, dir: null })) },
  ]);
});

const died = { event: "died", name: "n1", pid: 811, exitCode: null, signal: "SIGKILL" } as const;

test("a death comes with the command that brings the node back, or says that there is none", () => {
  const restart = "coterie start --dir /data/n1";
  expect(textReport.event({ ...died, restart })).toEqual([
    "n1 (process 811) was ended by SIGKILL. Bring it back:",
    "  coterie start --dir /data/n1",
  ]);
  expect(textReport.event({ ...died, signal: null, exitCode: 9, restart: undefined })).toEqual([
    "n1 (process 811) has ended with exit code 9. It stays dead: nothing of it is on disk.",
  ]);
  expect(textReport.event({ ...died, signal: null, exitCode: 2, restart })).toEqual([
    "n1 (process 811) has ended with exit code 2. It was refused, for what it says above.",
  ]);
});

test("every other event is a sentence, and an object", () => {
  const events = [
    { event: "back", name: "n1", pid: 5, redis: "127.0.0.1:7001" },
    { event: "leader", name: "n2", term: 4 },
    { event: "stopping" },
    { event: "stopped", removed: "/tmp/coterie-demo-x" },
    { event: "stopped", removed: undefined },
  ] as const;
  expect(events.flatMap(textReport.event)).toEqual([
    "n1 is back (process 5, Redis address 127.0.0.1:7001).",
    "n2 leads now (term 4).",
    "Stopping …",
    "All nodes have stopped; /tmp/coterie-demo-x is removed.",
    "All nodes have stopped.",
  ]);
  expect(events.flatMap(jsonReport.event).map((line) => JSON.parse(line))).toEqual(
    events.map((event) => JSON.parse(JSON.stringify(event))),
  );
});
