import { voterNodesOf } from "../directory/index.ts";
import type { ClusterMember } from "./cluster-member.ts";

/**
 * What has not come to rest of the cluster's membership; undefined: nothing. Everybody who is there has the same directory;
 * nobody is about to join or to go; every shard is where it is wished, on nodes that take replicas and on as many as there
 * should be; each node holds what it is to hold, and nothing else; and who was removed has ended,
 * or has joined anew under another number.
 */
export function unrest(members: readonly ClusterMember[]): string | undefined {
  const running = members.filter((member) => !member.isGone || member.machine.process !== undefined);
  const states = running.map(({ name, node }) => ({
    name,
    node,
    number: node?.nodeStatus().nodeId,
    state: node?.directoryState,
  }));
  const [first] = states;
  if (first?.state === undefined) return `${first?.name} is not up`;
  const { epoch, nodes, settings, shards } = first.state;
  const other = states.find(({ state }) => state?.epoch !== epoch);
  if (other !== undefined) return `the directory of ${other.name} is not that of ${first.name}`;
  for (const { id, name, state } of nodes) {
    if (state === "joining" || state === "draining") return `${name} is ${state}`;
    if ((state === "removed") === states.some(({ number }) => number === id)) return `${name} is ${state}`;
  }
  const active = new Set(nodes.filter(({ state }) => state === "active").map(({ id }) => id));
  const least = Math.min(settings.replicas, active.size);
  const hosts = new Map(nodes.map(({ id }) => [id, states.find(({ number }) => number === id)?.node]));
  for (const { report, shard, wish } of shards) {
    const voters = voterNodesOf(report);
    if (voters.join() !== wish.join() || report.learners.length > 0)
      return `shard ${shard} is on ${voters}, not ${wish}`;
    if (wish.length < least || wish.some((id) => !active.has(id))) return `shard ${shard} is wished on ${wish}`;
    for (const [id, node] of hosts) {
      if ((node?.hostedShards.includes(shard) ?? false) !== wish.includes(id)) {
        return `node ${id} ${wish.includes(id) ? "lacks" : "still has"} shard ${shard}`;
      }
    }
  }
  return undefined;
}
