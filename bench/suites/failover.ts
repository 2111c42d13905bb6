import { setTimeout as sleep } from "node:timers/promises";
import { FailoverClient } from "../load/failover-client.ts";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Suite } from "../suite.ts";
import { ask } from "../systems/ask.ts";
import { killPid } from "../systems/children.ts";
import { type CoterieNode, type CoterieSystem, startCoterie } from "../systems/coterie.ts";
import { waitUntil } from "../systems/wait-until.ts";
import { untilApplied } from "./memory.ts";

const clientCount = 50;
const medianMsMax = 500;
const maxMsMax = 3_000;
const recoveryMsMax = 30_000;

/** One leader killed. */
interface Kill {
  readonly node: string;
  /** Until the first write that was sent after the kill was acknowledged by another node. */
  readonly firstMs: number;
  /** Until every client has had such a write. */
  readonly everyClientMs: number;
  /** Writes that were not acknowledged, by error code ("closed": the connection broke). */
  readonly failures: Readonly<Record<string, number>>;
}

export const failoverSuite: Suite = {
  name: "failover",
  summary: "kills the leader under load from 50 clients, 20 times: time until writes flow again, writes lost",
  run: async (bench) => {
    if (bench.options.isPeerOnly) return { gates: [], tables: [], notes: ["No failover: --peer-only."], data: [] };
    const coterie = await startCoterie(bench.premises);
    const load = new FailoverLoad(coterie);
    try {
      load.start();
      const kills: Kill[] = [];
      for (let count = 1; count <= bench.options.kills; count++) {
        kills.push(await killLeader(coterie, load));
        const { node, firstMs, everyClientMs } = kills.at(-1)!;
        bench.progress(
          `kill ${count} of ${bench.options.kills}: ${node}, writes again after ${firstMs.toFixed(0)} ms, for every client after ${everyClientMs.toFixed(0)} ms`,
        );
      }
      load.stop();
      return report(kills, await countLost(coterie, load), load.acknowledgedCount);
    } finally {
      load.stop();
      await coterie.stop();
    }
  },
};

/** Fifty clients, spread over the nodes, and a watch on what they are told. */
class FailoverLoad {
  readonly clients: readonly FailoverClient[];
  /** Set during an outage: what is looked for. */
  #outage:
    | { readonly killedAtMs: number; readonly killed: number; firstAtMs: number; readonly served: Set<FailoverClient> }
    | undefined;
  #lastServedAtMs = 0;

  constructor(coterie: CoterieSystem) {
    this.clients = Array.from(
      { length: clientCount },
      (_, place) =>
        new FailoverClient({
          key: `failover:${place}`,
          targets: coterie.targets,
          home: place % coterie.targets.length,
          onAcknowledged: (client, sentAtMs, target) => this.#onAcknowledged(client, sentAtMs, target),
        }),
    );
  }

  get acknowledgedCount(): number {
    return this.clients.reduce((sum, client) => sum + client.acknowledgedCount, 0);
  }

  start(): void {
    for (const client of this.clients) client.start();
  }

  stop(): void {
    for (const client of this.clients) client.stop();
  }

  goHome(): void {
    for (const client of this.clients) client.goHome();
  }

  /** Runs `kill` and waits until every client is served again by other nodes than number `killed`. */
  async watchOutage(killed: number, kill: () => void): Promise<{ firstMs: number; everyClientMs: number }> {
    const killedAtMs = performance.now();
    const outage = { killedAtMs, killed, firstAtMs: 0, served: new Set<FailoverClient>() };
    this.#outage = outage;
    kill();
    const allServed = async (): Promise<boolean> => outage.served.size === clientCount;
    await waitUntil("all clients to be served again", allServed, { timeoutMs: recoveryMsMax });
    this.#outage = undefined;
    return { firstMs: outage.firstAtMs - killedAtMs, everyClientMs: this.#lastServedAtMs - killedAtMs };
  }

  /** Failures of all clients so far, by code. */
  failures(): Map<string, number> {
    const sum = new Map<string, number>();
    for (const client of this.clients) {
      for (const [code, count] of client.failures) sum.set(code, (sum.get(code) ?? 0) + count);
    }
    return sum;
  }

  #onAcknowledged(client: FailoverClient, sentAtMs: number, target: number): void {
    const outage = this.#outage;
    if (outage === undefined || sentAtMs < outage.killedAtMs || target === outage.killed) return;
    const nowMs = performance.now();
    if (outage.served.size === 0) outage.firstAtMs = nowMs;
    if (outage.served.has(client)) return;
    outage.served.add(client);
    this.#lastServedAtMs = nowMs;
  }
}

async function killLeader(coterie: CoterieSystem, load: FailoverLoad): Promise<Kill> {
  await untilApplied(coterie);
  load.goHome();
  await sleep(500 + Math.random() * 500);
  const leader: CoterieNode = await coterie.leaderNode();
  const before = load.failures();
  const times = await load.watchOutage(coterie.nodes.indexOf(leader), () => killPid(leader.pid));
  const failures: Record<string, number> = {};
  for (const [code, count] of load.failures()) {
    const added = count - (before.get(code) ?? 0);
    if (added > 0) failures[code] = added;
  }
  await coterie.restart(leader);
  return { node: leader.name, ...times, failures };
}

/** Acknowledged writes that some node does not show: each client's key must hold its last promise or something newer. */
async function countLost(coterie: CoterieSystem, load: FailoverLoad): Promise<number> {
  await untilApplied(coterie);
  let lost = 0;
  for (const client of load.clients) {
    for (const { port } of coterie.targets) {
      const value = Number((await ask(port, ["GET", client.key])) ?? 0);
      if (value < client.acknowledged || value > client.sent) lost++;
    }
  }
  return lost;
}

function report(kills: readonly Kill[], lost: number, acknowledged: number): SuiteReport {
  const firsts = kills.map((kill) => kill.firstMs);
  const every = kills.map((kill) => kill.everyClientMs);
  return {
    gates: [
      limit(
        `writes flow again, median of ${kills.length} kills`,
        "ms",
        median(firsts),
        medianMsMax,
        every.length > 0 ? `every client ${median(every).toFixed(0)} ms` : "",
      ),
      limit(
        `writes flow again, longest of ${kills.length} kills`,
        "ms",
        Math.max(...firsts),
        maxMsMax,
        `every client ${Math.max(...every).toFixed(0)} ms`,
      ),
      limit("acknowledged writes lost", "", lost, 0, `${figure(acknowledged)} were acknowledged`),
    ],
    tables: [
      {
        title: `The leader killed under load from ${clientCount} clients`,
        columns: ["kill", "node", "writes again ms", "every client ms", "not acknowledged"],
        rows: kills.map((kill, place) => [
          String(place + 1),
          kill.node,
          kill.firstMs.toFixed(0),
          kill.everyClientMs.toFixed(0),
          Object.entries(kill.failures)
            .map(([code, count]) => `${code} ${count}`)
            .join(", "),
        ]),
      },
    ],
    notes: [
      "Writes flow again when the first SET that was sent after the kill has been acknowledged by another node; clients are spread over the nodes and go to the next one when theirs dies.",
    ],
    data: kills,
  };
}

function limit(name: string, unit: string, measured: number, max: number, beside: string): Gate {
  return {
    name,
    against: "-",
    measure: "failover",
    promise: `≤ ${max} ${unit}`.trimEnd(),
    measured,
    shown: `${measured.toFixed(0)} ${unit}`.trimEnd(),
    verdict: measured <= max ? "pass" : "MISS",
    beside,
  };
}
