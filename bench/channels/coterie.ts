import { Channel, closed, go, receiving, select } from "coterie/channels";
import { bufferCapacity, check, type Works } from "./work.ts";

export function load(): Works {
  return { pingPong, pingPongTight, buffered, bufferedTight, select: selectReady };
}

async function pingPong(count: number): Promise<void> {
  const ping = new Channel<number>();
  const pong = new Channel<number>();
  const partner = go(async () => {
    for (let round = 0; round < count; round++) {
      const value = await ping.receive();
      if (value !== closed) await pong.send(value);
    }
  });
  for (let round = 0; round < count; round++) {
    await ping.send(round);
    check((await pong.receive()) === round);
  }
  await partner;
}

async function pingPongTight(count: number): Promise<void> {
  const ping = new Channel<number>();
  const pong = new Channel<number>();
  const partner = go(async () => {
    for (let round = 0; round < count; round++) {
      const received = ping.receive();
      const value = received instanceof Promise ? await received : received;
      if (value === closed) return;
      const sent = pong.send(value);
      if (sent !== undefined) await sent;
    }
  });
  for (let round = 0; round < count; round++) {
    const sent = ping.send(round);
    if (sent !== undefined) await sent;
    const received = pong.receive();
    check((received instanceof Promise ? await received : received) === round);
  }
  await partner;
}

async function buffered(count: number): Promise<void> {
  const channel = new Channel<number>(bufferCapacity);
  const sender = go(async () => {
    for (let value = 0; value < count; value++) await channel.send(value);
    channel.close();
  });
  let next = 0;
  for (let value = await channel.receive(); value !== closed; value = await channel.receive()) check(value === next++);
  check(next === count);
  await sender;
}

async function bufferedTight(count: number): Promise<void> {
  const channel = new Channel<number>(bufferCapacity);
  const sender = go(async () => {
    for (let value = 0; value < count; value++) {
      const sent = channel.send(value);
      if (sent !== undefined) await sent;
    }
    channel.close();
  });
  let next = 0;
  for (;;) {
    const received = channel.receive();
    const value = received instanceof Promise ? await received : received;
    if (value === closed) break;
    check(value === next++);
  }
  check(next === count);
  await sender;
}

async function selectReady(count: number): Promise<void> {
  const left = new Channel<number>(1);
  const right = new Channel<number>(1);
  left.trySend(1);
  right.trySend(2);
  let sum = 0;
  const back = (channel: Channel<number>) => (value: number | typeof closed) => {
    if (value === closed) return;
    sum += value;
    channel.trySend(value);
  };
  const cases = [receiving(left, back(left)), receiving(right, back(right))];
  for (let turn = 0; turn < count; turn++) {
    const chosen = select(cases);
    if (chosen instanceof Promise) await chosen;
  }
  check(sum >= count && sum <= 2 * count);
}
