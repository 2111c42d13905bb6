import { setTimeout as sleep } from "node:timers/promises";
import { cpuSeconds, machineCpuSeconds } from "../load/process-cpu.ts";
import type { Gate, SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Suite } from "../suite.ts";
import { startBalanced } from "../systems/balanced.ts";

const shards = 64;
const coresMax = 0.03;
/**
 * What a start leaves to be compiled and collected: V8's threads take about 1 % of a core for some 40 s after it, and some 0.2 %
 * from then on (docs/performance.md).
 */
const settleMs = 50_000;
const settleMsQuick = 5_000;
const roundMs = 20_000;
const roundMsQuick = 5_000;

export const idleSuite: Suite = {
  name: "idle",
  summary: "CPU time of three nodes with 64 shards that nobody asks anything",
  run: async ({ options, premises, progress }): Promise<SuiteReport> => {
    progress(`idle: starting three nodes with ${shards} shards`);
    const system = await startBalanced(premises, shards);
    try {
      await sleep(options.isQuick ? settleMsQuick : settleMs);
      const rounds: { readonly nodes: readonly number[]; readonly others: number }[] = [];
      const cpu = (): readonly number[] => system.pids.map((pid) => cpuSeconds([pid]));
      for (let round = 1; round <= options.rounds; round++) {
        progress(`idle: round ${round} of ${options.rounds}`);
        const before = cpu();
        const machineBefore = machineCpuSeconds();
        const startMs = performance.now();
        await sleep(options.isQuick ? roundMsQuick : roundMs);
        const seconds = (performance.now() - startMs) / 1_000;
        const nodes = cpu().map((now, at) => (now - before[at]!) / seconds);
        const machine = (machineCpuSeconds() - machineBefore) / seconds;
        rounds.push({ nodes, others: machine - nodes.reduce((sum, each) => sum + each, 0) });
      }
      const perNode = rounds[0]!.nodes.map((_, at) => median(rounds.map(({ nodes }) => nodes[at]!)));
      const others = median(rounds.map((round) => round.others));
      return { gates: [judge(perNode, others)], tables: [], notes: [], data: rounds };
    } finally {
      await system.stop();
    }
  },
};

function judge(perNode: readonly number[], others: number): Gate {
  const percent = (cores: number): string => `${(cores * 100).toFixed(2)} %`;
  const most = Math.max(...perNode);
  return {
    name: `three idle nodes, ${shards} shards`,
    against: "one core",
    measure: "CPU time of a node",
    promise: `< ${coresMax * 100} %`,
    measured: most,
    shown: percent(most),
    verdict: most < coresMax ? "pass" : "MISS",
    beside: `medians of the nodes: ${perNode.map(percent).join(", ")}; all else on the machine ${others.toFixed(2)} cores`,
  };
}
