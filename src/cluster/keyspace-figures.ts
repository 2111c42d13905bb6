/** What the keyspaces of a node's replicas come to together. */
import type { Keyspace } from "../keyspace/index.ts";
import type { NodeInfo } from "./status.ts";

type KeyspaceFigures = Pick<NodeInfo, "keyCount" | "deadlineCount" | "logicalBytes" | "statistics">;

export function keyspaceFigures(keyspaces: readonly Keyspace[]): KeyspaceFigures {
  const sum = (figure: (keyspace: Keyspace) => number): number =>
    keyspaces.reduce((total, keyspace) => total + figure(keyspace), 0);
  return {
    keyCount: sum(({ keyCount }) => keyCount),
    deadlineCount: sum(({ deadlineCount }) => deadlineCount),
    logicalBytes: sum(({ logicalBytes }) => logicalBytes),
    statistics: {
      hitCount: sum(({ statistics }) => statistics.hitCount),
      missCount: sum(({ statistics }) => statistics.missCount),
      expiredCount: sum(({ statistics }) => statistics.expiredCount),
    },
  };
}
