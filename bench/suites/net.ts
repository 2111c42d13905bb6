import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { shapes, type WorkName, workNames } from "../net/work.ts";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";

const ratioMin = 0.9;
/**
 * CPU time until V8 has compiled what runs often: 1.2 s for coterie/net, 0.6 s for what of Node's own code the plain side
 * needs.
 */
const warmUpCpuMs = 2_000;
const contenders = ["coterie", "plain"] as const;
type Contender = (typeof contenders)[number];
const labels: Readonly<Record<Contender, string>> = { coterie: "coterie/net", plain: "node:net, node:dgram" };

interface Result {
  readonly operationsPerSecond: number;
  readonly cpuUsPerOperation: number;
}

type Results = ReadonlyMap<WorkName, Readonly<Record<Contender, Result[]>>>;

export const netSuite: Suite = {
  name: "net",
  summary: "TCP and UDP echo through coterie/net, beside node:net and node:dgram",
  run: async (bench) => {
    const results: Results = new Map(workNames.map((name) => [name, { coterie: [], plain: [] }]));
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const name of workNames) {
        for (let turn = 0; turn < contenders.length; turn++) {
          const contender = contenders[(turn + round) % contenders.length]!;
          if (contender === "coterie" && bench.options.isPeerOnly) continue;
          bench.progress(`round ${round + 1} of ${bench.options.rounds}: ${titleOf(name)}, ${labels[contender]}`);
          results.get(name)![contender].push(await measure(bench, contender, name));
        }
      }
    }
    return report(results);
  },
};

async function measure({ options }: Bench, contender: Contender, name: WorkName): Promise<Result> {
  const runner = fileURLToPath(new URL("../net/runner.js", import.meta.url));
  const args = [runner, contender, name, String(warmUpCpuMs), String(options.measureMs)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  if (chunks.length === 0) throw new Error(`${titleOf(name)}, ${labels[contender]}: the measurement failed`);
  return JSON.parse(Buffer.concat(chunks).toString()) as Result;
}

function report(results: Results): SuiteReport {
  const rows = workNames.flatMap((name) =>
    contenders.flatMap((contender) => {
      const rounds = results.get(name)![contender];
      if (rounds.length === 0) return [];
      return [[`${titleOf(name)}, ${labels[contender]}`, figure(rateOf(rounds)), figure(cpuOf(rounds))]];
    }),
  );
  return {
    gates: workNames.flatMap((name) => gateOf(name, results.get(name)!)),
    tables: [{ title: "Round trips", columns: ["work", "a second", "CPU µs each"], rows }],
    notes: ["net: server and clients share one process and one thread, so that the rate is what both cost together."],
    data: Object.fromEntries(results),
  };
}

function gateOf(name: WorkName, { coterie, plain }: Readonly<Record<Contender, Result[]>>): Gate[] {
  if (coterie.length === 0) return [];
  const ratio = rateOf(coterie) / rateOf(plain);
  return [
    {
      name: titleOf(name),
      against: labels.plain,
      measure: "round trips a second",
      promise: `≥ ${ratioMin} ×`,
      measured: ratio,
      shown: `${ratio.toFixed(2)} ×`,
      verdict: ratio >= ratioMin ? "pass" : "MISS",
      beside: `${figure(rateOf(coterie))}/s beside ${figure(rateOf(plain))}/s`,
    },
  ];
}

function titleOf(name: WorkName): string {
  const { clients, bytes } = shapes[name];
  const size = bytes < 1_024 ? `${bytes} bytes` : `${bytes / 1_024} KiB`;
  return `${name.startsWith("tcp") ? "TCP" : "UDP"} echo, ${clients} clients, ${size}`;
}

function rateOf(rounds: readonly Result[]): number {
  return median(rounds.map((round) => round.operationsPerSecond));
}

function cpuOf(rounds: readonly Result[]): number {
  return median(rounds.map((round) => round.cpuUsPerOperation));
}
