/**
 * What a node's directory says of itself while the node is stopped: all that is needed to decide what becomes of a
 * cluster that has lost majorities, as plain data that can be written to a file and compared.
 */
import type { Configuration, LogIndex, ReplicaId, Term } from "../../raft/index.ts";
import type { Member } from "../membership/member.ts";

/** What a node's directory holds. */
export interface NodeSurvey {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  readonly nodeId: number;
  readonly name: string;
  /** 32 hexadecimal digits: tells this directory from a copy that was made to be another one. */
  readonly directoryId: string;
  /** Of the node's last run, 32 random hexadecimal digits: it has not run since if this is the same. Empty: it never ran. */
  readonly incarnation: string;
  /** The starts of the node. */
  readonly bootCounter: number;
  readonly shardCount: number;
  /** The cluster's nodes as this one knew them last. */
  readonly members: readonly SurveyedNode[];
  /** What stands at the end of its log of the directory; undefined: it has none that can be read. */
  readonly directory: SurveyedDirectory | undefined;
  /** By group; those of which there never was anything here are left out. */
  readonly groups: readonly SurveyedReplica[];
}

export type SurveyedNode = Pick<Member, "id" | "name" | "state" | "directoryId">;

/** Without what else is known of it. */
export function surveyedNode({ id, name, state, directoryId }: SurveyedNode): SurveyedNode {
  return { id, name, state, directoryId };
}

export interface SurveyedDirectory {
  readonly epoch: number;
  readonly nextNodeId: number;
  readonly nodes: readonly SurveyedNode[];
  /** Of each shard, what it was reported to be last. */
  readonly reports: readonly { readonly configurationIndex: LogIndex; readonly highestReplica: ReplicaId }[];
}

/** What a directory holds of one group. */
export interface SurveyedReplica {
  readonly group: number;
  /** The newest that has ever been to begin here. */
  readonly replica: ReplicaId;
  /** It was proved to have gone: only its id means anything. */
  readonly hasGone: boolean;
  /** Why it cannot be counted on: it has lost what it had acknowledged. Of its log only `commitIndex` means anything then. */
  readonly damage: string | undefined;
  /** The highest that it has heard of. */
  readonly term: Term;
  /** What it knows to be committed. */
  readonly commitIndex: LogIndex;
  /** Of its last entry, or of its snapshot behind which there is none; 0 of a replica that has nothing yet. */
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Keys at the end of its log; 0 where that cannot be known. */
  readonly keyCount: number;
  /** Who takes part, from the first index that the log knows of, and after each change in it, committed or not; ascending. */
  readonly configurations: readonly SurveyedConfiguration[];
}

export interface SurveyedConfiguration {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** The same for what says the same, however it was put together. */
export function surveyText(survey: NodeSurvey | SurveyedReplica | readonly NodeSurvey[] | undefined): string {
  return JSON.stringify(survey ?? null, (_, value: unknown) => {
    const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
    return isRecord
      ? Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : value;
  });
}
