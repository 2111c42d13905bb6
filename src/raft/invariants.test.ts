import { expect, test, vi } from "vitest";
import { MemoryLog } from "../../test/raft/memory-log.ts";
import { bytesOf, configurationOf, seededRandom, TestNetwork } from "../../test/raft/network.ts";
import { plantedFaults } from "../../test/raft/planted-faults.ts";
import { type Entry, type HardState, InvariantViolation, RaftCore, type RaftOptions } from "./index.ts";
import { Invariants } from "./invariants.ts";
import type { Replica } from "./replica.ts";

/** Done to the replica that takes the next message. */
const planted = vi.hoisted((): { at: number; plant: ((replica: Replica) => void) | undefined } => ({
  at: 0,
  plant: undefined,
}));

vi.mock("./step.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("./step.ts")>();
  const step: typeof original.step = (replica, message) => {
    const refusal = original.step(replica, message);
    if (replica.id !== planted.at) return refusal;
    const { plant } = planted;
    planted.plant = undefined;
    plant?.(replica);
    return refusal;
  };
  return { ...original, step };
});

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test.for(plantedFaults)("$invariant: $name is seen at once", ({ invariant, role, plant }) => {
  const network = new TestNetwork([1, 2, 3]);
  network.elect(1);
  network.propose(1, "a");
  planted.at = role === "leader" ? 1 : 2;
  planted.plant = plant;
  const error = thrownBy(() => {
    for (let each = 0; each < 3; each++) network.propose(1, "b");
  });
  planted.plant = undefined;
  expect(error).toBeInstanceOf(InvariantViolation);
  expect(error).toMatchObject({ invariant, message: expect.stringMatching(new RegExp(`^${invariant}: .*\\d`)) });
});

function entry(index: number, term: number): Entry {
  return { kind: "normal", index, term, data: bytesOf("x") };
}

function restarted(
  hardState: HardState,
  log: MemoryLog,
  applied: number,
  changes: Partial<RaftOptions> = {},
): RaftCore {
  const configuration = configurationOf([1, 2, 3]);
  const random = seededRandom(1);
  return new RaftCore({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    random,
    log,
    hardState,
    configuration,
    applied,
    ...changes,
  });
}

test.for([
  { name: "committed entries are lost", invariant: "I-12", term: 2, vote: 1, commit: 3, applied: 0, base: 0 },
  { name: "applied entries are lost", invariant: "I-12", term: 2, vote: 1, commit: 2, applied: 3, base: 0 },
  {
    name: "the term is older than the last entry",
    invariant: "I-12",
    term: 1,
    vote: 1,
    commit: 2,
    applied: 0,
    base: 0,
  },
  { name: "a vote stands alone", invariant: "I-12", term: 0, vote: 1, commit: 0, applied: 0, base: -1 },
  { name: "the log begins behind the state", invariant: "I-17", term: 2, vote: 1, commit: 7, applied: 4, base: 5 },
])("a restart at which $name is refused with its values [I-12] [I-17]", (given) => {
  const { invariant, term, vote, commit, applied, base } = given;
  const log = base < 0 ? new MemoryLog() : new MemoryLog({ index: base, term: base === 0 ? 0 : 1 });
  if (base >= 0) log.append([entry(base + 1, 1), entry(base + 2, 2)]);
  expect(() => restarted({ term, vote, commit }, log, applied)).toThrow(new RegExp(`^${invariant}: .*\\d`));
});

test("an entry that is missing between those that are stored is not passed over when they are applied [I-17]", () => {
  class LogWithHole extends MemoryLog {
    override entries(from: number, to: number, bytesMax: number): readonly Entry[] {
      return (super.entries(from, to, bytesMax) as readonly Entry[]).filter(({ index }) => index !== 2);
    }
  }
  const log = new LogWithHole();
  log.append([entry(1, 1), entry(2, 1), entry(3, 1)]);
  const core = restarted({ term: 1, vote: undefined, commit: 3 }, log, 0);
  expect(() => core.ready()).toThrow("I-17: entry 3 is to be applied behind 1");
});

test.for([
  { from: [[1, 2, 3], []], to: [[1, 2, 4], []] },
  { from: [[1, 2, 3], []], to: [[1, 2, 3, 4, 5], []] },
  {
    from: [[1, 2, 3], []],
    to: [
      [3, 4, 5],
      [1, 2],
    ],
  },
  {
    from: [
      [3, 4, 5],
      [1, 2, 3],
    ],
    to: [[1, 2, 3], []],
  },
  {
    from: [
      [3, 4, 5],
      [1, 2, 3],
    ],
    to: [
      [3, 4, 5],
      [2, 3],
    ],
  },
  { from: [[1], []], to: [[], []] },
] as const)("voters do not go from $from to $to at once: two majorities might not meet [I-14]", ({ from, to }) => {
  const [before, next] = [from, to].map(([voters, votersOutgoing]) => ({ ...configurationOf(voters), votersOutgoing }));
  expect(() => new Invariants().configures(next!, before!)).toThrow(/^I-14: /);
});

test("rules are checked unless a benchmark switches them off, and again after it switches them on", () => {
  const invariantSwitch = { isOn: true };
  const core = restarted({ term: 5, vote: 2, commit: 0 }, new MemoryLog(), 0, { invariantSwitch });
  const heartbeat = { type: "heartbeat", from: 2, to: 1, term: 5, commit: 0, readRound: 0 } as const;
  core.step(heartbeat);
  planted.at = 1;
  const forget = (replica: Replica): void => {
    replica.vote = undefined;
  };
  const elect = (replica: Replica): void => {
    replica.vote = 3;
  };
  invariantSwitch.isOn = false;
  planted.plant = forget;
  core.step(heartbeat);
  planted.plant = elect;
  core.step(heartbeat);
  invariantSwitch.isOn = true;
  core.step(heartbeat);
  planted.plant = forget;
  expect(() => core.step(heartbeat)).toThrow("I-2: the vote of term 5 went from replica 3 to nobody");
});
