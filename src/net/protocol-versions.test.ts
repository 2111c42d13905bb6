import { expect, test } from "vitest";
import { PeerHost, untilConnected } from "../../test/net/peer-host.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import type { ProtocolVersions } from "./handshake.ts";
import { linkKinds } from "./link-kind.ts";

const known = { old: { min: 4, max: 4 }, both: { min: 4, max: 5 }, wide: { min: 2, max: 6 }, next: { min: 5, max: 7 } };

interface Pair {
  readonly world: SimulatedWorld;
  readonly one: PeerHost;
  readonly two: PeerHost;
  again(node: 1 | 2, versions: ProtocolVersions): Promise<PeerHost>;
}

/** Node 1 dials node 2, and node 2 introduces itself. */
async function started(first: ProtocolVersions, second: ProtocolVersions): Promise<Pair> {
  const world = new SimulatedWorld({ seed: 7 });
  let bootCounter = 1;
  const again = async (node: 1 | 2, versions: ProtocolVersions): Promise<PeerHost> => {
    const machine = world.machine(`n${node}`);
    machine.kill();
    const settings = { versions };
    const host = new PeerHost(machine.start(), node, { peers: [3 - node], bootCounter: bootCounter++, settings });
    await world.until(host.start());
    return host;
  };
  return { world, one: await again(1, first), two: await again(2, second), again };
}

function versionsOf(host: PeerHost, other: number): readonly (number | undefined)[] {
  return linkKinds.map((kind) => host.links.link(other, kind)?.version);
}

test.for([
  { one: known.old, two: known.old, spoken: 4 },
  { one: known.old, two: known.both, spoken: 4 },
  { one: known.both, two: known.old, spoken: 4 },
  { one: known.both, two: known.both, spoken: 5 },
  { one: known.both, two: known.wide, spoken: 5 },
  { one: known.wide, two: known.old, spoken: 4 },
  { one: known.next, two: known.both, spoken: 5 },
  { one: known.wide, two: known.next, spoken: 6 },
])("nodes that speak $one and $two speak the newest version that both know", async ({ one: a, two: b, spoken }) => {
  const { world, one, two } = await started(a, b);
  await untilConnected(world, one, two);
  expect(versionsOf(one, 2)).toEqual([spoken, spoken, spoken]);
  expect(versionsOf(two, 1)).toEqual([spoken, spoken, spoken]);
  one.send(2, "data", "hello");
  await world.run(10);
  expect(two.received).toEqual(["data 7 hello"]);
});

test.for([1, 2] as const)(
  "a peer that comes back upgraded, or as it was, is spoken to as it can be (node %i)",
  async (node) => {
    const pair = await started(known.both, known.both);
    let hosts = [pair.one, pair.two] as const;
    for (const [versions, spoken] of [
      [known.old, 4],
      [known.both, 5],
      [known.old, 4],
    ] as const) {
      const host = await pair.again(node, versions);
      hosts = node === 1 ? [host, hosts[1]] : [hosts[0], host];
      const [one, two] = hosts;
      expect(
        await pair.world.runUntil(() => String(versionsOf(one, 2)) === `${spoken},${spoken},${spoken}`, 10_000),
      ).toBe(true);
      await untilConnected(pair.world, one, two);
    }
  },
);

test("nodes without a common version are not connected, and say so", async () => {
  const { world, one, two } = await started(known.next, known.old);
  await world.run(5_000);
  expect([one.kindsUp(2), two.kindsUp(1)]).toEqual([[], []]);
  expect(one.warnings).toContain("a peer refuses this node");
  expect(two.warnings).toContain("a peer was refused");
});
