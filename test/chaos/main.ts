/** `npm run chaos -- [--minutes 10] [--nodes 3] [--shards 1] [--members] [--upgrade-from COMMIT] [--seed N]`: prints what is done and the verdict; exit code 1 if it is bad. */
import { parseArgs } from "node:util";
import { cleanUp } from "../cli/processes.ts";
import { runChaos, showPlantedFaults } from "./chaos.ts";
import { memberChanges } from "./members.ts";
import { type Build, buildOf, upgradeSteps } from "./upgrade.ts";

const usage = `Usage: npm run chaos -- [--minutes 10] [--nodes 3] [--shards 1] [--members] [--upgrade-from COMMIT] [--seed N]

--members: three nodes with 8 shards; nodes join, leave and are lost besides, from three to five and back.
--upgrade-from: the nodes begin with what that commit has, go to this version one by one, back, and here again.`;

function readOptions() {
  try {
    return parseArgs({
      options: {
        minutes: { type: "string", default: "10" },
        nodes: { type: "string", default: "3" },
        shards: { type: "string" },
        members: { type: "boolean", default: false },
        "upgrade-from": { type: "string" },
        seed: { type: "string", default: String(Date.now() % 1_000_000) },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

const values = readOptions();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const { members, "upgrade-from": commit } = values;
const [minutes, nodeCount, seed] = [Number(values.minutes), Number(values.nodes), Number(values.seed)];
const shards = Number(values.shards ?? (members ? "8" : "1"));
const areWhole = [nodeCount, shards].every((count) => Number.isInteger(count) && count > 0);
if (!(minutes > 0) || !areWhole || !Number.isSafeInteger(seed) || (members && (nodeCount < 3 || commit))) {
  console.error(usage);
  process.exit(2);
}

let earlier: Build | undefined;
process.on("SIGINT", () => void cleanUp().then(() => process.exit(130)));
try {
  if (commit !== undefined) {
    console.log(`Building ${commit} …`);
    earlier = buildOf(commit);
  }
  console.log("Planted faults: a stale read, a lost write, disks that lie …");
  const blind = await showPlantedFaults();
  console.log(blind.length === 0 ? "All of them were found.\n" : blind.join("\n"));
  console.log(`${nodeCount} nodes, ${shards} shards, ${minutes} minutes, seed ${seed}`);
  const report = (line: string): void => console.log(line);
  const result = await runChaos({
    seed,
    nodeCount,
    shards,
    changes: members ? memberChanges : [],
    ...(earlier === undefined ? {} : { program: earlier.program, steps: upgradeSteps(earlier.program, nodeCount) }),
    durationMs: minutes * 60_000,
    report,
  });
  const faultCount = [...result.counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `\n${faultCount} faults. ${result.operationCount} operations checked for linearizability and order; ` +
      `${result.acknowledgedCount} writes acknowledged, ${result.refusedCount} refused, ${result.unknownCount} unknown.`,
  );
  for (const complaint of [...blind, ...result.complaints]) console.log(complaint);
  const isGood = blind.length + result.complaints.length === 0;
  console.log(
    isGood
      ? "PASS"
      : `FAIL  (again: npm run chaos -- --minutes ${minutes} --nodes ${nodeCount} --shards ${shards}` +
          `${members ? " --members" : ""}${commit === undefined ? "" : ` --upgrade-from ${commit}`} --seed ${seed})`,
  );
  process.exitCode = isGood ? 0 : 1;
} finally {
  earlier?.remove();
  await cleanUp();
}
