import { expect, test } from "vitest";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { Gossip, type GossipEvent, type GossipOptions, type GossipSettings } from "./index.ts";

const secret = Buffer.from("a secret of the cluster");

interface Life {
  readonly gossip: Gossip;
  readonly events: GossipEvent[];
  readonly incarnations: number[];
}

async function start(
  id: number,
  platform: Platform,
  options: Partial<GossipOptions> & { readonly bind: GossipOptions["bind"] },
): Promise<Life> {
  const events: GossipEvent[] = [];
  const incarnations: number[] = [];
  const { clock, random, datagrams } = platform;
  const gossip = await Gossip.start({
    id,
    incarnation: 1,
    clusterId: "cluster",
    secret,
    clock,
    random,
    datagrams,
    onEvent: (event) => events.push(event),
    onIncarnation: (incarnation) => incarnations.push(incarnation),
    ...options,
  });
  return { gossip, events, incarnations };
}

/** `count` members on machines of their own. */
async function simulated(count: number) {
  const world = new SimulatedWorld({ seed: 1 });
  const lives: Life[] = [];
  for (let id = 1; id <= count; id++) {
    const platform = world.machine(`n${id}`).start();
    lives.push(
      await world.until(start(id, platform, { bind: `n${id}:7`, advertise: `n${id}:7`, seeds: ["n1:7", "n2:7"] })),
    );
  }
  const states = (at: number): readonly string[] => lives[at]?.gossip.members().map(({ state }) => state) ?? [];
  return { world, lives, states };
}

test("members on machines find each other by seeds, see one die and come back, and hear who leads", async () => {
  const { world, lives, states } = await simulated(4);
  await world.run(3_000);
  for (const at of [0, 1, 2, 3]) expect(states(at)).toEqual(["alive", "alive", "alive", "alive"]);
  lives[2]?.gossip.tellLeader({ shard: 5, term: 9, leader: 3 });
  lives[2]?.gossip.setDetails({ zone: "b" });
  await world.run(1_000);
  expect(lives[0]?.gossip.leaderOf(5)).toEqual({ shard: 5, term: 9, leader: 3 });
  expect(lives[0]?.gossip.find(3)).toMatchObject({ zone: "b", incarnation: 2 });
  expect(lives[2]?.incarnations).toEqual([2]);
  world.machine("n4").cutPower();
  await world.run(20_000);
  expect(states(0)).toEqual(["alive", "alive", "alive", "dead"]);
  const again = world.machine("n4").start();
  const back = await world.until(start(4, again, { bind: "n4:9", advertise: "n4:9", seeds: ["n1:7"] }));
  await world.run(5_000);
  expect(states(0)).toEqual(["alive", "alive", "alive", "alive"]);
  expect(lives[0]?.gossip.find(4)?.address.port).toBe(9);
  expect(back.incarnations).toEqual([2]);
  expect(
    lives[0]?.events.filter((event) => event.type !== "leader" && event.member.id === 4).map(({ type }) => type),
  ).toEqual(["joined", "suspected", "died", "joined"]);
});

test("who leaves is told from who dies, and its port is free afterwards", async () => {
  const { world, lives, states } = await simulated(3);
  await world.run(3_000);
  await world.until(lives[1]?.gossip.leave() ?? Promise.resolve());
  await world.until(lives[1]?.gossip.close() ?? Promise.resolve());
  await world.run(10_000);
  expect(states(0)).toEqual(["alive", "left", "alive"]);
  expect(lives[0]?.events.map(({ type }) => type)).not.toContain("suspected");
});

test("strangers, and members of another secret, are not heard, and are counted [W-7]", async () => {
  const { world, lives, states } = await simulated(2);
  const other = world.machine("other").start();
  const wrong = { bind: "other:7", advertise: "other:7", seeds: ["n1:7"], secret: Buffer.from("another") };
  const stranger = await world.until(start(9, other, wrong));
  await world.run(5_000);
  expect(states(0)).toEqual(["alive", "alive"]);
  expect(stranger.gossip.members()).toHaveLength(1);
  expect(lives[0]?.gossip.counters().droppedCounts.wrongSeal).toBeGreaterThan(0);
});

test("where datagrams do not pass and streams do, nobody is suspected [W-1]", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const lives: Life[] = [];
  let streamProbes = 0;
  for (const id of [1, 2]) {
    const streamProber: GossipOptions["streamProber"] = {
      probe: (_member, _timeoutMs, answered) => {
        streamProbes++;
        answered();
      },
    };
    const platform = world.machine(`n${id}`).start();
    const where = { bind: `n${id}:7`, advertise: `n${id}:7`, seeds: ["n1:7"], streamProber };
    lives.push(await world.until(start(id, platform, where)));
  }
  await world.run(3_000);
  world.network.partition([["n1"], ["n2"]]);
  await world.run(60_000);
  expect(streamProbes).toBeGreaterThan(20);
  for (const { gossip } of lives) expect(gossip.members().map(({ state }) => state)).toEqual(["alive", "alive"]);
});

test("members on real sockets find each other", async () => {
  const platform = createNodePlatform();
  const settings: Partial<GossipSettings> = {
    probeIntervalMs: 50,
    probeTimeoutMs: 20,
    indirectTimeoutMs: 25,
    gossipIntervalMs: 10,
  };
  let tellAll = (): void => {};
  const all = new Promise<void>((resolve) => {
    tellAll = resolve;
  });
  const first = await start(1, platform, { bind: "127.0.0.1:0", settings });
  const seeds = [first.gossip.localAddress];
  const joined = new Set<number>();
  const others: Life[] = [];
  for (const id of [2, 3]) {
    const onEvent = (event: GossipEvent): void => {
      if (event.type === "joined") joined.add(id * 10 + event.member.id);
      if (joined.size === 4) tellAll();
    };
    others.push(await start(id, platform, { bind: "127.0.0.1:0", seeds, settings, onEvent }));
  }
  await all;
  expect([...joined].sort()).toEqual([21, 23, 31, 32]);
  for (const { gossip } of [first, ...others]) await gossip.close();
  await first.gossip.close();
});

test.for<{ name: string; wrong: Partial<GossipOptions>; code: string }>([
  { name: "every interface without saying where", wrong: { bind: "0.0.0.0:7" }, code: "INVALID_ARGUMENT" },
  { name: "no address", wrong: { bind: "nonsense" }, code: "INVALID_ADDRESS" },
  { name: "a seed that is no address", wrong: { seeds: ["nonsense"] }, code: "INVALID_ADDRESS" },
  { name: "a timeout beyond the period", wrong: { settings: { probeTimeoutMs: 900 } }, code: "INVALID_ARGUMENT" },
  { name: "no members at all", wrong: { settings: { membersMax: 0 } }, code: "INVALID_ARGUMENT" },
  { name: "too many members", wrong: { settings: { membersMax: 5_000 } }, code: "INVALID_ARGUMENT" },
  { name: "a name that is too long", wrong: { name: "n".repeat(65) }, code: "INVALID_ARGUMENT" },
  { name: "a port that is taken", wrong: { bind: "n1:7" }, code: "ADDRESS_UNAVAILABLE" },
])("refused: $name", async ({ wrong, code }) => {
  const world = new SimulatedWorld({ seed: 1 });
  const platform = world.machine("n1").start();
  await world.until(start(1, platform, { bind: "n1:7" }));
  await expect(world.until(start(2, platform, { bind: "n1:8", ...wrong }))).rejects.toMatchObject({ code });
  // What was bound before it was refused is free again.
  await world.until(start(3, platform, { bind: "n1:8" }));
});
