import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HistoryRecorder, type Operation } from "./history.ts";
import { type KeyValueInput, type KeyValueOutput, keyValueSpecification } from "./key-value-specification.ts";
import { checkConnectionOrder, checkLinearizability } from "./linearizability.ts";
import { searchLinearization } from "./linearization-search.ts";
import { SeededRandom } from "./seeded-random.ts";
import { impossible, type Specification } from "./specification.ts";

type Step = Operation<KeyValueInput, KeyValueOutput>;

const key = "k";
const get: KeyValueInput = { kind: "get", key };
const del: KeyValueInput = { kind: "delete", key };
const set = (value: string): KeyValueInput => ({ kind: "set", key, value });
const append = (value: string): KeyValueInput => ({ kind: "append", key, value });
const increment: KeyValueInput = { kind: "increment", key, by: 1 };

/** "client from-to": an operation that was answered; without "to" it was not. */
function at(place: string, input: KeyValueInput, output?: KeyValueOutput): Step {
  const [client, from, to] = place.split(/[ -]/).map(Number) as [number, number, number | undefined];
  if (to === undefined) return { kind: "open", client, input, invokedAt: from };
  return { kind: "replied", client, input, output: output ?? null, invokedAt: from, repliedAt: to };
}

const verdicts: readonly { name: string; history: readonly Step[]; linearizable: boolean; ordered: boolean }[] = [
  { name: "nothing at all", history: [], linearizable: true, ordered: true },
  {
    name: "a write, then a read of it",
    history: [at("1 0-1", set("a"), "OK"), at("2 2-3", get, "a")],
    linearizable: true,
    ordered: true,
  },
  {
    name: "a stale read",
    history: [at("1 0-1", set("a"), "OK"), at("1 2-3", set("b"), "OK"), at("2 4-5", get, "a")],
    linearizable: false,
    ordered: false,
  },
  {
    name: "a lost write",
    history: [at("1 0-1", set("a"), "OK"), at("2 2-3", get, null)],
    linearizable: false,
    ordered: false,
  },
  {
    name: "a write that was done twice",
    history: [at("1 0-1", increment, 1), at("2 2-3", get, "2")],
    linearizable: false,
    ordered: false,
  },
  {
    name: "a write whose outcome is unknown, done once",
    history: [at("1 0", increment), at("2 2-3", get, "1"), at("2 4-5", get, "1")],
    linearizable: true,
    ordered: true,
  },
  {
    name: "a write whose outcome is unknown, done twice",
    history: [at("1 0", increment), at("2 2-3", get, "1"), at("2 4-5", get, "2")],
    linearizable: false,
    ordered: false,
  },
  {
    name: "an unknown write that comes late",
    history: [at("1 0", set("a")), at("2 2-3", get, null), at("3 4-5", get, null), at("2 6-7", get, "a")],
    linearizable: true,
    ordered: true,
  },
  {
    name: "an unknown write that comes and goes",
    history: [at("1 0", set("a")), at("2 2-3", get, "a"), at("2 4-5", get, null)],
    linearizable: false,
    ordered: false,
  },
  {
    name: "a read of what was asked for only later",
    history: [at("2 0-1", get, "a"), at("1 2", set("a"))],
    linearizable: false,
    ordered: false,
  },
  {
    name: "overlapping writes in either order",
    history: [at("1 0-9", set("a"), "OK"), at("2 1-8", set("b"), "OK"), at("3 10-11", get, "a")],
    linearizable: true,
    ordered: true,
  },
  {
    name: "two readers that disagree about overlapping writes",
    history: [
      at("1 0-9", set("a"), "OK"),
      at("2 0-9", set("b"), "OK"),
      at("3 10-11", get, "a"),
      at("4 12-13", get, "b"),
    ],
    linearizable: false,
    ordered: false,
  },
  {
    name: "a value that was there already, written once more behind another one",
    history: [
      at("1 0-1", set("a"), "OK"),
      at("1 2-9", set("a"), "OK"),
      at("2 3-5", set("b"), "OK"),
      at("3 10-11", get, "a"),
    ],
    linearizable: true,
    ordered: true,
  },
  {
    name: "a read before the pipelined write that it follows",
    history: [at("1 0-9", set("a"), "OK"), at("1 1-9", get, null)],
    linearizable: true,
    ordered: false,
  },
  {
    name: "a read of the pipelined write behind it",
    history: [at("1 0-8", get, "a"), at("1 1-9", set("a"), "OK")],
    linearizable: true,
    ordered: false,
  },
  {
    name: "a pipelined read behind its own write and another's",
    history: [at("1 0-9", set("a"), "OK"), at("1 1-9", get, "b"), at("2 0-9", set("b"), "OK")],
    linearizable: true,
    ordered: true,
  },
  {
    name: "pipelined appends that changed places",
    history: [at("1 0-9", append("x"), 2), at("1 1-9", append("y"), 1), at("2 10-11", get, "yx")],
    linearizable: true,
    ordered: false,
  },
  {
    name: "an unknown write that took effect after what followed it on its connection",
    history: [at("1 0", set("a")), at("1 1-2", set("b"), "OK"), at("2 3-4", get, "a")],
    linearizable: true,
    ordered: true,
  },
  {
    name: "an unknown write that took effect before what followed it on its connection",
    history: [at("1 0", append("a")), at("1 1-2", append("b"), 2)],
    linearizable: true,
    ordered: true,
  },
  {
    name: "an unknown write that took effect before what it follows on its connection",
    history: [at("1 0-8", get, "a"), at("1 1", set("a"))],
    linearizable: true,
    ordered: false,
  },
];

describe("a history is judged", () => {
  test.for(verdicts)("$name", ({ history, linearizable, ordered }) => {
    const expected = (passes: boolean): string => (passes ? "passed" : "failed");
    expect(checkLinearizability(history, keyValueSpecification).kind).toBe(expected(linearizable));
    expect(checkConnectionOrder(history, keyValueSpecification).kind).toBe(expected(ordered));
  });
});

/** Tries every subset of the open operations in every order. The oracle. */
function bruteForce(history: readonly Step[], keepsClientOrder: boolean): boolean {
  const precedes = (a: Step, b: Step): boolean =>
    (a.kind === "replied" && a.repliedAt < b.invokedAt) ||
    (keepsClientOrder && a.kind === "replied" && a.client === b.client && a.invokedAt < b.invokedAt);
  const extend = (rest: readonly Step[], state: string | null): boolean => {
    if (rest.every(({ kind }) => kind === "open")) return true;
    return rest.some((step) => {
      const others = rest.filter((other) => other !== step);
      if (others.some((other) => precedes(other, step))) return false;
      const output = step.kind === "replied" ? step.output : undefined;
      const next = keyValueSpecification.next(state, step.input, output);
      return next !== impossible && extend(others, next);
    });
  };
  return extend(history, null);
}

const arbitraryInput: fc.Arbitrary<KeyValueInput> = fc.oneof(
  fc.constant(get),
  fc.constant(del),
  fc.constant(increment),
  fc.constantFrom("1", "2").map(set),
  fc.constantFrom("1", "x").map(append),
  fc.constant<KeyValueInput>({ kind: "setIfAbsent", key, value: "2" }),
  fc.constant<KeyValueInput>({ kind: "swap", key, value: "1" }),
);

const arbitraryOutput: fc.Arbitrary<KeyValueOutput> = fc.constantFrom(null, "OK", "1", "2", "11", 0, 1, 2);

/** Half of the replies are what some order gives, so that histories of both verdicts are common. */
const arbitraryHistory: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.record({
      client: fc.integer({ min: 1, max: 3 }),
      input: arbitraryInput,
      from: fc.integer({ min: 0, max: 9 }),
      length: fc.integer({ min: 0, max: 6 }),
      isOpen: fc.nat(3).map((number) => number === 0),
      lie: fc.option(arbitraryOutput, { freq: 6 }),
    }),
    { maxLength: 6 },
  )
  .map((drafts) => {
    let state: string | null = null;
    const inOrder = drafts.map((draft, index) => ({ ...draft, at: draft.from + draft.length / 2, index }));
    inOrder.sort((a, b) => a.at - b.at);
    const outputs = new Map<number, KeyValueOutput>();
    for (const { input, index } of inOrder) {
      const candidates: KeyValueOutput[] = [
        null,
        "OK",
        state,
        { error: "" },
        ...Array.from({ length: 30 }, (_, n) => n),
      ];
      for (const output of candidates) {
        const next: string | null | typeof impossible = keyValueSpecification.next(state, input, output);
        if (next === impossible) continue;
        outputs.set(index, output);
        state = next;
        break;
      }
    }
    return drafts.map(({ client, input, from, length, isOpen, lie }, index) => {
      const invokedAt = from + index / 100;
      if (isOpen) return { kind: "open", client, input, invokedAt } as const;
      const output = lie ?? outputs.get(index) ?? null;
      return { kind: "replied", client, input, output, invokedAt, repliedAt: from + length + 0.5 } as const;
    });
  });

test("both checkers agree with trying everything", () => {
  const counts = { passed: 0, failed: 0, undecided: 0 };
  fc.assert(
    fc.property(arbitraryHistory, (history) => {
      const verdict = checkLinearizability(history, keyValueSpecification);
      counts[verdict.kind]++;
      expect(verdict.kind).toBe(bruteForce(history, false) ? "passed" : "failed");
      const ordered = checkConnectionOrder(history, keyValueSpecification).kind;
      expect(ordered).toBe(bruteForce(history, true) ? "passed" : "failed");
    }),
    { numRuns: 2_000 },
  );
  expect(Math.min(counts.passed, counts.failed)).toBeGreaterThan(100);
});

test("an order that is found with alike states taken for one is an order", () => {
  const options = { configurationsMax: 10_000, areLikeStatesOne: true };
  const counts = { found: 0, none: 0, undecided: 0 };
  fc.assert(
    fc.property(arbitraryHistory, fc.boolean(), (history, keepsClientOrder) => {
      const { kind } = searchLinearization(history, keyValueSpecification, { ...options, keepsClientOrder });
      counts[kind]++;
      if (kind === "found") expect(bruteForce(history, keepsClientOrder)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
  expect(Math.min(counts.found, counts.none)).toBeGreaterThan(100);
});

test("a counter-example contradicts itself, and every operation in it is needed", () => {
  let failures = 0;
  fc.assert(
    fc.property(arbitraryHistory, (history) => {
      const verdict = checkLinearizability(history, keyValueSpecification);
      if (verdict.kind !== "failed") return;
      failures++;
      expect(bruteForce(verdict.operations, false)).toBe(false);
      for (const operation of verdict.operations) expect(history).toContain(operation);
    }),
    { numRuns: 400 },
  );
  expect(failures).toBeGreaterThan(20);
});

test("a counter-example is small and readable", () => {
  const recorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  const ask = (client: number, input: KeyValueInput, output: KeyValueOutput): void => {
    recorder.reply(recorder.invoke(client, input), output);
  };
  for (let count = 0; count < 20; count++) {
    ask(1, set(`old ${count}`), "OK");
    ask(2, get, `old ${count}`);
  }
  ask(1, set("a"), "OK");
  const slow = recorder.invoke(2, set("b"));
  ask(3, get, "b");
  recorder.reply(slow, "OK");
  for (let count = 0; count < 50; count++) ask(2, get, "b");
  ask(4, get, "a");
  ask(1, set("c"), "OK");
  const verdict = checkLinearizability(recorder.operations(), keyValueSpecification);
  if (verdict.kind !== "failed") throw new Error("it passed");
  expect(`\n${verdict.explanation}\n`).toBe(`
k: no order explains the replies of these operations (the other 92 do not matter):
client 1 ├─SET "a" → OK─┤
client 2                 ├─SET "b" → OK─┤
client 4                                 ├─GET → "a"─┤
`);
});

/** What clients of a correct store would record: each operation takes effect at a random moment while it is open. */
function simulateStore(options: {
  readonly seed: number;
  readonly operations: number;
  readonly keys: number;
  readonly clients: number;
  readonly unknown: number;
}): Step[] {
  const random = new SeededRandom(options.seed);
  const recorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  const values = new Map<string, string | null>();
  const inputOf = (key: string, value: string): KeyValueInput =>
    random.pick<KeyValueInput>([
      { kind: "get", key },
      { kind: "get", key },
      { kind: "set", key, value },
      { kind: "append", key, value: "x" },
      { kind: "delete", key },
      { kind: "swap", key, value },
    ]);
  const execute = (input: KeyValueInput): KeyValueOutput => {
    const before = values.get(input.key) ?? null;
    const after = keyValueSpecification.next(before, input, undefined);
    if (after !== impossible) values.set(input.key, after);
    if (input.kind === "get" || input.kind === "swap") return before;
    if (input.kind === "set") return "OK";
    if (input.kind === "delete") return before === null ? 0 : 1;
    return after === impossible || after === null ? 0 : after.length;
  };
  interface Client {
    operation: number;
    input: KeyValueInput;
    output: KeyValueOutput | undefined;
  }
  const clients: (Client | undefined)[] = new Array(options.clients).fill(undefined);
  for (let count = 0; count < options.operations; ) {
    const index = random.integer(0, clients.length - 1);
    const client = clients[index];
    if (client === undefined) {
      const input = inputOf(`key ${random.integer(1, options.keys)}`, `v${count++}`);
      clients[index] = { operation: recorder.invoke(index, input), input, output: undefined };
    } else if (client.output === undefined) {
      client.output = execute(client.input);
      // Its reply is lost, or it was lost itself.
      if (random.chance(options.unknown)) clients[index] = undefined;
    } else {
      recorder.reply(client.operation, client.output);
      clients[index] = undefined;
    }
  }
  return [...recorder.operations()];
}

test.for([
  { operations: 100_000, keys: 1_000, clients: 50, unknown: 0.01, limitMs: 10_000 },
  { operations: 5_000, keys: 1, clients: 10, unknown: 0, limitMs: 10_000 },
  { operations: 5_000, keys: 10, clients: 50, unknown: 0.1, limitMs: 10_000 },
])("$operations operations over $keys keys by $clients clients, $unknown unknown, take seconds", (options) => {
  const history = simulateStore({ seed: 1, ...options });
  const startMs = performance.now();
  expect(checkLinearizability(history, keyValueSpecification)).toMatchObject({ kind: "passed" });
  const elapsedMs = performance.now() - startMs;
  expect(elapsedMs).toBeLessThan(options.limitMs);
});

test("one wrong reply among many is found", () => {
  const history = simulateStore({ seed: 2, operations: 5_000, keys: 50, clients: 20, unknown: 0.01 });
  const index = history.findIndex((step, at) => at > 4_000 && step.kind === "replied" && step.input.kind === "get");
  const step = history[index];
  if (step?.kind !== "replied") throw new Error("no read found");
  history[index] = { ...step, output: "v0" };
  const verdict = checkLinearizability(history, keyValueSpecification);
  if (verdict.kind !== "failed") throw new Error("it passed");
  expect(verdict.operations.length).toBeLessThan(6);
  expect(verdict.operations).toContain(history[index]);
});

test("a history with too many orders is undecided, not passed", () => {
  const history = Array.from({ length: 14 }, (_, client) =>
    at(`${client} 0`, append(String.fromCharCode(97 + client))),
  );
  history.push(at("99 1-2", get, "no such order"));
  const options = { configurationsMax: 10_000 };
  expect(checkLinearizability(history, keyValueSpecification, options).kind).toBe("undecided");
});

test("any system can be checked by a specification of its own: a queue that hands out one job twice fails", () => {
  type Input = { readonly kind: "put"; readonly job: string } | { readonly kind: "take" };
  const queue: Specification<readonly string[], Input, string | null> = {
    initial: [],
    next(jobs, input, output) {
      if (input.kind === "put") return [...jobs, input.job];
      const [first = null, ...rest] = jobs;
      return output === undefined || output === first ? rest : impossible;
    },
    encode: (jobs) => jobs.join("\n"),
    describe: (input, output) => `${input.kind === "put" ? `put ${input.job}` : "take"} → ${output ?? "?"}`,
  };
  const recorder = new HistoryRecorder<Input, string | null>();
  recorder.reply(recorder.invoke(1, { kind: "put", job: "a" }), null);
  const first = recorder.invoke(2, { kind: "take" });
  recorder.reply(recorder.invoke(3, { kind: "take" }), "a");
  expect(checkLinearizability(recorder.operations(), queue).kind).toBe("passed");
  recorder.reply(first, "a");
  expect(checkLinearizability(recorder.operations(), queue).kind).toBe("failed");
});
