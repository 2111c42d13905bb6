/** Two of three real nodes are lost for good, and the third one goes on, as docs/nodes.md has operators do it. */
import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { nodeExitCode } from "../../src/cluster/index.ts";
import { ask, cleanUp, run, temporaryFolder } from "../cli/processes.ts";
import { eventually, ProcessCluster, type ProcessNode, type StatusView } from "./cluster.ts";

afterEach(cleanUp);

const keyCount = 40;

async function statusOf({ port }: ProcessNode): Promise<StatusView> {
  return JSON.parse((await run(["cluster", "status", "--port", String(port), "--json"])).stdout);
}

/** Until each of its replicas has applied what the others have. */
async function untilCaughtUp(node: ProcessNode): Promise<void> {
  await eventually("replicas that have caught up", async () => {
    const { nodes } = await statusOf(node);
    const groups = nodes.flatMap(({ status }) => status?.groups ?? []);
    const last = new Map<number, number>();
    for (const { group, appliedIndex } of groups) last.set(group, Math.max(last.get(group) ?? 0, appliedIndex));
    return groups.every(({ group, appliedIndex }) => appliedIndex === last.get(group)) || undefined;
  });
}

async function valuesAt({ port }: ProcessNode): Promise<readonly unknown[]> {
  return ask(
    port,
    Array.from({ length: keyCount }, (_, at) => ["GET", `k${at}`]),
  );
}

function values(word: string): readonly string[] {
  return Array.from({ length: keyCount }, (_, at) => `${word}${at}`);
}

test("what is left of a cluster is surveyed, looked at, recovered, and grows again; who was given up is refused [M-10]", async () => {
  const cluster = await ProcessCluster.start({ shards: 4 });
  const [n1, n2, n3] = cluster.nodes as [ProcessNode, ProcessNode, ProcessNode];
  await ask(
    n1.port,
    values("v").map((value, at) => ["SET", `k${at}`, value]),
  );
  await untilCaughtUp(n1);
  const folder = temporaryFolder();
  const [survey, plan] = [join(folder, "n1.survey"), join(folder, "plan")];
  const early = await run(["cluster", "survey", "--dir", n1.dir]);
  expect(early).toMatchObject({ code: 2, stderr: expect.stringContaining("is in use by another running node") });
  await Promise.all([n1.kill(), n2.kill(), n3.kill()]);
  for (const { dir } of [n2, n3]) renameSync(dir, `${dir}.lost`);

  const surveyed = await run(["cluster", "survey", "--dir", n1.dir, "--out", survey]);
  expect(surveyed).toMatchObject({ code: 0, stderr: "" });
  expect(surveyed.stdout).toMatch(
    /^n1 \(1\) of cluster [0-9a-f]{32}, as of its start no\. 1\n\ngroup +replica .*\ndirectory +1 /,
  );
  const dry = await run(["cluster", "recover", survey, "--dry-run", "--out", plan]);
  expect(dry).toMatchObject({ code: 0, stderr: "" });
  expect(dry.stdout).toMatch(/LOST FOR GOOD: n2 \(2\), n3 \(3\)\. They must NEVER run again/);
  expect(dry.stdout).toMatch(
    /shard 3 +carried on by one replica +n1 +\d+ +n2 n3\n[\s\S]*WRITES MAY BE LOST of directory, shard 0/,
  );
  const [, id = ""] = /^Recovery plan ([0-9a-f]{12}) /.exec(dry.stdout) ?? [];
  const recover = ["cluster", "recover", "--dir", n1.dir, "--plan", plan];
  expect(await run(recover)).toMatchObject({ code: 2, stderr: expect.stringContaining("was not accepted") });
  expect(await run([...recover, "--accept-data-loss", "yes"])).toMatchObject({ code: 2 });
  const done = await run([...recover, "--accept-data-loss", id]);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(done.stdout).toMatch(/n1: 5 groups are carried on, 0 begin empty, 0 are left to others\. Start it now\.\n$/);
  expect(await run([...recover, "--accept-data-loss", id])).toMatchObject({ code: 2 });

  await n1.start();
  expect(await valuesAt(n1)).toEqual(values("v"));
  await ask(
    n1.port,
    values("w").map((value, at) => ["SET", `k${at}`, value]),
  );
  await cluster.join();
  const n5 = await cluster.join();
  await eventually(
    "three replicas of each shard",
    async () => {
      const { shards } = await cluster.directory(n1);
      return shards.every(({ report }) => report.voters.length === 3) || undefined;
    },
    120_000,
  );
  renameSync(`${n2.dir}.lost`, n2.dir);
  n2.isLeaving = true;
  await n2.start();
  expect((await n2.ended).code).toBe(nodeExitCode.refused);
  expect(n2.stderr).toMatch(/was removed from the cluster/);
  // Without the node that was the only one there are enough by now.
  await n1.kill();
  expect(await valuesAt(n5)).toEqual(values("w"));
}, 300_000);
