/**
 * A real cluster under faults, one or two at a time, while clients write down a history; then the verdict (CONSENSUS T-1,
 * T-2). Before it starts for good, the checkers are shown faults that they must find (T-4).
 */
import { SeededRandom } from "../../src/simulation/index.ts";
import { ProcessCluster } from "../processes/cluster.ts";
import { HistoryLoad } from "../processes/history-load.ts";
import { WriteLoad } from "../processes/write-load.ts";
import { CutNetwork } from "./cut-network.ts";
import { type ChaosPlace, type Fault, faults } from "./faults.ts";
import { withLostWrite, withStaleRead } from "./planted.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly nodeCount: number;
  /** Default 1. */
  readonly shards?: number;
  /** What goes on besides, one after the other and from the beginning again, while other faults come. Default: nothing. */
  readonly changes?: readonly Fault[];
  /** What is done between faults, each once, while none goes on. Default: nothing. */
  readonly steps?: readonly Fault[];
  /** What the nodes are started with. Default: this version. */
  readonly program?: string;
  /** Longer, if not each change and each step has been made once by then. */
  readonly durationMs: number;
  /** Hears what is done, a line each. */
  readonly report: (line: string) => void;
}

export interface ChaosResult {
  /** Everything that is wrong; empty if all is well. */
  readonly complaints: readonly string[];
  /** How often each fault was done. */
  readonly counts: ReadonlyMap<string, number>;
  readonly operationCount: number;
  readonly acknowledgedCount: number;
  readonly refusedCount: number;
  readonly unknownCount: number;
}

const clientCount = 12;
const replyTimeoutMs = 5_000;
/** How soon after a fault every client must be served again, on a machine that may be busy with other work. */
const servedAgainMsMax = 60_000;

class Clients {
  readonly writes: WriteLoad;
  readonly history: HistoryLoad;

  constructor(cluster: ProcessCluster) {
    const { ports } = cluster;
    this.writes = new WriteLoad({ ports, clientCount, replyTimeoutMs, pauseMs: 20 });
    this.history = new HistoryLoad({ ports, clientCount: 6, replyTimeoutMs, pauseMs: 20 });
  }

  start(): void {
    this.writes.start();
    this.history.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.writes.stop(), this.history.stop()]);
  }

  /** What is wrong with what they were told, now that every node is up. */
  async complaints(cluster: ProcessCluster): Promise<readonly string[]> {
    const { history, writes } = this;
    const found = [...writes.nonsense, ...history.nonsense].map((text) => `a reply that should not come: ${text}`);
    for (const { name, port } of cluster.nodes)
      for (const fault of (await writes.faults(port)).slice(0, 10)) found.push(`${name}: ${fault}`);
    return [...found, ...history.verdicts()];
  }
}

/** Every checker is shown a fault. What it did not find is a complaint. */
export async function showPlantedFaults(): Promise<readonly string[]> {
  const cluster = await ProcessCluster.start({ faultyDisks: true });
  const clients = new Clients(cluster);
  clients.start();
  await clients.writes.flows(20);
  const complaints: string[] = [];
  const sound = clients.history.operations;
  if (clients.history.verdicts(sound).length > 0) complaints.push("a history without faults was found wrong");
  for (const plant of [withStaleRead, withLostWrite])
    if (clients.history.verdicts(plant(sound)).length === 0) complaints.push(`not found: ${plant.name}`);
  // Disks that say "synced" and are not: what is acknowledged from now on is gone after a kill of all.
  for (const { disk } of cluster.nodes) disk.begin("lying");
  await clients.writes.flows(20);
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  for (const { disk } of cluster.nodes) disk.end();
  await Promise.all(cluster.nodes.map((node) => node.start()));
  await clients.writes.flows(5);
  await clients.stop();
  const found = await clients.complaints(cluster);
  if (!found.some((text) => text.includes("was acknowledged and is null"))) complaints.push("not found: lost writes");
  if (clients.history.verdicts().length === 0) complaints.push("not found: a history of lost writes");
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  return complaints;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const random = new SeededRandom(options.seed);
  const network = new CutNetwork();
  const front = network.listen.bind(network);
  const { nodeCount, shards = 1, program } = options;
  const build = program === undefined ? {} : { program };
  const cluster = await ProcessCluster.start({ size: nodeCount, shards, faultyDisks: true, front, ...build });
  const clients = new Clients(cluster);
  clients.start();
  const run = new ChaosRun(options, { cluster, network, random }, clients);
  try {
    await run.rounds();
    return await run.result();
  } finally {
    network.close();
    for (const node of cluster.nodes) node.signal("SIGCONT");
    await Promise.all(cluster.nodes.map((node) => node.kill()));
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #place: ChaosPlace;
  readonly #clients: Clients;
  readonly #counts = new Map<string, number>();
  readonly #complaints: string[] = [];
  #bag: Fault[] = [];
  #changeCount = 0;

  constructor(options: ChaosOptions, place: ChaosPlace, clients: Clients) {
    this.#options = options;
    this.#place = place;
    this.#clients = clients;
  }

  /** Ends early with the first complaint: what follows it says little. */
  async rounds(): Promise<void> {
    const endMs = performance.now() + this.#options.durationMs;
    const { writes } = this.#clients;
    await writes.flows(5);
    let change: Promise<void> | undefined;
    const { changes = [] } = this.#options;
    const steps = [...(this.#options.steps ?? [])];
    const isOver = (): boolean =>
      performance.now() >= endMs && this.#changeCount >= changes.length && steps.length === 0;
    const served = (): Promise<void> => writes.flows(2, clientCount, servedAgainMsMax);
    while (!isOver() && this.#complaints.length === 0) {
      const next = changes[this.#changeCount % changes.length];
      if (change === undefined && next !== undefined) {
        this.#changeCount++;
        change = this.#run(next).then(() => {
          change = undefined;
        });
      }
      await this.#run(this.#draw(), served);
      const step = this.#complaints.length === 0 ? steps.shift() : undefined;
      if (step !== undefined) await this.#run(step, served);
      this.#clients.history.turnOver();
    }
    await change;
  }

  /** Whatever it is: once it is over, every client is served again. */
  async #run(fault: Fault, served: () => Promise<void> = async () => {}): Promise<void> {
    const startMs = performance.now();
    this.#counts.set(fault.name, (this.#counts.get(fault.name) ?? 0) + 1);
    try {
      await fault.run(this.#place);
      await served();
    } catch (error) {
      this.#complaints.push(`${fault.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#options.report(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(6)} s  ${fault.name}`);
  }

  async result(): Promise<ChaosResult> {
    const { cluster, network } = this.#place;
    const { history, writes } = this.#clients;
    network.heal();
    for (const node of cluster.nodes) node.disk.end();
    for (const node of cluster.nodes) if (node.isRunning) node.signal("SIGCONT");
    for (const node of cluster.nodes) if (!node.isRunning) await node.start();
    await this.#clients.stop();
    try {
      this.#complaints.push(...(await this.#clients.complaints(cluster)));
      for (const digests of await cluster.digests())
        if (new Set(digests).size !== 1) this.#complaints.push(`the digests differ: ${digests.join(", ")}`);
    } catch (error) {
      this.#complaints.push(`in the end: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (this.#complaints.length > 0)
      for (const { name, stderr } of cluster.nodes) this.#options.report(`${name}:\n${stderr.slice(-2_000)}`);
    return {
      complaints: this.#complaints,
      counts: this.#counts,
      operationCount: history.operationCount,
      acknowledgedCount: writes.acknowledged.length,
      refusedCount: writes.refused.length,
      unknownCount: writes.unknownCount,
    };
  }

  /** Each once before any comes again, in an order by the seed. */
  #draw(): Fault {
    if (this.#bag.length === 0) this.#bag = [...faults];
    const [fault] = this.#bag.splice(this.#place.random.uint32() % this.#bag.length, 1);
    if (fault === undefined) throw new Error("there are no faults");
    return fault;
  }
}
