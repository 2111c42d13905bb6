import { expect, test } from "vitest";
import { GossipModel } from "../../test/gossip/model.ts";
import { SeededRandom } from "../simulation/index.ts";
import { GossipCore, type GossipOutput, gossipDefaults, type OutgoingDatagram } from "./index.ts";
import { decodeMessage, encodeMessage, type Message, type Received } from "./message.ts";
import { encodeUpdate } from "./rumours.ts";
import { Seal } from "./seal.ts";
import type { Update } from "./update.ts";

const clusterId = Buffer.from("cluster");
const seal = new Seal({ clusterId });

function addressOf(id: number) {
  return { host: "10.0.0.1", port: id };
}

function alive(id: number, incarnation = 1): Update {
  const details = { name: `n${id}`, zone: "", weight: 100, address: addressOf(id), addresses: [] };
  return { kind: "alive", id, incarnation, details };
}

/** One core, whose others are played by the test. */
class Stage {
  nowMs = 0;
  readonly core: GossipCore;
  readonly outputs: GossipOutput[] = [];

  constructor(options: { readonly seeds?: readonly number[]; readonly knows?: readonly number[] } = {}) {
    const { details } = alive(1) as Extract<Update, { kind: "alive" }>;
    this.core = new GossipCore({
      id: 1,
      incarnation: 1,
      details,
      seeds: (options.seeds ?? []).map(addressOf),
      settings: gossipDefaults,
      random: new SeededRandom(1),
      nowMs: 0,
      clusterId,
    });
    const knows = options.knows ?? [];
    if (knows.length > 0)
      this.hear(
        { kind: "news", from: knows[0] ?? 0 },
        knows.map((id) => alive(id)),
      );
  }

  hear(message: Message, updates: readonly Update[] = []): readonly Sent[] {
    this.core.receive(
      seal.close(encodeMessage(message, updates.map(encodeUpdate))),
      addressOf(message.from),
      this.nowMs,
    );
    return this.taken();
  }

  /** Ticks when it is due, up to `untilMs`. */
  run(untilMs: number): readonly Sent[] {
    const sent: Sent[] = [];
    while (this.core.wakeAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.core.wakeAtMs);
      this.core.tick(this.nowMs);
      sent.push(...this.taken());
    }
    this.nowMs = untilMs;
    return sent;
  }

  taken(): readonly Sent[] {
    const output = this.core.takeOutput();
    this.outputs.push(output);
    return output.datagrams.map((datagram) => decoded(datagram, this.nowMs));
  }
}

type Sent = Received & { readonly to: number; readonly byteLength: number; readonly timeMs: number };

function decoded({ to, bytes }: OutgoingDatagram, timeMs: number): Sent {
  const body = seal.open(bytes);
  const received = typeof body === "string" ? undefined : decodeMessage(body);
  if (received === undefined) throw new Error(`a member sent what is no message: ${String(body)}`);
  return { ...received, to: to.port, byteLength: bytes.length, timeMs };
}

test("each period one member is probed, all of them in turn [W-1]", () => {
  const stage = new Stage({ knows: [2, 3, 4, 5] });
  const probed: number[] = [];
  while (probed.length < 8) {
    for (const { message, to } of stage.run(stage.nowMs + 50)) {
      if (message.kind !== "ping") continue;
      probed.push(to);
      stage.hear({ kind: "ack", from: to, sequence: message.sequence });
    }
  }
  expect(new Set(probed.slice(0, 4)).size).toBe(4);
  expect(new Set(probed.slice(4)).size).toBe(4);
  expect(stage.nowMs).toBeGreaterThan(7_000);
  expect(stage.nowMs).toBeLessThan(9_000);
});

test("a member that does not answer is asked for by three others and over a stream, and then suspected [W-1]", () => {
  const stage = new Stage({ knows: [2, 3, 4, 5, 6] });
  const sent = stage.run(1_900).filter(({ message }) => message.kind === "ping" || message.kind === "pingRequest");
  const ping = sent[0];
  const requests = sent.filter(({ message }) => message.kind === "pingRequest");
  expect(requests).toHaveLength(3);
  expect(new Set(requests.map(({ to }) => to)).size).toBe(3);
  for (const { message, to, timeMs } of requests) {
    expect(message).toMatchObject({ kind: "pingRequest", to: ping?.to });
    expect(to).not.toBe(ping?.to);
    expect(timeMs - (ping?.timeMs ?? 0)).toBeCloseTo(300, 6);
  }
  const [streamProbe] = stage.outputs.flatMap(({ streamProbes }) => streamProbes);
  expect(streamProbe?.member.id).toBe(ping?.to);
  const suspected = stage.outputs.flatMap(({ events }) => events).filter(({ type }) => type === "suspected");
  expect(suspected).toEqual([expect.objectContaining({ member: expect.objectContaining({ id: ping?.to }) })]);
});

test.for(["helper", "stream", "late"] as const)("the answer counts that comes by another way: %s [W-1]", (way) => {
  const stage = new Stage({ knows: [2, 3, 4] });
  let ping: Sent | undefined;
  while (ping === undefined) ping = stage.run(stage.nowMs + 1).find(({ message }) => message.kind === "ping");
  stage.run(ping.timeMs + 400);
  const sequence = "sequence" in ping.message ? ping.message.sequence : -1;
  if (way === "stream") {
    const [probe] = stage.outputs.flatMap(({ streamProbes }) => streamProbes);
    if (probe !== undefined) stage.core.streamAnswered(probe);
  } else {
    // From whichever address: it names the one who was asked.
    stage.hear({ kind: "ack", from: ping.to, sequence });
  }
  stage.run(ping.timeMs + 999);
  expect(stage.core.find(ping.to)?.state).toBe("alive");
});

test("an answer of somebody else, or to another question, counts for nothing [W-1]", () => {
  const stage = new Stage({ knows: [2, 3, 4] });
  let ping: Sent | undefined;
  while (ping === undefined) ping = stage.run(stage.nowMs + 1).find(({ message }) => message.kind === "ping");
  const sequence = "sequence" in ping.message ? ping.message.sequence : -1;
  stage.hear({ kind: "ack", from: ping.to === 2 ? 3 : 2, sequence });
  stage.hear({ kind: "ack", from: ping.to, sequence: (sequence + 1) % 2 ** 32 });
  stage.run(ping.timeMs + 999);
  expect(stage.core.find(ping.to)?.state).toBe("suspect");
});

test("a helper asks, passes the answer on, and says so when none comes [W-1]", () => {
  const stage = new Stage({ knows: [2, 3] });
  const [asked] = stage.hear({ kind: "pingRequest", from: 2, to: 3, sequence: 7 });
  expect(asked).toMatchObject({ to: 3, message: { kind: "ping", from: 1, to: 3 } });
  const sequence = asked !== undefined && "sequence" in asked.message ? asked.message.sequence : -1;
  expect(stage.hear({ kind: "ack", from: 3, sequence })).toEqual([
    expect.objectContaining({ to: 2, message: { kind: "ack", from: 3, sequence: 7 } }),
  ]);
  stage.hear({ kind: "pingRequest", from: 2, to: 3, sequence: 8 });
  const sent = stage.run(stage.nowMs + 320).filter(({ message }) => message.kind === "nack");
  expect(sent).toEqual([expect.objectContaining({ to: 2, message: { kind: "nack", from: 1, sequence: 8 } })]);
});

test("only who was meant answers a ping: another may live at that address now", () => {
  const stage = new Stage();
  expect(stage.hear({ kind: "ping", from: 2, to: 9, sequence: 1 })).toEqual([]);
  expect(stage.hear({ kind: "ping", from: 2, to: 1, sequence: 1 })).toMatchObject([
    { message: { kind: "ack", from: 1 } },
  ]);
});

test("who is suspected is told of it first, whatever else there is to tell, within 1400 bytes [W-5]", () => {
  const stage = new Stage({ knows: Array.from({ length: 60 }, (_, at) => at + 2) });
  stage.hear({ kind: "news", from: 3 }, [{ kind: "suspect", id: 2, incarnation: 1, by: 3 }]);
  const news = Array.from({ length: 60 }, (_, at) => alive(at + 70));
  for (let at = 0; at < news.length; at += 10) stage.hear({ kind: "news", from: 3 }, news.slice(at, at + 10));
  const pings = stage.run(1_900).filter(({ message, to }) => message.kind === "ping" && to === 2);
  stage.hear({ kind: "pingRequest", from: 3, to: 2, sequence: 1 });
  const datagrams = stage.outputs.flatMap(({ datagrams }) => datagrams).map((each) => decoded(each, 0));
  const toSuspect = [...pings, ...datagrams.filter(({ to, message }) => to === 2 && message.kind === "ping")];
  expect(toSuspect.length).toBeGreaterThan(0);
  for (const { updates } of toSuspect) expect(updates[0]).toEqual({ kind: "suspect", id: 2, incarnation: 1, by: 1 });
  expect(Math.max(...datagrams.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(1_400);
  expect(Math.max(...datagrams.map(({ byteLength }) => byteLength))).toBeGreaterThan(1_200);
});

test("each piece of news is told about three times the logarithm of the number of members [W-5]", () => {
  const stage = new Stage({ knows: [2, 3, 4, 5, 6, 7, 8, 9, 10] });
  stage.run(10_000);
  stage.hear({ kind: "news", from: 2 }, [alive(11)]);
  const told = stage.run(30_000).filter(({ message, updates }) => {
    return message.kind !== "sync" && updates.some((update) => update.kind === "alive" && update.id === 11);
  });
  expect(told.length).toBe(Math.ceil(3 * Math.log(12)));
});

test("a member whose probes fail together with its helpers finds itself slow, and well again when they succeed [W-4]", () => {
  const model = new GossipModel({ seed: 1, streams: "none" });
  model.startAll(5);
  model.partition([1], [2, 3, 4, 5]);
  model.run(4_000);
  const { slowness } = model.member(1).core.counters();
  expect(slowness).toBeGreaterThan(2);
  expect(model.member(2).core.counters().slowness).toBe(1);
  model.cuts.clear();
  model.run(60_000);
  expect(model.member(1).core.counters().slowness).toBe(1);
  expect(model.isOneView()).toBe(true);
});

test("while helpers say that they could not reach it either, it is not this member that is slow [W-4]", () => {
  const model = new GossipModel({ seed: 1 });
  model.startAll(5);
  model.crash(5);
  model.run(20_000);
  for (const id of [1, 2, 3, 4]) expect(model.member(id).core.counters().slowness).toBe(1);
});

test("a member that has to contradict a suspicion takes more time itself [W-4]", () => {
  const stage = new Stage({ knows: [2, 3] });
  stage.hear({ kind: "news", from: 2 }, [{ kind: "suspect", id: 1, incarnation: 1, by: 2 }]);
  expect(stage.core.counters()).toMatchObject({ refutations: 1, slowness: 2 });
});

test("a process that stood still accuses nobody of it, and its suspicions wait for as long [W-4]", () => {
  const stage = new Stage({ knows: [2, 3] });
  let ping: Sent | undefined;
  while (ping === undefined) ping = stage.run(stage.nowMs + 1).find(({ message }) => message.kind === "ping");
  stage.hear({ kind: "news", from: 3 }, [{ kind: "suspect", id: 3, incarnation: 1, by: 2 }]);
  stage.nowMs += 60_000;
  stage.core.tick(stage.nowMs);
  expect(stage.core.members().map(({ state }) => state)).not.toContain("dead");
  expect(stage.core.find(2)?.state).toBe("alive");
  expect(stage.core.counters()).toMatchObject({ standstills: 1, slowness: 2 });
});

test("nobody is known: seeds are asked, a few at a time and ever more rarely, and whoever answers tells all [W-9]", () => {
  const stage = new Stage({ seeds: [11, 12, 13, 14, 1] });
  const asked = stage.run(60_000).filter(({ message }) => message.kind === "sync");
  expect(new Set(asked.map(({ to }) => to))).toEqual(new Set([11, 12, 13, 14]));
  expect(asked.length).toBeLessThan(60);
  expect(asked[0]?.updates[0]).toMatchObject({ kind: "alive", id: 1 });
  const answers = stage.hear({ kind: "sync", from: 11, digest: 0, isReturn: true }, [alive(11), alive(20)]);
  expect(answers.every(({ message }) => message.kind === "news")).toBe(true);
  expect(stage.core.members().map(({ id }) => id)).toEqual([1, 11, 20]);
});

test("lists are compared by digest, and told only where they differ", () => {
  const stage = new Stage({ knows: [2, 3] });
  const [theirs] = stage.hear({ kind: "sync", from: 2, digest: 0, isReturn: false });
  const digest = theirs?.message.kind === "sync" ? theirs.message.digest : -1;
  stage.nowMs += 100;
  expect(stage.hear({ kind: "sync", from: 2, digest, isReturn: false })).toEqual([]);
  expect(stage.hear({ kind: "sync", from: 2, digest: digest ^ 1, isReturn: true }).length).toBeGreaterThan(0);
  expect(stage.hear({ kind: "sync", from: 3, digest: digest ^ 1, isReturn: true })).toEqual([]);
  expect(stage.core.counters().syncsDelayed).toBe(1);
});

test("who leaves says so a few times, answers no accusation any more, and is not called dead", () => {
  const model = new GossipModel({ seed: 1 });
  model.startAll(5);
  model.act(3, (core) => core.leave(model.nowMs));
  model.run(1_000);
  model.crash(3);
  model.run(60_000);
  for (const id of [1, 2, 4, 5]) expect(model.member(id).core.find(3)?.state).toBe("left");
  expect(model.observations.filter(({ event }) => event.type === "died" || event.type === "suspected")).toEqual([]);
  expect(model.observations.filter(({ event }) => event.type === "left")).toHaveLength(4);
});

test("who leads a shard, and what a member says of itself, reaches all, those too that come later", () => {
  const model = new GossipModel({ seed: 1 });
  model.startAll(10);
  model.act(4, (core) => core.tellLeader({ shard: 7, term: 3, leader: 4 }, model.nowMs));
  model.act(5, (core) => core.tellLeader({ shard: 7, term: 2, leader: 5 }, model.nowMs));
  model.act(6, (core) => {
    core.setDetails({ name: "renamed", zone: "b", weight: 300, address: addressOf(6), addresses: [] });
  });
  model.run(3_000);
  model.start(11, [9]);
  model.run(5_000);
  for (const { core } of model.members.values()) {
    expect(core.leaderOf(7)).toEqual({ shard: 7, term: 3, leader: 4 });
    expect(core.find(6)).toMatchObject({ name: "renamed", zone: "b", weight: 300, incarnation: 2 });
  }
});

test.for([
  { name: "an id that is none", change: { id: -1 } },
  { name: "an incarnation that is none", change: { incarnation: 0.5 } },
  {
    name: "a name that is too long",
    change: { details: { name: "n".repeat(65), zone: "", weight: 1, address: addressOf(1), addresses: [] } },
  },
  {
    name: "a port that is none",
    change: { details: { name: "", zone: "", weight: 1, address: addressOf(0), addresses: [] } },
  },
])("refused: $name", ({ change }) => {
  const { details } = alive(1) as Extract<Update, { kind: "alive" }>;
  const options = { id: 1, incarnation: 1, details, seeds: [], settings: gossipDefaults, nowMs: 0, clusterId };
  expect(() => new GossipCore({ ...options, random: new SeededRandom(1), ...change })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
  const { core } = new Stage();
  expect(() => core.tellLeader({ shard: 65_536, term: 1, leader: 1 }, 0)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});
