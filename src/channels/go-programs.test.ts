/** The semantics that Go's own channel programs exercise, as programs of our own. */
import { expect, test } from "vitest";
import { Channel, closed, go, otherwise, type ReceiveChannel, receiving, select, sending } from "./index.ts";

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
