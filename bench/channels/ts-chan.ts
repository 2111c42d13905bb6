import { bufferCapacity, check, type Works } from "./work.ts";

/** What is used of `ts-chan`. */
interface Channel<T> {
  send(value: T): Promise<void>;
  recv(): Promise<{ readonly value: T }>;
  trySend(value: T): boolean;
}
interface ReceiveCase<T> {
  readonly ready: number | undefined;
  readonly tag: T;
}
interface Library {
  readonly Chan: new <T>(capacity?: number) => Channel<T>;
  readonly recv: <T>(channel: Channel<T>) => ReceiveCase<T>;
  readonly Select: new (
    cases: readonly unknown[],
  ) => {
    readonly cases: readonly unknown[];
    wait(): Promise<number>;
    recv(one: unknown): { readonly value?: number };
  };
}

export function load({ Chan, Select, recv }: Library): Works {
  return {
    pingPong: async (count) => {
      const ping = new Chan<number>();
      const pong = new Chan<number>();
      const partner = (async () => {
        for (let round = 0; round < count; round++) await pong.send((await ping.recv()).value);
      })();
      for (let round = 0; round < count; round++) {
        await ping.send(round);
        check((await pong.recv()).value === round);
      }
      await partner;
    },
    buffered: async (count) => {
      const values = new Chan<number>(bufferCapacity);
      const sender = (async () => {
        for (let value = 0; value < count; value++) await values.send(value);
      })();
      for (let next = 0; next < count; next++) check((await values.recv()).value === next);
      await sender;
    },
    select: async (count) => {
      const channels = [new Chan<number>(1), new Chan<number>(1)];
      channels[0]!.trySend(1);
      channels[1]!.trySend(2);
      let sum = 0;
      const both = new Select(channels.map((channel) => recv(channel)));
      for (let turn = 0; turn < count; turn++) {
        const chosen = await both.wait();
        const value = both.recv(both.cases[chosen]).value!;
        sum += value;
        channels[chosen]!.trySend(value);
      }
      check(sum >= count && sum <= 2 * count);
    },
  };
}
