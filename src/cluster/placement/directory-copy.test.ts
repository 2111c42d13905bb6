import { expect, test } from "vitest";
import { chunksOf, loaded, Replica } from "../../../test/keyspace/replica.ts";
import {
  type DirectoryRequest,
  type DirectoryState,
  decide,
  genesis,
  recordsBetween,
  textOfState,
} from "../../directory/index.ts";
import type { LogLevel } from "../../platform/index.ts";
import { DirectoryCopy } from "./directory-copy.ts";

const began = genesis({ names: ["n1", "n2", "n3"], shardCount: 4 });
const join: DirectoryRequest = { kind: "join", name: "n4", directoryId: "4".repeat(32), zone: "z1" };

/** A directory group's state that is changed by hand, and a copy of it. */
class Scene {
  replica = new Replica();
  state: DirectoryState = began;
  readonly seen: [number, number][] = [];
  readonly logged: [LogLevel, string][] = [];
  readonly copy = new DirectoryCopy({
    genesis: began,
    logger: { log: (level, event) => this.logged.push([level, event]) },
    onChange: (state, before) => this.seen.push([before.epoch, state.epoch]),
  });

  change(request: DirectoryRequest): void {
    const decision = decide(this.state, request);
    if (decision.kind !== "change") throw new Error(`${decision.kind}`);
    this.put(...decision.records.flat());
    this.state = decision.state;
  }

  put(...words: readonly string[]): void {
    const bytes = words.map((word) => Buffer.from(word, "utf8").toString("latin1"));
    this.replica.write(1, ["DIRECTORY-CHANGE", String(this.state.epoch), ...bytes]);
  }

  look(): void {
    this.copy.look(this.replica.keyspace);
  }
}

test("the copy is what the records say, change by change or several at once", () => {
  const scene = new Scene();
  scene.look();
  expect(scene.copy.state).toBe(began);
  scene.change(join);
  scene.look();
  expect(textOfState(scene.copy.state)).toBe(textOfState(scene.state));
  scene.change({ kind: "activate", node: 4 });
  scene.change({ kind: "wish", shard: 2, nodes: [1, 2, 4], configurationIndex: 0 });
  scene.look();
  expect(textOfState(scene.copy.state)).toBe(textOfState(scene.state));
  expect(scene.seen).toEqual([
    [0, 1],
    [1, 3],
  ]);
});

test("what a change does not name stays the same object, and so does the state where there was none", () => {
  const scene = new Scene();
  scene.change(join);
  scene.look();
  const { state } = scene.copy;
  scene.replica.write(1, ["DIRECTORY-CHANGE", "0", "settings", "too late"]);
  scene.look();
  expect(scene.copy.state).toBe(state);
  scene.change({ kind: "activate", node: 4 });
  scene.look();
  expect(scene.copy.state.shards.every((shard, at) => shard === state.shards[at])).toBe(true);
  expect(scene.copy.state.nodes[0]).toBe(state.nodes[0]);
  expect(scene.copy.state.nodes[3]).not.toBe(state.nodes[3]);
});

test("an installed snapshot replaces all of it, also what it does not hold any more", () => {
  const scene = new Scene();
  scene.change(join);
  scene.look();
  const other = new Scene();
  other.change({ ...join, name: "n5" });
  other.change({ kind: "set", replicas: 1 });
  const chunks = chunksOf(other.replica.keyspace.beginSnapshot({ heldBytesMax: 1_000 }));
  scene.replica = new Replica(loaded(chunks));
  scene.look();
  expect(textOfState(scene.copy.state)).toBe(textOfState(other.state));
});

test("a record that was taken away takes its node away", () => {
  const scene = new Scene();
  scene.change(join);
  scene.look();
  const before = scene.state;
  scene.put(...recordsBetween(before, { ...before, nodes: began.nodes }).flat());
  scene.look();
  expect(scene.copy.state.nodes.map(({ name }) => name)).toEqual(["n1", "n2", "n3"]);
});

test("a replica that begins anew takes nothing back; the copy goes on once that has more", () => {
  const scene = new Scene();
  scene.change(join);
  scene.change({ kind: "activate", node: 4 });
  scene.look();
  const { state } = scene.copy;
  const anew = new Scene();
  scene.replica = anew.replica;
  anew.change(join);
  scene.look();
  expect(scene.copy.state).toBe(state);
  anew.change({ kind: "activate", node: 4 });
  anew.change({ kind: "drain", node: 4, isForced: false });
  scene.look();
  expect(textOfState(scene.copy.state)).toBe(textOfState(anew.state));
});

test("a record of a newer version is told once, and the state stays as it was until it can be read", () => {
  const scene = new Scene();
  scene.change(join);
  scene.look();
  const known = scene.state;
  scene.put("future", "{}");
  scene.state = { ...known, epoch: 2 };
  scene.look();
  scene.put("node:9", "{}");
  scene.state = { ...known, epoch: 3 };
  scene.look();
  expect(scene.copy.fault?.code).toBe("DIRECTORY_RECORD");
  expect(textOfState(scene.copy.state)).toBe(textOfState(known));
  expect(scene.logged).toEqual([["error", "the directory cannot be read"]]);
  scene.put("future", "", "node:9", "");
  scene.look();
  expect(scene.copy.fault).toBeUndefined();
  expect(textOfState(scene.copy.state)).toBe(textOfState({ ...known, epoch: 4 }));
});
