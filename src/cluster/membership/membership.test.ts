import { expect, test } from "vitest";
import type { KnownPeer, Refusal } from "../../net/index.ts";
import { silentLogger } from "../../platform/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { firstMembers, type Member } from "./member.ts";
import { Membership } from "./membership.ts";
import { NodeDirectory } from "./node-directory.ts";

const names = ["n1", "n2", "n3"];
const first = firstMembers(names);

function joined(id: number, changes: Partial<Member> = {}): Member {
  const peerAddress = { host: `n${id}`, port: 17_000 };
  return { id, name: `n${id}`, state: "active", directoryId: `${id}`.repeat(32), peerAddress, ...changes };
}

/** Node n1, and what becomes of its connections. */
class Bench {
  readonly log: string[] = [];
  readonly removed: Refusal[] = [];
  readonly directory: NodeDirectory = NodeDirectory.inMemory({
    random: new SimulatedWorld({ seed: 1 }).machine("n1").start().random,
    logger: silentLogger,
    given: {
      name: "n1",
      peers: names.map((name) => ({ name, host: name, port: 17_000 })),
      secret: "secret",
      clusterId: undefined,
      shardCount: undefined,
      replicaCount: undefined,
      listenHost: undefined,
      address: undefined,
      join: undefined,
    },
  });
  /** Peers that have no connection. */
  readonly lost: Set<number> = new Set();
  readonly membership: Membership = new Membership({
    directory: this.directory,
    links: () => ({
      add: ({ nodeId, address }: KnownPeer) => void this.log.push(`add ${nodeId} ${address.host}:${address.port}`),
      remove: (id) => void this.log.push(`remove ${id}`),
      redirect: (id, { host }) => {
        if (this.lost.has(id)) this.log.push(`redirect ${id} ${host}`);
        return this.lost.has(id);
      },
    }),
    onRemoved: (refusal) => void this.removed.push(refusal),
  });

  get known(): readonly string[] {
    return this.directory.members.map(({ name, state }) => `${name} ${state}`);
  }
}

test("who joins is connected, and who is removed is not any more", () => {
  const bench = new Bench();
  bench.membership.set([...first, joined(4)]);
  expect(bench.log.splice(0)).toEqual(["add 2 n2:17000", "add 3 n3:17000", "add 4 n4:17000"]);
  expect(bench.directory.peerIds).toEqual([2, 3, 4]);
  bench.membership.set([...first, joined(4)]);
  expect(bench.log).toEqual([]);
  bench.membership.set([...first, joined(4, { state: "removed" })]);
  expect(bench.log.at(-1)).toBe("remove 4");
  expect(bench.directory.peerIds).toEqual([2, 3]);
});

test("a directory of an earlier time, as a replica has it that catches up, is not believed", () => {
  const bench = new Bench();
  bench.membership.set([...first, joined(4), joined(5, { state: "removed" })]);
  bench.log.splice(0);
  bench.membership.set(first);
  bench.membership.set([...first, joined(4)]);
  bench.membership.set([...first, joined(4), joined(5)]);
  expect(bench.log).toEqual([]);
  expect(bench.known).toEqual(["n1 active", "n2 active", "n3 active", "n4 active", "n5 removed"]);
});

test("who was removed so long ago that the directory has forgotten it is forgotten", () => {
  const bench = new Bench();
  bench.membership.set([...first, joined(4, { state: "removed" })]);
  bench.membership.set([...first, joined(5)]);
  expect(bench.known).toEqual(["n1 active", "n2 active", "n3 active", "n5 active"]);
  expect(bench.log.at(-1)).toBe("remove 4");
});

test.for([
  { how: "is said to be removed", nodes: [{ ...joined(1), state: "removed" as const }, ...first.slice(1)] },
  { how: "has been forgotten", nodes: first.slice(1) },
])("a node that $how stops, and knows it at its next start as well", ({ nodes }) => {
  const bench = new Bench();
  bench.membership.set(nodes);
  expect(bench.removed).toMatchObject([{ code: "REMOVED" }]);
  expect(bench.known[0]).toBe("n1 removed");
});

test("only what the directory newly says of an address is dialled, and only of a peer that is not there", () => {
  const bench = new Bench();
  bench.membership.set([...first, joined(4)]);
  const moved = joined(4, { peerAddress: { host: "elsewhere", port: 1 } });
  bench.membership.set([...first, moved]);
  expect(bench.log.filter((line) => line.startsWith("redirect"))).toEqual([]);
  bench.lost.add(4);
  bench.membership.set([...first, { ...moved, state: "draining" }]);
  expect(bench.log.filter((line) => line.startsWith("redirect"))).toEqual([]);
  bench.membership.set([...first, joined(4, { peerAddress: { host: "third", port: 1 } })]);
  expect(bench.log.filter((line) => line.startsWith("redirect"))).toEqual(["redirect 4 third"]);
  expect(bench.directory.addressOf(4)).toEqual({ host: "third", port: 1 });
});
