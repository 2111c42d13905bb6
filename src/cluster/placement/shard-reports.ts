/** What leaders tell the directory of their shards' members: each configuration that is not on its way to another one. */
import type { DirectoryRequest, DirectoryState, ShardReport } from "../../directory/index.ts";
import { type Configuration, highestReplicaOf, isJoint, type LogIndex } from "../../raft/index.ts";

/** A shard that this node leads. */
export interface LedShard {
  readonly shard: number;
  /** In force at `appliedIndex`. */
  readonly configuration: Configuration;
  readonly appliedIndex: LogIndex;
}

type ReportRequest = Extract<DirectoryRequest, { readonly kind: "report" }>;

/** What the directory is to be told: of the shards whose members are not those that it knows. */
export function reportsOf({ shards }: DirectoryState, led: Iterable<LedShard>): readonly ReportRequest[] {
  const requests: ReportRequest[] = [];
  for (const { shard, configuration, appliedIndex } of led) {
    const known = shards[shard]?.report;
    // The index is that at which these were the members for sure: of two reports the one with the higher index is newer.
    const isOld = known === undefined || appliedIndex <= known.configurationIndex;
    if (isOld || isJoint(configuration) || isSaid(known, configuration)) continue;
    const { voters, learners } = configuration;
    const report = {
      configurationIndex: appliedIndex,
      voters: voters.toSorted(ascending),
      learners: learners.toSorted(ascending),
      highestReplica: highestReplicaOf(configuration),
    };
    requests.push({ kind: "report", shard, report });
  }
  return requests;
}

/** Whether the report names just the members of a configuration. */
export function isSaid(report: ShardReport, configuration: Configuration): boolean {
  return (
    report.highestReplica === highestReplicaOf(configuration) &&
    areSame(report.voters, configuration.voters) &&
    areSame(report.learners, configuration.learners)
  );
}

/** Whether two lists have the same ids; `sorted` has each once. */
function areSame(sorted: readonly number[], others: readonly number[]): boolean {
  return sorted.length === others.length && others.every((id) => sorted.includes(id));
}

function ascending(left: number, right: number): number {
  return left - right;
}
