/** A simulated cluster whose stopped nodes' directories are surveyed and recovered. */
import {
  formatSurvey,
  type NodeSurvey,
  parseSurvey,
  planRecovery,
  type RecoveryOutcome,
  type RecoveryPlan,
  recoverDirectory,
  surveyDirectory,
} from "../../src/cluster/index.ts";
import { type Platform, silentLogger } from "../../src/platform/index.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const directory = "/data";

export class RecoveredCluster extends SimulatedCluster {
  /** Of a node that does not run; as it comes back from a file. */
  async survey(name: string): Promise<NodeSurvey> {
    const survey = await this.#offline(name, (platform) =>
      surveyDirectory({ ...platform, logger: silentLogger, directory }),
    );
    return parseSurvey(name, formatSurvey(survey));
  }

  async plan(...names: readonly string[]): Promise<RecoveryPlan> {
    const surveys: NodeSurvey[] = [];
    for (const name of names) surveys.push(await this.survey(name));
    return planRecovery(surveys);
  }

  recover(name: string, plan: RecoveryPlan | undefined): Promise<RecoveryOutcome> {
    return this.#offline(name, (platform) => recoverDirectory({ ...platform, logger: silentLogger, directory, plan }));
  }

  /** Sets `k0` and so on, through a node. */
  async write(name: string, count: number, value: string): Promise<void> {
    const client = this.client(name);
    for (let at = 0; at < count; at++) client.send("SET", `k${at}`, `${value}${at}`);
    await this.until(() => client.isAnswered, "replies");
  }

  async read(name: string, count: number): Promise<readonly unknown[]> {
    const client = this.client(name);
    for (let at = 0; at < count; at++) client.send("GET", `k${at}`);
    await this.until(() => client.isAnswered, "replies");
    return client.replies;
  }

  /** Whether every shard has so many replicas, as all nodes that run know, and nothing moves. */
  areFull(replicaCount: number): boolean {
    return [...this.nodes.values()].every(({ directoryState: { shards } }) =>
      shards.every(({ report, wish }) => {
        return report.voters.length === replicaCount && report.learners.length === 0 && wish.length === replicaCount;
      }),
    );
  }

  /** Does something in a process of its own on a node's machine. */
  async #offline<T>(name: string, work: (platform: Platform) => Promise<T>): Promise<T> {
    const machine = this.world.machine(name);
    try {
      return await this.world.until(work(machine.start()));
    } finally {
      machine.kill();
    }
  }
}
