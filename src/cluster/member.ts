/** The nodes of a cluster as one node knows them: a soft copy of what the directory says of them. */
import type { DirectoryNode } from "../directory/index.ts";

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
