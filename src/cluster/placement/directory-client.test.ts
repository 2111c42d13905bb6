import { expect, test } from "vitest";
import { Replica } from "../../../test/keyspace/replica.ts";
import { type Decision, type DirectoryRequest, type DirectoryState, decide, genesis } from "../../directory/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Arguments, Reply } from "../../resp/index.ts";
import { ErrorReply, RawReply, SimpleString } from "../../resp/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { noLeader, uncertain } from "../errors.ts";
import type { LaneOwner } from "../lanes/local-lane.ts";
import { DirectoryClient } from "./directory-client.ts";
import { DirectoryCopy } from "./directory-copy.ts";

const began = genesis({ names: ["n1", "n2", "n3"], shardCount: 4 });
const join: DirectoryRequest = { kind: "join", name: "n4", directoryId: "4".repeat(32) };
const joinOther: DirectoryRequest = { kind: "join", name: "n5", directoryId: "5".repeat(32) };

/** What happens to a command on its way: by default it is carried out and answered. */
type Fate = "answered" | "lost" | "uncertain" | "uncertainAndDone" | "refused" | "broken";

/** A directory of one replica behind a lane on which things go wrong; copies are up to date as soon as they are told. */
class Scene {
  readonly world = new SimulatedWorld({ seed: 1 });
  readonly clock: Clock = this.world.machine("m").start().clock;
  readonly replica = new Replica();
  readonly fates: Fate[] = [];
  /** What comes before the next command. */
  readonly before: (() => void)[] = [];
  readonly sent: string[] = [];
  isCopyLate = false;
  laneCount = 0;

  readonly copy: DirectoryCopy = new DirectoryCopy({
    genesis: began,
    logger: { log: () => {} },
    onChange: () => this.client.changed(),
  });

  readonly client: DirectoryClient = new DirectoryClient({
    clock: this.clock,
    copy: this.copy,
    openLane: (owner) => {
      this.laneCount++;
      return { submit: (ticket, _, args) => this.#take(owner, ticket, args), close: () => {} };
    },
    timeoutMs: 5_000,
  });

  apply(words: readonly string[]): Reply {
    const [reply] = this.replica.write(1, words);
    if (!this.isCopyLate) this.copy.look(this.replica.keyspace);
    return reply as Reply;
  }

  /** Somebody else makes a change. */
  changeElsewhere(request: DirectoryRequest): void {
    const decision = decide(this.copy.state, request);
    if (decision.kind === "change")
      this.apply(["DIRECTORY-CHANGE", String(this.copy.state.epoch), ...decision.records.flat()]);
  }

  request(request: DirectoryRequest): Promise<DirectoryState> {
    return this.world.until(this.client.change((state): Decision => decide(state, request)));
  }

  #take(owner: LaneOwner, ticket: number, args: Arguments): void {
    const words = args.texts();
    this.sent.push(words.slice(0, 3).join(" "));
    this.before.shift()?.();
    const fate = this.fates.shift() ?? "answered";
    const reply = ["answered", "lost", "uncertainAndDone"].includes(fate) ? this.apply(words) : undefined;
    if (fate === "broken") owner.fail("a gap");
    else if (fate === "refused") owner.reply(ticket, noLeader(3_000));
    else if (fate.startsWith("uncertain")) owner.reply(ticket, uncertain("the connection was lost"));
    else if (fate === "answered" && reply instanceof SimpleString)
      owner.reply(ticket, new RawReply(`+${reply.text}\r\n`));
    else if (fate === "answered" && reply !== undefined) owner.reply(ticket, reply);
  }
}

const numberOf = (state: DirectoryState, name: string): number | undefined =>
  state.nodes.find((node) => node.name === name)?.id;

test("a change is made, and the state that is given holds it", async () => {
  const scene = new Scene();
  expect(numberOf(await scene.request(join), "n4")).toBe(4);
  expect(scene.sent).toEqual(["DIRECTORY-CHANGE 0 node:4"]);
});

test("who loses the race decides again on what won [B-5]", async () => {
  const scene = new Scene();
  scene.before.push(() => scene.changeElsewhere(joinOther));
  const state = await scene.request(join);
  expect([numberOf(state, "n5"), numberOf(state, "n4")]).toEqual([4, 5]);
  expect(scene.sent).toEqual(["DIRECTORY-CHANGE 0 node:4", "DIRECTORY-CHANGE 1 node:5"]);
});

test("who loses the race waits until its copy has what won", async () => {
  const scene = new Scene();
  scene.isCopyLate = true;
  scene.before.push(() => scene.changeElsewhere(joinOther));
  const changed = scene.client.change((state) => decide(state, join));
  await scene.world.run(1_000);
  expect(scene.sent).toHaveLength(1);
  scene.isCopyLate = false;
  scene.copy.look(scene.replica.keyspace);
  const state = await scene.world.until(changed);
  expect(numberOf(state, "n4")).toBe(5);
});

test.for<{ fate: Fate; says: string }>([
  { fate: "uncertain", says: "was not done" },
  { fate: "uncertainAndDone", says: "was done" },
  { fate: "broken", says: "was lost with its lane" },
  { fate: "refused", says: "found no leader" },
  { fate: "lost", says: "was done, and whose answer was lost" },
])("a change that $says counts once", async ({ fate }) => {
  const scene = new Scene();
  scene.fates.push(fate);
  if (fate === "lost") {
    // Only the time-out tells; asked again it is so already.
    await expect(scene.request(join)).rejects.toThrow(
      expect.objectContaining({ code: "DIRECTORY_UNAVAILABLE", outcome: "unknown" }),
    );
  }
  const state = await scene.request(join);
  expect(numberOf(state, "n4")).toBe(4);
  expect(state.nodes).toHaveLength(4);
  expect(scene.laneCount).toBe(fate === "broken" ? 2 : 1);
});

test("a refusal counts only once the directory says that the copy is not out of date", async () => {
  const scene = new Scene();
  scene.changeElsewhere(join);
  const taken = { ...join, directoryId: "6".repeat(32) };
  await expect(scene.request(taken)).rejects.toThrow(expect.objectContaining({ code: "NODE_NAME_TAKEN" }));
  expect(scene.sent).toEqual(["DIRECTORY-CHANGE 1"]);
  // Here the node with that name is removed before the question arrives.
  scene.before.push(() => {
    scene.changeElsewhere({ kind: "remove", node: 4, heard: new Set([1, 2, 3]), isForced: true });
  });
  expect((await scene.request(taken)).nodes.map(({ id }) => id)).toContain(5);
});

test("without a leader nothing has changed, and the error says so in time", async () => {
  const scene = new Scene();
  scene.fates.push(...Array.from({ length: 1_000 }, (): Fate => "refused"));
  const beganMs = scene.clock.nowMs();
  await expect(scene.request(join)).rejects.toThrow(
    expect.objectContaining({ code: "DIRECTORY_UNAVAILABLE", outcome: "notApplied" }),
  );
  expect(scene.clock.nowMs() - beganMs).toBeLessThan(5_500);
  expect(scene.copy.state.epoch).toBe(0);
});

test("where one attempt may have happened, the error says that nobody knows", async () => {
  const scene = new Scene();
  scene.fates.push("uncertain", ...Array.from({ length: 1_000 }, (): Fate => "refused"));
  await expect(scene.request(join)).rejects.toThrow(expect.objectContaining({ outcome: "unknown" }));
});

test("records that nobody needs any more are not put, and nobody is asked", async () => {
  const scene = new Scene();
  scene.before.push(() => scene.changeElsewhere(join));
  await scene.world.until(
    scene.client.put((state) => {
      const decision = decide(state, join);
      return decision.kind === "change" ? decision.records : [];
    }),
  );
  expect(scene.sent).toEqual(["DIRECTORY-CHANGE 0 node:4"]);
  expect(scene.copy.state.nodes).toHaveLength(4);
});

test("who stops tells those that wait at once", async () => {
  const scene = new Scene();
  scene.fates.push("lost");
  const changed = scene.client.change((state) => decide(state, join));
  await scene.world.run(10);
  scene.client.close();
  await expect(scene.world.until(changed, 10)).rejects.toThrow(expect.objectContaining({ outcome: "unknown" }));
  await expect(scene.request(joinOther)).rejects.toThrow(expect.objectContaining({ outcome: "notApplied" }));
});

test("what is no answer to a change, such as a full disk, is tried again", async () => {
  const scene = new Scene();
  let count = 0;
  const client = new DirectoryClient({
    clock: scene.clock,
    copy: scene.copy,
    openLane: (owner) => ({
      submit: (ticket, _, args) =>
        owner.reply(ticket, count++ < 3 ? new ErrorReply("DISKFULL no") : scene.apply(args.texts())),
      close: () => {},
    }),
    timeoutMs: 5_000,
  });
  const state = await scene.world.until(client.change((known) => decide(known, join)));
  expect(numberOf(state, "n4")).toBe(4);
});
