import { bufferCapacity, check, type Works } from "./work.ts";

/** What is used of `effect`: a generator's `yield*` carries an effect out. Its smallest bounded queue holds 1. */
interface Effect<A> {
  [Symbol.iterator](): Generator<Effect<unknown>, A, unknown>;
}
interface Library {
  readonly Effect: {
    gen<A>(body: () => Generator<Effect<unknown>, A, unknown>): Effect<A>;
    runPromise<A>(effect: Effect<A>): Promise<A>;
    all(effects: readonly Effect<unknown>[], options: { readonly concurrency: "unbounded" }): Effect<unknown>;
  };
  readonly Queue: {
    bounded<A>(capacity: number): Effect<object & { readonly holds?: A }>;
    offer(queue: object, value: number): Effect<boolean>;
    take(queue: object): Effect<number>;
  };
}

export function load({ Effect, Queue }: Library): Works {
  const together = (...bodies: (() => Generator<Effect<unknown>, void, unknown>)[]): Promise<unknown> =>
    Effect.runPromise(
      Effect.all(
        bodies.map((body) => Effect.gen(body)),
        { concurrency: "unbounded" },
      ),
    );
  return {
    pingPong: async (count) => {
      const ping = await Effect.runPromise(Queue.bounded<number>(1));
      const pong = await Effect.runPromise(Queue.bounded<number>(1));
      await together(
        function* () {
          for (let round = 0; round < count; round++) {
            yield* Queue.offer(ping, round);
            check((yield* Queue.take(pong)) === round);
          }
        },
        function* () {
          for (let round = 0; round < count; round++) yield* Queue.offer(pong, yield* Queue.take(ping));
        },
      );
    },
    buffered: async (count) => {
      const values = await Effect.runPromise(Queue.bounded<number>(bufferCapacity));
      await together(
        function* () {
          for (let value = 0; value < count; value++) yield* Queue.offer(values, value);
        },
        function* () {
          for (let next = 0; next < count; next++) check((yield* Queue.take(values)) === next);
        },
      );
    },
  };
}
