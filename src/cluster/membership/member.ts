/** The nodes of a cluster as one node knows them: a soft copy of what the directory says of them. */
import type { DirectoryNode } from "../../directory/index.ts";

/** What a node keeps of each of the directory's nodes, itself included, so that it finds the others after a restart. */
export type Member = Pick<DirectoryNode, "id" | "name" | "state" | "directoryId" | "peerAddress">;

/** The members that a cluster begins with: their numbers are their places among the sorted names, from 1. */
export function firstMembers(names: readonly string[]): readonly Member[] {
  return names.map((name, at) => ({
    id: at + 1,
    name,
    state: "active",
    directoryId: undefined,
    peerAddress: undefined,
  }));
}

/** Without what else the directory knows of a node. */
export function memberOf({ id, name, state, directoryId, peerAddress }: Member): Member {
  return { id, name, state, directoryId, peerAddress };
}

/**
 * What is to be known after the directory said `nodes` where `known` was known before; undefined: nothing new, since that is
 * the directory of an earlier time, as a replica has it that is still catching up. Numbers only rise, so that one without
 * the highest known number is older. Who is removed stays so. Who is older than others and missing was removed and forgotten,
 * node `own` as well.
 */
export function mergedMembers(
  known: readonly Member[],
  nodes: readonly Member[],
  own: number,
): readonly Member[] | undefined {
  if ((nodes.at(-1)?.id ?? 0) < (known.at(-1)?.id ?? 0)) return undefined;
  const removed = new Set(known.filter(({ state }) => state === "removed").map(({ id }) => id));
  const merged = nodes.map((node) => memberOf(removed.has(node.id) ? { ...node, state: "removed" } : node));
  const self = known.find(({ id }) => id === own);
  if (self === undefined || merged.some(({ id }) => id === own)) return merged;
  return [...merged, { ...self, state: "removed" as const }].toSorted((left, right) => left.id - right.id);
}

/** Whether two lists say the same; both in the order of the numbers. */
export function areSameMembers(left: readonly Member[], right: readonly Member[]): boolean {
  return left.length === right.length && left.every((member, at) => isSameMember(member, right[at]));
}

function isSameMember(left: Member, right: Member | undefined): boolean {
  return (
    right !== undefined &&
    left.id === right.id &&
    left.name === right.name &&
    left.state === right.state &&
    left.directoryId === right.directoryId &&
    left.peerAddress?.host === right.peerAddress?.host &&
    left.peerAddress?.port === right.peerAddress?.port
  );
}
