/** `npm run chaos -- [--minutes 10] [--nodes 3] [--seed N]`: prints what is done and the verdict; exit code 1 if it is bad. */
import { parseArgs } from "node:util";
import { cleanUp } from "../cli/processes.ts";
import { runChaos, showPlantedFaults } from "./chaos.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    nodes: { type: "string", default: "3" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const [minutes, nodeCount, seed] = [Number(values.minutes), Number(values.nodes), Number(values.seed)];
if (!(minutes > 0) || !Number.isInteger(nodeCount) || nodeCount < 1 || !Number.isSafeInteger(seed)) {
  console.error("Usage: npm run chaos -- [--minutes 10] [--nodes 3] [--seed N]");
  process.exit(2);
}

process.on("SIGINT", () => void cleanUp().then(() => process.exit(130)));
try {
  console.log("Planted faults: a stale read, a lost write, disks that lie …");
  const blind = await showPlantedFaults();
  console.log(blind.length === 0 ? "All of them were found.\n" : blind.join("\n"));
  console.log(`${nodeCount} nodes, ${minutes} minutes, seed ${seed}`);
  const report = (line: string): void => console.log(line);
  const result = await runChaos({ seed, nodeCount, durationMs: minutes * 60_000, report });
  const faultCount = [...result.counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `\n${faultCount} faults. ${result.operationCount} operations checked for linearizability and order; ` +
      `${result.acknowledgedCount} writes acknowledged, ${result.refusedCount} refused, ${result.unknownCount} unknown.`,
  );
  for (const complaint of [...blind, ...result.complaints]) console.log(complaint);
  const isGood = blind.length + result.complaints.length === 0;
  console.log(
    isGood ? "PASS" : `FAIL  (again: npm run chaos -- --minutes ${minutes} --nodes ${nodeCount} --seed ${seed})`,
  );
  process.exitCode = isGood ? 0 : 1;
} finally {
  await cleanUp();
}
