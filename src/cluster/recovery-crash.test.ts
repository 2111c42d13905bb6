/** The recovery of a directory, cut short at each of its steps, and what a directory refuses. */
import { beforeAll, expect, test } from "vitest";
import { RecoveredCluster } from "../../test/cluster/recovered-cluster.ts";
import { watchedDisk } from "../../test/log/disk-calls.ts";
import { type Disk, type Platform, silentLogger } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { DirectoryInUseError } from "./errors.ts";
import { NodeDirectory } from "./membership/node-directory.ts";
import { surveyDirectory } from "./recovery/directory-survey.ts";
import { recoverDirectory } from "./recovery/recovery.ts";
import { RecoveryUnfinishedError } from "./recovery/recovery-journal.ts";
import { fenceOf, planRecovery, type RecoveryPlan, RecoveryRefusedError } from "./recovery/recovery-plan.ts";
import { type NodeSurvey, surveyText } from "./recovery/recovery-survey.ts";

const directory = "/data";
const segmentBytes = 65_536;
/** By path, of the directory of n5: of five nodes it and n2 are left. One group begins there by its log, one with nothing, one elsewhere. */
let files: ReadonlyMap<string, Uint8Array>;
let plan: RecoveryPlan;

beforeAll(async () => {
  const cluster = new RecoveredCluster({
    seed: 6,
    size: 5,
    node: { shards: 4, replicas: 3, settings: { segmentBytes } },
  });
  await cluster.start();
  await cluster.untilAllLed();
  await cluster.write("n3", 60, "v");
  await cluster.untilEqual();
  await cluster.world.run(500);
  for (const name of cluster.names) cluster.kill(name);
  plan = await cluster.plan("n2", "n5");
  const fates = plan.groups.map((fate) => (fate.kind === "whole" ? "whole" : `${fate.kind} on ${fate.node}`));
  expect(fates).toEqual(["recovered on 2", "emptied on 5", "recovered on 5", "recovered on 2", "whole"]);
  const { disk } = cluster.world.machine("n5");
  const { disk: reader } = cluster.world.machine("n5").start();
  const found = new Map<string, Uint8Array>();
  for (const { path } of disk.files()) found.set(path, await cluster.world.until(reader.readFile(path)));
  files = found;
});

/** A machine with the same files. */
class Copy {
  readonly world: SimulatedWorld = new SimulatedWorld({ seed: 3 });
  platform: Platform = this.world.machine("n5").start();

  async fill(): Promise<void> {
    const { disk } = this.platform;
    await this.world.until(disk.makeDirectory(`${directory}/log`));
    for (const [path, bytes] of files) await this.world.until(put(disk, path, bytes));
    for (const each of ["/", directory, `${directory}/log`]) await this.world.until(disk.syncDirectory(each));
  }

  survey(): Promise<NodeSurvey> {
    return this.world.until(surveyDirectory({ ...this.platform, logger: silentLogger, directory, segmentBytes }));
  }

  recover(given: RecoveryPlan | undefined, disk: Disk = this.platform.disk): ReturnType<typeof recoverDirectory> {
    return recoverDirectory({ ...this.platform, disk, logger: silentLogger, directory, segmentBytes, plan: given });
  }

  /** As a node does when it starts. */
  async start(): Promise<void> {
    const nothing = { name: undefined, peers: undefined, shardCount: undefined, replicaCount: undefined };
    const none = {
      clusterId: undefined,
      secret: undefined,
      listenHost: undefined,
      address: undefined,
      join: undefined,
    };
    const given = { ...nothing, ...none };
    const opening = NodeDirectory.open({ ...this.platform, logger: silentLogger, directory, given });
    await this.world.until(opening.then((opened) => opened.close()));
  }

  restart(): void {
    this.platform = this.world.machine("n5").start();
  }
}

async function put(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "create");
  await new Promise<void>((resolve, reject) => {
    file.writeAndSync(bytes, 0, (error) => (error === undefined ? resolve() : reject(error)));
  });
  await file.close();
}

async function copied(): Promise<Copy> {
  const copy = new Copy();
  await copy.fill();
  return copy;
}

/** The groups' replicas once all of it is carried out. */
function expectCarriedOut(survey: NodeSurvey): void {
  for (const fate of plan.groups) {
    const found = survey.groups.find(({ group }) => group === fate.group);
    const before = plan.surveys[1]?.groups.find(({ group }) => group === fate.group);
    if (fate.kind === "whole") {
      expect(surveyText(found)).toBe(surveyText(before));
    } else if (fate.node === 5) {
      const keyCount = fate.kind === "recovered" && fate.group > 0 ? { keyCount: fate.keyCount } : {};
      const { index, term, successor } = fate;
      const rest = { lastIndex: index, lastTerm: term, commitIndex: index, damage: undefined, ...keyCount };
      expect(found).toMatchObject({ replica: successor, ...rest });
    } else if (before !== undefined) {
      expect(found).toMatchObject({ replica: fenceOf(fate, 5), damage: expect.stringContaining("last to begin") });
    }
  }
  const removed = survey.members.filter(({ state }) => state === "removed").map(({ id }) => id);
  expect(removed).toEqual([1, 3, 4]);
}

test("a survey changes nothing", async () => {
  const copy = await copied();
  const before = copy.world.machine("n5").disk.files();
  await copy.survey();
  expect(copy.world.machine("n5").disk.files()).toEqual(before);
  for (const [path, bytes] of files) {
    expect(Buffer.compare(await copy.world.until(copy.platform.disk.readFile(path)), bytes)).toBe(0);
  }
});

test("wherever a crash comes the directory is as it was, or goes on only with the same recovery [C-4, N-1]", async () => {
  const outcomes = new Map<string, number>();
  for (let call = 1; ; call++) {
    const copy = await copied();
    let calls = 0;
    const disk = watchedDisk(copy.platform.disk, () => {
      if (++calls === call) copy.world.machine("n5").cutPower("random");
    });
    let isOver = false;
    copy.recover(plan, disk).then(
      () => {
        isOver = true;
      },
      () => {},
    );
    await copy.world.runUntil(() => isOver || calls >= call, 20_000);
    await copy.world.run(5);
    if (isOver) break;
    copy.restart();
    const survey = await copy.survey();
    const isUntouched = survey.groups.every((each, at) => surveyText(each) === surveyText(plan.surveys[1]?.groups[at]));
    let standing: "may start" | "goes on" = "may start";
    if (call % 2 === 0) {
      // Every other time nobody tries, since a start is a use of the directory.
      try {
        await copy.start();
      } catch (error) {
        expect(error).toBeInstanceOf(RecoveryUnfinishedError);
        standing = "goes on";
      }
      if (standing === "may start" && isUntouched) {
        await expect(copy.world.until(copy.recover(plan))).rejects.toBeInstanceOf(RecoveryRefusedError);
        outcomes.set("as it was", (outcomes.get("as it was") ?? 0) + 1);
        continue;
      }
    }
    const isDone = standing === "may start" && !isUntouched && call % 2 === 0;
    if (isDone) {
      expectCarriedOut(survey);
      continue;
    }
    try {
      await copy.world.until(copy.recover(isUntouched ? plan : undefined));
    } catch (error) {
      // It was over but for the answer.
      expect(error).toBeInstanceOf(RecoveryRefusedError);
    }
    expectCarriedOut(await copy.survey());
    outcomes.set("again", (outcomes.get("again") ?? 0) + 1);
  }
  expect(
    [...outcomes]
      .filter(([, count]) => count > 4)
      .map(([name]) => name)
      .toSorted(),
  ).toEqual(["again", "as it was"]);
}, 60_000);

test("a plan is carried out once", async () => {
  const copy = await copied();
  await copy.world.until(copy.recover(plan));
  expectCarriedOut(await copy.survey());
  await expect(copy.world.until(copy.recover(plan))).rejects.toThrow(/was carried out in \/data already/);
  await expect(copy.world.until(copy.recover(undefined))).rejects.toThrow(/No recovery is under way/);
});

test("a directory that has been used since it was surveyed is refused, and so is one that runs", async () => {
  const copy = await copied();
  await copy.start();
  await expect(copy.world.until(copy.recover(plan))).rejects.toThrow(/n5 has been started since \/data was surveyed/);
  const lock = await copy.world.until(copy.platform.disk.lock(directory));
  await expect(copy.survey()).rejects.toBeInstanceOf(DirectoryInUseError);
  await expect(copy.world.until(copy.recover(plan))).rejects.toBeInstanceOf(DirectoryInUseError);
  await copy.world.until(lock.release());
});

test("a directory without its cluster's secret is surveyed once that is put back: no plan counts on it before", async () => {
  const copy = await copied();
  const path = `${directory}/secret`;
  const { disk } = copy.platform;
  await copy.world.until(disk.remove(path));
  await expect(copy.survey()).rejects.toMatchObject({ code: "DIRECTORY_UNREADABLE", path });
  await copy.world.until(put(disk, path, files.get(path) ?? Buffer.of()));
  expect(surveyText(await copy.survey())).toBe(surveyText(plan.surveys[1]));
});

test.for<{ what: string; changed: () => readonly NodeSurvey[]; reason: RegExp }>([
  {
    what: "another cluster",
    changed: () => plan.surveys.map((survey) => ({ ...survey, clusterId: "0".repeat(32) })),
    reason: /belongs to cluster/,
  },
  { what: "other directories", changed: () => plan.surveys.slice(0, 1), reason: /was not made of \/data/ },
  {
    what: "a copy that went another way",
    changed: () =>
      plan.surveys.map((survey) => ({ ...survey, groups: survey.groups.map((each) => ({ ...each, term: 77 })) })),
    reason: /group 0 is not what was surveyed/,
  },
])("a plan for $what is refused", async ({ changed, reason }) => {
  const copy = await copied();
  await expect(copy.world.until(copy.recover(planRecovery(changed())))).rejects.toThrow(reason);
  expect(surveyText(await copy.survey())).toBe(surveyText(plan.surveys[1]));
});
