import { setTimeout as sleep } from "node:timers/promises";
import { type ClientStream, Node, nodeDefaults } from "coterie/cluster";
import { commandTable } from "coterie/keyspace";
import { createNodePlatform, silentLogger } from "coterie/platform";
import { Arguments, ErrorReply } from "coterie/resp";
import type { Gate, SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";
import { freePortBase } from "../systems/ports.ts";
import { RaftGroup } from "./raft-group.ts";

const pairsMin = 40;
const nodeCount = 3;
const keyCount = 10_000;
const valueBytes = 64;
const warmUpWrites = 10_000;
const sliceEntries = 500;
const entryData = new Uint8Array(256);
const costMax = 0.02;
/** CPU time of one slice, and how many of each kind a round has without haste, and with `--quick`. */
const sliceCpuMs = 20;
const slicesUsual = 30;
const slicesQuick = 4;

/** Clients of the leader, with one write under way each: the fewer, the smaller the entries, and the more there are. */
const clientCounts = [256, 8, 1];

/** Of one pair of rounds, in microseconds. */
interface Pair {
  /** What the checks add to an entry in three Raft cores that do nothing else. */
  readonly addedPerEntry: number;
  /** All CPU time of the cluster for an entry, without them. */
  readonly clusterPerEntry: number;
  /** The same for a write, of which an entry holds several; the medians of the round's slices. */
  readonly checkedPerWrite: number;
  readonly uncheckedPerWrite: number;
}

interface LoadFigures {
  readonly load: string;
  readonly pairs: readonly Pair[];
}

export const invariantsSuite: Suite = {
  name: "invariants",
  summary: "CPU time that checking Raft's invariants costs, in paired rounds with and without",
  run: async (bench) => {
    const invariantSwitch = { isOn: true };
    const nodes = await startNodes(bench, invariantSwitch);
    const cores = new RaftGroup(invariantSwitch);
    try {
      const leader = await leaderOf(nodes);
      const figures: LoadFigures[] = [];
      for (const clientCount of clientCounts) {
        const clients = new Clients(leader, clientCount);
        figures.push(await measure(clients, cores, invariantSwitch, bench));
        clients.close();
      }
      return report(figures);
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
    }
  },
};

async function startNodes(bench: Bench, invariantSwitch: { readonly isOn: boolean }): Promise<readonly Node[]> {
  const names = Array.from({ length: nodeCount }, (_, at) => `n${at + 1}`);
  const port = await freePortBase(names.map((_, at) => at));
  const peers = names.map((name, at) => ({ name, host: "127.0.0.1", port: port + at }));
  const { directory } = bench.premises;
  return Promise.all(
    names.map((name) =>
      Node.start({
        platform: createNodePlatform(),
        logger: silentLogger,
        directory: `${directory}/invariants-${name}`,
        name,
        peers,
        secret: "bench",
        settings: { ...nodeDefaults, invariantSwitch },
      }),
    ),
  );
}

async function leaderOf(nodes: readonly Node[]): Promise<Node> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const leader = nodes.find((node) => node.nodeStatus().groups[0]?.role === "leader");
    if (leader !== undefined) return leader;
    await sleep(50);
  }
  throw new Error("no node leads");
}

/** Rounds of equally many writes, in pairs; beside each pair one of the cores alone. */
async function measure(
  clients: Clients,
  cores: RaftGroup,
  invariantSwitch: { isOn: boolean },
  bench: Bench,
): Promise<LoadFigures> {
  const load = `${clients.count} clients`;
  const slices = bench.options.isQuick ? slicesQuick : slicesUsual;
  await clients.write(warmUpWrites);
  const writes = Math.ceil((sliceCpuMs * 1_000) / (await clients.write(warmUpWrites)));
  const pairCount = Math.max(pairsMin, bench.options.rounds);
  const pairs: Pair[] = [];
  for (let count = 0; count < pairCount; count++) {
    if (count % 10 === 0) bench.progress(`invariants: ${load}, pair ${count + 1} of ${pairCount}`);
    // Both kinds meet alike what comes and goes meanwhile: cut into slices, in the order of a palindrome.
    const checked: number[] = [];
    const unchecked: number[] = [];
    const alone = [0, 0];
    const entriesBefore = clients.entryCount;
    for (let slice = 0; slice < 2 * slices; slice++) {
      const isOn = (slice + (slice >> 1)) % 2 === 0;
      invariantSwitch.isOn = isOn;
      (isOn ? checked : unchecked).push(await clients.write(writes));
      alone[isOn ? 1 : 0]! += entriesAlone(cores);
    }
    const writesPerEntry = (2 * slices * writes) / (clients.entryCount - entriesBefore);
    const [uncheckedAlone, checkedAlone] = alone as [number, number];
    pairs.push({
      addedPerEntry: (checkedAlone - uncheckedAlone) / slices,
      clusterPerEntry: median(unchecked) * writesPerEntry,
      checkedPerWrite: median(checked),
      uncheckedPerWrite: median(unchecked),
    });
  }
  invariantSwitch.isOn = true;
  return { load, pairs };
}

/** Microseconds of CPU time an entry in the cores alone. */
function entriesAlone(cores: RaftGroup): number {
  const before = process.cpuUsage();
  for (let each = 0; each < sliceEntries; each++) cores.propose(entryData);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / sliceEntries;
}

/** Streams of a node, on which writes follow each other. */
class Clients {
  readonly #node: Node;
  readonly #streams: ClientStream[];
  readonly #args: Arguments[];
  #left = 0;
  #unanswered = 0;
  #ticket = 1;
  #ended: (() => void) | undefined;
  #failed: ((reason: Error) => void) | undefined;

  constructor(node: Node, clientCount: number) {
    this.#node = node;
    this.#args = Array.from({ length: keyCount }, (_, number) =>
      Arguments.of(["SET", `key:${String(number).padStart(12, "0")}`, "x".repeat(valueBytes)]),
    );
    this.#streams = Array.from({ length: clientCount }, () => {
      const stream: ClientStream = node.openStream({
        // In a turn of its own, as bytes from a socket would come.
        reply: (_, reply) => void setImmediate(() => this.#answered(stream, reply)),
        fail: (reason) => this.#failed?.(new Error(reason)),
      });
      return stream;
    });
  }

  get count(): number {
    return this.#streams.length;
  }

  /** Entries that were committed so far. */
  get entryCount(): number {
    return this.#node.nodeStatus().groups[0]?.commitIndex ?? 0;
  }

  /** Microseconds of CPU time a write, when `count` were made. */
  async write(count: number): Promise<number> {
    this.#left = count;
    const before = process.cpuUsage();
    await new Promise<void>((resolve, reject) => {
      this.#ended = resolve;
      this.#failed = reject;
      for (const stream of this.#streams) this.#write(stream);
    });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  #write(stream: ClientStream): void {
    if (this.#left === 0) return;
    this.#left--;
    this.#unanswered++;
    const args = this.#args[(this.#ticket * 7_919) % keyCount]!;
    stream.submit(this.#ticket++, setSpec, args, 3);
  }

  #answered(stream: ClientStream, reply: unknown): void {
    this.#unanswered--;
    if (reply instanceof ErrorReply) this.#failed?.(new Error(reply.text));
    this.#write(stream);
    if (this.#unanswered === 0) this.#ended?.();
  }
}

const setSpec = commandTable.resolve(Arguments.of(["SET", "k", "v"]))!;

interface Cost {
  /** What the checks add, as a share: the median of the pairs. */
  readonly median: number;
  /** Where the median of endless pairs lies with 95 % confidence: an interval of ranks, which assumes nothing. */
  readonly from: number;
  readonly until: number;
}

function costOf(pairs: readonly Pair[], share: (pair: Pair) => number): Cost {
  const shares = pairs.map(share);
  const sorted = shares.toSorted((left, right) => left - right);
  const rank = Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2);
  return { median: median(shares), from: sorted[rank]!, until: sorted.at(-1 - rank)! };
}

const ofCores = (pair: Pair): number => pair.addedPerEntry / pair.clusterPerEntry;
const ofCluster = (pair: Pair): number => pair.checkedPerWrite / pair.uncheckedPerWrite - 1;

function report(figures: readonly LoadFigures[]): SuiteReport {
  return {
    gates: figures.map(judge),
    tables: [
      {
        title: "CPU time of three nodes and their clients (µs, medians; cost with its interval of 95 % confidence)",
        columns: ["load", "pairs", "an entry", "checks add", "cost", "a write", "checked", "measured directly"],
        rows: figures.map(({ load, pairs }) => {
          const typical = (pick: (pair: Pair) => number): string => median(pairs.map(pick)).toFixed(2);
          return [
            load,
            String(pairs.length),
            typical((pair) => pair.clusterPerEntry),
            typical((pair) => pair.addedPerEntry),
            shown(costOf(pairs, ofCores)),
            typical((pair) => pair.uncheckedPerWrite),
            typical((pair) => pair.checkedPerWrite),
            shown(costOf(pairs, ofCluster)),
          ];
        }),
      },
    ],
    notes: [
      `Three nodes in this process, over loopback and on the disk, ${keyCount.toLocaleString("en-US")} keys of 16 bytes with values of ${valueBytes}; a switch that only benchmarks have turns the checks off and on.`,
      "What the checks add is measured in three Raft cores alone, where nothing hides it, and set beside what an entry costs the cluster; the same cluster with and without them, measured directly, is the cross-check, with the noise of disk and network in it.",
      "Sockets and parsing of clients are left out, so that the share is larger than in a cluster that serves some.",
    ],
    data: figures,
  };
}

function judge({ load, pairs }: LoadFigures): Gate {
  const cost = costOf(pairs, ofCores);
  return {
    name: `invariants checked, ${load}`,
    against: "not checked",
    measure: "CPU time an entry",
    promise: `≤ ${percent(costMax)} more`,
    measured: cost.median,
    shown: percent(cost.median),
    verdict: cost.median <= costMax ? "pass" : "MISS",
    beside: `95 %: ${percent(cost.from)} to ${percent(cost.until)}`,
  };
}

function shown(cost: Cost): string {
  return `${percent(cost.median)} (${percent(cost.from)} to ${percent(cost.until)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
