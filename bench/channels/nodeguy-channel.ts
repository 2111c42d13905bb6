import { bufferCapacity, check, type Works } from "./work.ts";

/** What is used of `@nodeguy/channel`. */
interface Channel<T> {
  push(value: T): Promise<unknown>;
  shift(): Promise<T | undefined>;
  value(): T;
}
interface Library {
  <T>(capacity?: number): Channel<T>;
  select<T>(operations: readonly Promise<unknown>[]): Promise<Channel<T>>;
}

export function load({ default: channel }: { readonly default: Library }): Works {
  return {
    pingPong: async (count) => {
      const ping = channel<number>();
      const pong = channel<number>();
      const partner = (async () => {
        for (let round = 0; round < count; round++) await pong.push((await ping.shift())!);
      })();
      for (let round = 0; round < count; round++) {
        await ping.push(round);
        check((await pong.shift()) === round);
      }
      await partner;
    },
    buffered: async (count) => {
      const values = channel<number>(bufferCapacity);
      const sender = (async () => {
        for (let value = 0; value < count; value++) await values.push(value);
      })();
      for (let next = 0; next < count; next++) check((await values.shift()) === next);
      await sender;
    },
    select: async (count) => {
      const left = channel<number>(1);
      const right = channel<number>(1);
      await left.push(1);
      await right.push(2);
      let sum = 0;
      for (let turn = 0; turn < count; turn++) {
        const chosen = await channel.select<number>([left.shift(), right.shift()]);
        sum += chosen.value();
        await chosen.push(chosen.value());
      }
      check(sum >= count && sum <= 2 * count);
    },
  };
}
