/** `npm run bench`: measures Coterie beside its peers and prints one table. `--help` lists what can be asked for. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Conditions, fileSystemOf, readConditions } from "./conditions.ts";
import { type BenchOptions, parseOptions, UsageError } from "./options.ts";
import { gateTable, renderTable, type SuiteReport } from "./report.ts";
import type { Bench, Suite } from "./suite.ts";
import { channelsSuite } from "./suites/channels.ts";
import { failoverSuite } from "./suites/failover.ts";
import { growthSuite } from "./suites/growth.ts";
import { idleSuite } from "./suites/idle.ts";
import { invariantsSuite } from "./suites/invariants.ts";
import { logSizeSuite } from "./suites/log-size.ts";
import { memorySuite } from "./suites/memory.ts";
import { netSuite } from "./suites/net.ts";
import { rebalanceSuite } from "./suites/rebalance.ts";
import { restartSuite } from "./suites/restart.ts";
import { shardingSuite } from "./suites/sharding.ts";
import { simulationSuite } from "./suites/simulation.ts";
import { snapshotSuite } from "./suites/snapshot.ts";
import { snapshotNodeSuite } from "./suites/snapshot-node.ts";
import { startSuite } from "./suites/start.ts";
import { etcdSuite, redisSuite, throughputSuite } from "./suites/throughput.ts";
import { Children } from "./systems/children.ts";
import { repositoryRoot } from "./systems/coterie.ts";

const suites: readonly Suite[] = [
  redisSuite,
  etcdSuite,
  throughputSuite,
  memorySuite,
  failoverSuite,
  channelsSuite,
  netSuite,
  snapshotSuite,
  snapshotNodeSuite,
  simulationSuite,
  startSuite,
  logSizeSuite,
  invariantsSuite,
  restartSuite,
  shardingSuite,
  growthSuite,
  idleSuite,
  rebalanceSuite,
];
const defaultSuites: readonly Suite[] = [throughputSuite, memorySuite];

const help = `Usage: npm run bench -- [SUITE …] [options]

Measures Coterie beside redis-server and etcd, as far as they are on the PATH, in interleaved rounds on loopback.
Without a suite: the default table (${defaultSuites.map((suite) => suite.name).join(", ")}).

Suites
${suites.map((suite) => `  ${suite.name.padEnd(15)}${suite.summary}`).join("\n")}

Options
  --quick           short rounds, for a first look; not for publishing
  --rounds N        interleaved rounds (5; quick: 3)
  --measure-ms N    length of one measurement (3000; quick: 1000)
  --kills N         leaders to kill in failover (20; quick: 5)
  --dir DIR         where the run's files go; must be on a disk (the system's temporary directory)
  --peer-only       measures the peers without Coterie
  --check           exit code 1 if a gate is missed
  --json            prints everything as one JSON document
  -h, --help        this text

Examples
  npm run bench
  npm run bench -- redis --quick
  npm run bench -- failover
`;

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.isHelp) {
    process.stdout.write(help);
    return 0;
  }
  const chosen = options.suites.length === 0 ? defaultSuites : options.suites.map(suiteNamed);
  const children = new Children();
  process.once("exit", () => children.close());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));

  const directory = children.temporaryDirectory(realDisk(options.directory));
  const conditions = await readConditions(directory);
  const bench = {
    options,
    premises: { children, directory },
    progress: (text: string): void => void process.stderr.write(`${text}\n`),
  };
  const reports: SuiteReport[] = [];
  for (const suite of chosen) reports.push(await runSuite(suite, bench));
  print(options, conditions, reports);
  const isMissed = reports.some((report) => report.gates.some((gate) => gate.verdict === "MISS"));
  const isFailed = reports.some((report) => report.gates.some((gate) => gate.verdict === "FAILED"));
  return isFailed || (options.isCheck && isMissed) ? 1 : 0;
}

/** A suite that breaks leaves a failed gate, not a lost table of the others. */
async function runSuite(suite: Suite, bench: Bench): Promise<SuiteReport> {
  try {
    return await suite.run(bench);
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s*\n\s*/g, " | ");
    const gate = { name: suite.name, against: "-", measure: "-", promise: "to run", measured: undefined, shown: "" };
    return { gates: [{ ...gate, verdict: "FAILED", beside: why }], tables: [], notes: [], data: undefined };
  }
}

function suiteNamed(name: string): Suite {
  const suite = suites.find((each) => each.name === name);
  if (suite === undefined) {
    throw new UsageError(`no suite ${name}; there are ${suites.map((each) => each.name).join(", ")}`);
  }
  return suite;
}

/** The asked-for parent directory, or the first of the usual ones that is not in memory. */
function realDisk(asked: string | undefined): string {
  const candidates = asked === undefined ? [tmpdir(), repositoryRoot] : [asked];
  for (const candidate of candidates) {
    if (!["tmpfs", "ramfs"].includes(fileSystemOf(candidate).type)) return candidate;
  }
  throw new UsageError(`${candidates.join(" and ")}: in memory; name a directory on a disk with --dir`);
}

function print(options: BenchOptions, conditions: Conditions, reports: readonly SuiteReport[]): void {
  const gates = reports.flatMap((report) => report.gates);
  if (options.isJson) {
    const document = { conditions, gates, suites: reports.map(({ notes, data }) => ({ notes, data })) };
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    return;
  }
  const { version } = JSON.parse(readFileSync(`${repositoryRoot}/package.json`, "utf8")) as { version: string };
  const parts = [
    `Coterie ${version}\n${Object.entries(conditions)
      .map(([name, value]) => `  ${name}: ${value}`)
      .join("\n")}`,
  ];
  parts.push(`  rounds: ${options.rounds} of ${options.measureMs} ms, interleaved; ratios are of medians`);
  for (const report of reports) parts.push(...report.tables.map((table) => `\n${renderTable(table)}`));
  if (gates.length > 0) parts.push(`\n${renderTable(gateTable(gates))}`);
  const notes = [...new Set(reports.flatMap((report) => report.notes))];
  parts.push(`\n${notes.map((note) => `- ${note}`).join("\n")}`);
  process.stdout.write(`${parts.join("\n")}\n`);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
