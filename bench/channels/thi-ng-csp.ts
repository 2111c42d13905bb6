import { bufferCapacity, check, type Works } from "./work.ts";

/** What is used of `@thi.ng/csp`. Its channels have no size below 1. */
interface Channel<T> {
  read(): Promise<T | undefined>;
  write(value: T): Promise<boolean>;
  offer(value: T): boolean;
  close(): void;
}
interface Library {
  channel<T>(size?: number): Channel<T>;
  select<T>(...channels: Channel<T>[]): Promise<[T | undefined, Channel<T>]>;
}

export function load({ channel, select }: Library): Works {
  return {
    pingPong: async (count) => {
      const ping = channel<number>();
      const pong = channel<number>();
      const partner = (async () => {
        for (let round = 0; round < count; round++) await pong.write((await ping.read())!);
      })();
      for (let round = 0; round < count; round++) {
        await ping.write(round);
        check((await pong.read()) === round);
      }
      await partner;
    },
    buffered: async (count) => {
      const values = channel<number>(bufferCapacity);
      const sender = (async () => {
        for (let value = 0; value < count; value++) await values.write(value);
      })();
      for (let next = 0; next < count; next++) check((await values.read()) === next);
      await sender;
    },
    select: async (count) => {
      const left = channel<number>(1);
      const right = channel<number>(1);
      left.offer(1);
      right.offer(2);
      let sum = 0;
      for (let turn = 0; turn < count; turn++) {
        const [value, chosen] = await select(left, right);
        sum += value!;
        chosen.offer(value!);
      }
      check(sum >= count && sum <= 2 * count);
    },
  };
}
