import { expect, test } from "vitest";
import { silentLogger } from "../../platform/index.ts";
import type { ReplicaId } from "../../raft/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { replicaOf } from "../replica/replica-id.ts";
import { Vacancy } from "./vacancy.ts";

const nodeId = 3;
const own = replicaOf(nodeId, 2);
const newer = replicaOf(nodeId, 3);

function setting(prepares: readonly boolean[] = [true], isLost = true) {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n3").start();
  const told: ReplicaId[] = [];
  const begun: ReplicaId[] = [];
  const reset: ReplicaId[] = [];
  const errors: unknown[] = [];
  const answers = [...prepares];
  let durable = (): void => {};
  const lost = new Vacancy({
    group: 1,
    nodeId,
    upTo: own,
    isLost,
    clock,
    logger: silentLogger,
    tell: (_group, upTo) => told.push(upTo),
    prepare: () => Promise.resolve(answers.shift() ?? true),
    reset: (replica, done) => {
      reset.push(replica);
      durable = done;
    },
    onBegun: (replica) => begun.push(replica),
    onError: (error) => errors.push(error),
  });
  return { world, lost, told, begun, reset, errors, durable: () => durable() };
}

test("it tells the others at once, and then every two seconds", async () => {
  const { world, lost, told } = setting();
  for (let tick = 0; tick < 50; tick++) {
    lost.tick();
    await world.run(100);
  }
  expect(told).toEqual([own, own, own]);
});

test.for([
  { name: "its own id", replica: own },
  { name: "an older one of its node", replica: replicaOf(nodeId, 1) },
  { name: "the first of its node", replica: nodeId },
  { name: "a newer one of another node", replica: replicaOf(nodeId + 1, 9) },
])("a late message to $name begins nothing [M-10, C-4]", async ({ replica }) => {
  const { world, lost, reset } = setting();
  lost.addressed(replica);
  await world.run(10);
  expect(reset).toEqual([]);
  expect(lost.isBeginning).toBe(false);
});

test("a newer one begins once, when that is durable and not before [O-1, M-10]", async () => {
  const run = setting();
  for (let count = 0; count < 3; count++) {
    run.lost.addressed(newer);
    await run.world.run(1);
  }
  expect([run.reset, run.begun, run.lost.isBeginning]).toEqual([[newer], [], true]);
  run.durable();
  expect(run.begun).toEqual([newer]);
});

test("an id that could not be noted is used up: the next one is asked for [C-4]", async () => {
  const run = setting([false]);
  run.lost.addressed(newer);
  await run.world.run(1);
  expect([run.reset, run.lost.isBeginning]).toEqual([[], false]);
  run.lost.addressed(newer);
  await run.world.run(1);
  expect(run.reset).toEqual([]);
  run.lost.tick();
  expect(run.told.at(-1)).toBe(newer);
  run.lost.addressed(replicaOf(nodeId, 4));
  await run.world.run(1);
  expect(run.reset).toEqual([replicaOf(nodeId, 4)]);
});

test("stopped, it begins nothing more, whatever is on its way", async () => {
  const run = setting();
  run.lost.addressed(newer);
  run.lost.stop();
  await run.world.run(1);
  expect(run.reset).toEqual([]);
  const other = setting();
  other.lost.addressed(newer);
  await other.world.run(1);
  other.lost.stop();
  other.durable();
  expect(other.begun).toEqual([]);
});

test("where none is lost nobody is told, until an id that was to begin could not be noted [C-4]", async () => {
  const run = setting([false], false);
  run.lost.tick();
  expect(run.told).toEqual([]);
  run.lost.addressed(newer);
  await run.world.run(1);
  run.lost.tick();
  expect([run.told, run.lost.isLost]).toEqual([[newer], true]);
});
