/** The semantics that Go's own channel programs exercise, as programs of our own. */
import { describe, expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import {
  background,
  Channel,
  Context,
  closed,
  empty,
  go,
  Mutex,
  otherwise,
  type ReceiveChannel,
  receiving,
  type SendChannel,
  select,
  sending,
  WaitGroup,
} from "./index.ts";

test("a prime sieve of one goroutine a prime", async () => {
  const filter = (from: ReceiveChannel<number>, prime: number): Channel<number> => {
    const to = new Channel<number>();
    go(async () => {
      for await (const value of from) if (value % prime !== 0) await to.send(value);
      to.close();
    });
    return to;
  };
  const numbers = new Channel<number>();
  go(async () => {
    for (let value = 2; value < 200; value++) await numbers.send(value);
    numbers.close();
  });
  const primes: number[] = [];
  let stage = numbers;
  for (;;) {
    const prime = await stage.receive();
    if (prime === closed) break;
    primes.push(prime);
    stage = filter(stage, prime);
  }
  expect(primes.slice(0, 10)).toEqual([2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
  expect(primes).toHaveLength(46);
});

test("a chain of goroutines passes values on in order", async () => {
  const first = new Channel<number>();
  let last: Channel<number> = first;
  for (let link = 0; link < 100; link++) {
    const from = last;
    const to = new Channel<number>();
    go(async () => {
      for await (const value of from) await to.send(value + 1);
      to.close();
    });
    last = to;
  }
  go(async () => {
    for (let value = 0; value < 10; value++) await first.send(value);
    first.close();
  });
  const seen: number[] = [];
  for await (const value of last) seen.push(value);
  expect(seen).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
});

test("two channels of a select lose and double nothing", async () => {
  const count = 5_000;
  const left = new Channel<number>();
  const right = new Channel<number>();
  const merged = new Channel<number>(10);
  go(async () => {
    for (let value = 1; value <= count; value++) {
      await select([sending(left, value, () => {}), sending(right, value, () => {})]);
    }
    left.close();
    right.close();
  });
  go(async () => {
    let [a, b]: [Channel<number> | null, Channel<number> | null] = [left, right];
    while (a !== null || b !== null) {
      await select([
        receiving(a, async (value) => {
          if (value === closed) a = null;
          else await merged.send(value);
        }),
        receiving(b, async (value) => {
          if (value === closed) b = null;
          else await merged.send(value);
        }),
      ]);
    }
    merged.close();
  });
  const seen: number[] = [];
  for await (const value of merged) seen.push(value);
  expect(seen).toEqual(Array.from({ length: count }, (_, at) => at + 1));
});

test("operations that do not wait see each other's values", async () => {
  const channel = new Channel<number>(1);
  const tryReceive = () => select([receiving(channel, (value) => value), otherwise(() => "nothing")]);
  const trySend = (value: number) => select([sending(channel, value, () => "sent"), otherwise(() => "full")]);
  expect([tryReceive(), trySend(1), trySend(2), tryReceive(), tryReceive()]).toEqual([
    "nothing",
    "sent",
    "full",
    1,
    "nothing",
  ]);
});

test("ten thousand goroutines in a row each pass one value on", async () => {
  const leftmost = new Channel<number>();
  let left = leftmost;
  for (let link = 0; link < 10_000; link++) {
    const right = new Channel<number>();
    const to = left;
    go(async () => {
      const value = await right.receive();
      if (value !== closed) await to.send(value + 1);
    });
    left = right;
  }
  go(() => left.send(0));
  expect(await leftmost.receive()).toBe(10_000);
});

test("a case that leaves the middle of a queue leaves the others in it", async () => {
  const [first, second, done] = [new Channel<number>(), new Channel<number>(), new Channel<string>()];
  const served: string[] = [];
  go(async () => served.push(`before ${String(await first.receive())}`));
  go(async () => {
    await select([receiving(first, () => served.push("never")), receiving(second, () => done.send("left"))]);
    served.push(`behind ${String(await first.receive())}`);
  });
  go(() => second.send(0));
  expect(await done.receive()).toBe("left");
  await first.send(1);
  await first.send(2);
  await Promise.resolve();
  await Promise.resolve();
  expect(served).toEqual(["before 1", "behind 2"]);
});

test("only the handler of the chosen case runs", async () => {
  const [quiet, ready] = [new Channel<number>(), new Channel<number>(1)];
  ready.send(42);
  const called: string[] = [];
  await select([
    receiving(quiet, () => called.push("quiet")),
    receiving(ready, (value) => called.push(`ready ${String(value)}`)),
  ]);
  expect(called).toEqual(["ready 42"]);
});

test.for([
  { name: "a receive", receive: (channel: Channel<number>) => channel.receive() },
  {
    name: "a select of one",
    receive: (channel: Channel<number>) => select([receiving(channel, (value) => value)]),
  },
  {
    name: "a select of two",
    receive: (channel: Channel<number>) =>
      select([receiving(channel, (value) => value), receiving(new Channel<number>(), () => -1)]),
  },
])("a parked sender of either kind is met by $name", async ({ receive }) => {
  const channel = new Channel<number>();
  const plain = go(() => channel.send(1));
  const selecting = go(() => select([sending(channel, 2, () => {}), receiving(new Channel<number>(), () => {})]));
  await Promise.resolve();
  expect([await receive(channel), await receive(channel)]).toEqual([1, 2]);
  await Promise.all([plain, selecting]);
});

describe("what waits and what does not", () => {
  const closedChannel = (): Channel<number> => {
    const channel = new Channel<number>(1);
    channel.close();
    return channel;
  };
  test.for<{ readonly name: string; readonly run: (context: Context) => unknown; readonly expected: string }>([
    { name: "a select without cases", run: (context) => select([], context), expected: "waits" },
    {
      name: "a select of null channels",
      run: (context) => select([receiving(null, () => 1), sending(null, 1, () => 1)], context),
      expected: "waits",
    },
    {
      name: "a select of a null channel and a ready one",
      run: (context) => select([receiving(null, () => 1), sending(new Channel<number>(1), 1, () => 2)], context),
      expected: "yields",
    },
    { name: "a receive from an empty channel", run: (context) => new Channel(3).receive(context), expected: "waits" },
    { name: "a send without a receiver", run: (context) => new Channel(0).send(1, context), expected: "waits" },
    { name: "a send into a free buffer", run: (context) => new Channel(1).send(1, context), expected: "yields" },
    { name: "a receive from a closed channel", run: (context) => closedChannel().receive(context), expected: "yields" },
    { name: "a send on a closed channel", run: (context) => closedChannel().send(1, context), expected: "throws" },
    {
      name: "a select that sends on a closed channel",
      run: (context) => select([sending(closedChannel(), 1, () => {}), receiving(null, () => {})], context),
      expected: "throws",
    },
    {
      name: "a select that sends on a closed channel, with an otherwise",
      run: (context) => select([sending(closedChannel(), 1, () => {}), otherwise(() => {})], context),
      expected: "throws",
    },
    { name: "an empty wait group", run: (context) => new WaitGroup().wait(context), expected: "yields" },
  ])("$name $expected", async ({ run, expected }) => {
    const world = new SimulatedWorld({ seed: 1 });
    const [context] = Context.background(world.machine("m").start()).withTimeout(1_000);
    const outcome = await world.until(
      (async () => await run(context))().then(
        () => "yields",
        (error: { readonly code: string }) => (error.code === "DEADLINE_EXCEEDED" ? "waits" : "throws"),
      ),
    );
    expect(outcome).toBe(expected);
  });
});

test("ends of channels are of different types", () => {
  const channel = new Channel<number>(1);
  const sender: SendChannel<number> = channel;
  const receiver: ReceiveChannel<number> = channel;
  expect([typeof sender.send, typeof receiver.receive]).toEqual(["function", "function"]);
  // @ts-expect-error: one does not receive from the sending end.
  expect(typeof sender.receive).toBe("function");
  // @ts-expect-error: one does not send on the receiving end, nor close it.
  expect([typeof receiver.send, typeof receiver.close]).toEqual(["function", "function"]);
  // @ts-expect-error: the sending end is no receiving end.
  const wrong: ReceiveChannel<number> = sender;
  expect(wrong).toBe(channel);
});

/** A fraction in lowest terms. */
interface Fraction {
  readonly top: bigint;
  readonly bottom: bigint;
}

function fraction(top: bigint | number, bottom: bigint | number = 1): Fraction {
  let [a, b] = [BigInt(top), BigInt(bottom)];
  const sign = b < 0n ? -1n : 1n;
  const [wholeTop, wholeBottom] = [a * sign, b * sign];
  if (a < 0n) a = -a;
  b = wholeBottom;
  while (b !== 0n) [a, b] = [b, a % b];
  return { top: wholeTop / a, bottom: wholeBottom / a };
}

const plus = (x: Fraction, y: Fraction) => fraction(x.top * y.bottom + y.top * x.bottom, x.bottom * y.bottom);
const times = (x: Fraction, y: Fraction) => fraction(x.top * y.top, x.bottom * y.bottom);

/**
 * Power series as McIlroy has them ("Squinting at Power Series"): a series is a goroutine that yields its next coefficient
 * on demand. They are built from each other, and from themselves, by goroutines that do nothing but ask and answer.
 */
class Series {
  readonly #asked = new Channel<true>();
  readonly #answers = new Channel<Fraction>();
  readonly #context: Context;

  constructor(context: Context, coefficients: (self: Series) => AsyncGenerator<Fraction>) {
    this.#context = context;
    go(async () => {
      for await (const coefficient of coefficients(this)) {
        await this.#asked.receive(context);
        await this.#answers.send(coefficient, context);
      }
    }, context);
  }

  async next(): Promise<Fraction> {
    await this.#asked.send(true, this.#context);
    const answer = await this.#answers.receive(this.#context);
    if (answer === closed) throw new Error("a series has no end");
    return answer;
  }

  async first(count: number): Promise<string[]> {
    const found: string[] = [];
    while (found.length < count) {
      const { top, bottom } = await this.next();
      found.push(bottom === 1n ? String(top) : `${top}/${bottom}`);
    }
    return found;
  }

  /** Two series that yield what this one does, each at its own pace. */
  split(): [Series, Series] {
    const queues: Channel<Fraction>[] = [new Channel(1_000), new Channel(1_000)];
    const asking = new Mutex();
    const refill = async (queue: Channel<Fraction>): Promise<void> => {
      if (queue.length > 0) return;
      const coefficient = await this.next();
      for (const each of queues) each.trySend(coefficient);
    };
    const [left, right] = queues.map(
      (queue) =>
        new Series(this.#context, async function* () {
          for (;;) {
            await asking.withLock(() => refill(queue));
            const value = queue.tryReceive();
            if (value !== empty && value !== closed) yield value;
          }
        }),
    );
    return [left as Series, right as Series];
  }
}

describe("power series", () => {
  const make = (context: Context, coefficients: (self: Series) => AsyncGenerator<Fraction>) =>
    new Series(context, coefficients);
  const repeated = (context: Context, value: number) =>
    make(context, async function* () {
      for (;;) yield fraction(value);
    });
  const sum = (context: Context, left: Series, right: Series) =>
    make(context, async function* () {
      for (;;) yield plus(await left.next(), await right.next());
    });
  const derivative = (context: Context, of: Series) =>
    make(context, async function* () {
      await of.next();
      for (let power = 1; ; power++) yield times(fraction(power), await of.next());
    });
  const integral = (context: Context, of: Series, constant: Fraction) =>
    make(context, async function* () {
      yield constant;
      for (let power = 1; ; power++) yield times(fraction(1, power), await of.next());
    });
  /** F·G = f₀g₀ + x(f₀·G' + g₀·F' + x·F'·G'), where F' is F without its first coefficient. */
  const product = (context: Context, left: Series, right: Series): Series =>
    make(context, async function* () {
      const [f, g] = [await left.next(), await right.next()];
      yield times(f, g);
      const [[f1, f2], [g1, g2]] = [left.split(), right.split()];
      yield plus(times(f, await g1.next()), times(g, await f1.next()));
      const rest = product(context, f2, g2);
      for (;;) yield plus(plus(times(f, await g1.next()), times(g, await f1.next())), await rest.next());
    });
  /** e^x is 1 and its own integral. */
  const exponential = (context: Context): Series =>
    make(context, async function* () {
      yield fraction(1);
      const inner = exponential(context);
      for (let power = 1; ; power++) yield times(fraction(1, power), await inner.next());
    });

  test.for<{ readonly name: string; readonly series: (context: Context) => Series; readonly expected: string }>([
    { name: "1 + 2 everywhere", series: (c) => sum(c, repeated(c, 1), repeated(c, 2)), expected: "3 3 3 3 3 3" },
    { name: "the derivative of 1/(1-x)", series: (c) => derivative(c, repeated(c, 1)), expected: "1 2 3 4 5 6" },
    { name: "its integral", series: (c) => integral(c, repeated(c, 1), fraction(0)), expected: "0 1 1/2 1/3 1/4 1/5" },
    { name: "its square", series: (c) => product(c, repeated(c, 1), repeated(c, 1)), expected: "1 2 3 4 5 6" },
    { name: "e^x", series: exponential, expected: "1 1 1/2 1/6 1/24 1/120" },
    { name: "e^x squared", series: (c) => product(c, exponential(c), exponential(c)), expected: "1 2 2 4/3 2/3 4/15" },
  ])("$name", async ({ series, expected }) => {
    const [context, cancel] = background().withCancel();
    expect((await series(context).first(6)).join(" ")).toBe(expected);
    cancel();
  });

  test("stop together when their context ends", async () => {
    const [context, cancel] = background().withCancel();
    const series = sum(context, repeated(context, 1), repeated(context, 2));
    await series.next();
    cancel();
    await expect(series.next()).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
