/** Nodes that join, leave, and are lost for good: a cluster of three grows to five and shrinks to three again, over and over. */
import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type DirectoryFacts, progressOf, readFacts } from "../../src/directory/index.ts";
import { ErrorReply, type Reply } from "../../src/resp/index.ts";
import { ask } from "../cli/processes.ts";
import { eventually, type ProcessNode } from "../processes/cluster.ts";
import type { ChaosPlace, Fault } from "./faults.ts";

/** With other faults at the same time, on a machine that may be busy. */
const restedMsMax = 240_000;

/** What the directory says, to whichever node answers first. */
async function directoryOf({ cluster }: ChaosPlace): Promise<DirectoryFacts | undefined> {
  for (const { port } of cluster.staying) {
    const reply = await askSoon(port, ["COTERIE", "DIRECTORY"]);
    if (typeof reply === "string") return readFacts(Buffer.from(reply, "latin1").toString("utf8"));
  }
  return undefined;
}

/** A node that stands still answers nobody. */
async function askSoon(port: number, words: readonly string[]): Promise<Reply | undefined> {
  const patience = delay(3_000, undefined, { ref: false });
  const [reply] = (await Promise.race([ask(port, [words]).catch(() => []), patience])) ?? [];
  return reply;
}

/** Asks until somebody takes it: it may be said twice, and means the same. */
async function change(place: ChaosPlace, words: readonly string[]): Promise<void> {
  let last: Reply | undefined;
  await eventually(
    words.join(" "),
    async () => {
      const nodes = place.cluster.staying;
      last = await askSoon(nodes[place.random.uint32() % nodes.length]?.port ?? 0, ["COTERIE", ...words]);
      return typeof last === "number" ? true : undefined;
    },
    restedMsMax,
  ).catch((error: unknown) => {
    const text = last instanceof ErrorReply ? last.text : String(last);
    throw new Error(`${words.join(" ")} was answered ${text}`, { cause: error });
  });
}

/** Resolves once no replica has to move, and `isSo` holds of the directory. */
async function rested(place: ChaosPlace, what: string, isSo: (facts: DirectoryFacts) => boolean): Promise<void> {
  let last = "nothing";
  const look = async (): Promise<true | undefined> => {
    const facts = await directoryOf(place);
    if (facts === undefined) return undefined;
    const { underWay, toCome } = progressOf(facts.state);
    last = `${underWay.length} under way, ${toCome.length} to come`;
    return underWay.length + toCome.length === 0 && isSo(facts) ? true : undefined;
  };
  await eventually(`rest after ${what}`, look, restedMsMax).catch((error: unknown) => {
    throw new Error(`no rest after ${what}: ${last}`, { cause: error });
  });
}

function stateOf({ state }: DirectoryFacts, { number }: ProcessNode): string | undefined {
  return [...state.nodes.values()].find(({ id }) => id === number)?.state;
}

function anyStaying({ cluster, random }: ChaosPlace): ProcessNode {
  const nodes = cluster.staying;
  const node = nodes[random.uint32() % nodes.length];
  if (node === undefined) throw new Error("no node is there");
  return node;
}

export const join: Fault = {
  name: "a node joins",
  run: async (place) => {
    const node = await place.cluster.join();
    await rested(place, `${node.name} joined`, (facts) => stateOf(facts, node) === "active");
  },
};

export const leave: Fault = {
  name: "a node is decommissioned",
  run: async (place) => {
    const node = anyStaying(place);
    node.isLeaving = true;
    await change(place, ["NODE", "DECOMMISSION", node.name]);
    // Half of them die on their way out, and come back.
    if (place.random.uint32() % 2 === 0) {
      await node.kill();
      await delay(place.random.uint32() % 2_000);
      await node.start();
    }
    await rested(place, `${node.name} was to go`, (facts) => stateOf(facts, node) === "removed");
    const { code } = await eventually(`the end of ${node.name}`, () => (node.isRunning ? undefined : node.ended));
    if (code !== 2) throw new Error(`${node.name} ended with ${code} when it was removed:\n${node.stderr}`);
    place.cluster.forget(node);
  },
};

const lose: Fault = {
  name: "a node is lost for good, and replaced",
  run: async (place) => {
    const node = anyStaying(place);
    node.isLeaving = true;
    await node.kill();
    rmSync(node.dir, { recursive: true, force: true });
    await change(place, ["NODE", "REMOVE", node.name]);
    await rested(place, `${node.name} was lost`, (facts) => stateOf(facts, node) === "removed");
    place.cluster.forget(node);
  },
};

/** From three nodes to five and to three again: the changes in the order in which they come, for ever. */
export const memberChanges: readonly Fault[] = [join, join, leave, lose];
