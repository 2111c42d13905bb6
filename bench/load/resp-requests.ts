import { hashSlot } from "coterie/ring";
import type { SlotSpan } from "./job.ts";
import { keyBytes, writeKey, writeValue } from "./keys.ts";

/** Every request of a run, encoded before it begins: each is one write of a whole pipeline. */
export interface RespRequests {
  readonly requests: readonly Buffer[];
  /** Replies that one request brings, `WAIT`'s included. */
  readonly repliesPerRequest: number;
}

export interface RespRequestShape {
  readonly operation: "set" | "get";
  readonly pipeline: number;
  readonly waitReplicas: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly seed: number;
  /** Only the keys of these hash slots; undefined: all. */
  readonly slots?: readonly SlotSpan[] | undefined;
}

/** Requests that together name each of `keyCount` keys, or each of those in `slots`, at least once. */
export function encodeRespRequests(shape: RespRequestShape): RespRequests {
  const wait =
    shape.waitReplicas > 0
      ? `*3\r\n$4\r\nWAIT\r\n$${String(shape.waitReplicas).length}\r\n${shape.waitReplicas}\r\n$1\r\n0\r\n`
      : "";
  const commandBytes = commandLength(shape);
  const requestBytes = commandBytes * shape.pipeline + wait.length;
  const indexes = keyIndexes(shape);
  const requestCount = Math.ceil(indexes.length / shape.pipeline);
  const pool = Buffer.allocUnsafe(requestBytes * requestCount);
  const requests: Buffer[] = [];
  let at = 0;
  for (let request = 0; request < requestCount; request++) {
    const start = at;
    for (let place = 0; place < shape.pipeline; place++) {
      at = writeCommand(pool, at, shape, indexes[(request * shape.pipeline + place) % indexes.length]!);
    }
    at += pool.write(wait, at, "latin1");
    requests.push(pool.subarray(start, at));
  }
  return { requests, repliesPerRequest: shape.pipeline + (shape.waitReplicas > 0 ? 1 : 0) };
}

/** @throws if there is no key in the slots */
function keyIndexes({ keyCount, slots, seed }: RespRequestShape): readonly number[] {
  const all = Array.from({ length: keyCount }, (_, index) => index);
  if (slots === undefined) return all;
  const key = Buffer.alloc(keyBytes);
  const wanted = all.filter((index) => {
    writeKey(key, 0, index, seed);
    const slot = hashSlot(key);
    return slots.some(({ first, last }) => slot >= first && slot <= last);
  });
  if (wanted.length === 0) throw new Error("none of the keys is in the slots of a target");
  return wanted;
}

/** Writes one command for key number `index` and returns where it ends. */
export function writeCommand(
  target: Buffer,
  from: number,
  shape: Pick<RespRequestShape, "operation" | "valueBytes" | "seed">,
  index: number,
): number {
  const head = shape.operation === "get" ? getHead : setHead;
  let at = from + target.write(head, from, "latin1");
  writeKey(target, at, index, shape.seed);
  at += keyBytes;
  if (shape.operation === "get") return at + target.write("\r\n", at, "latin1");
  at += target.write(`\r\n$${shape.valueBytes}\r\n`, at, "latin1");
  writeValue(target, at, shape.valueBytes, index, shape.seed);
  at += shape.valueBytes;
  return at + target.write("\r\n", at, "latin1");
}

/** Bytes of one command. */
export function commandLength(shape: Pick<RespRequestShape, "operation" | "valueBytes">): number {
  if (shape.operation === "get") return getHead.length + keyBytes + 2;
  return setHead.length + keyBytes + `\r\n$${shape.valueBytes}\r\n`.length + shape.valueBytes + 2;
}

const getHead = `*2\r\n$3\r\nGET\r\n$${keyBytes}\r\n`;
const setHead = `*3\r\n$3\r\nSET\r\n$${keyBytes}\r\n`;
