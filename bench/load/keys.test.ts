import { expect, test } from "vitest";
import { keyBytes, writeKey } from "./keys.ts";
import { commandLength, encodeRespRequests } from "./resp-requests.ts";

function keyOf(index: number, seed: number): string {
  const bytes = Buffer.alloc(keyBytes);
  writeKey(bytes, 0, index, seed);
  return bytes.toString("latin1");
}

test("a hundred thousand keys are all different and printable", () => {
  const keys = new Set(Array.from({ length: 100_000 }, (_, index) => keyOf(index, 7)));
  expect(keys.size).toBe(100_000);
  for (const key of keys) if (!/^[0-9a-v]{16}$/.test(key)) throw new Error(`key ${key}`);
});

test("another seed gives other keys", () => {
  expect(keyOf(1, 1)).not.toBe(keyOf(1, 2));
});

test("a pipeline of two SETs and a WAIT is one request with three replies", () => {
  const shape = { operation: "set", pipeline: 2, waitReplicas: 1, keyCount: 4, valueBytes: 3, seed: 1 } as const;
  const { requests, repliesPerRequest } = encodeRespRequests(shape);
  expect(repliesPerRequest).toBe(3);
  expect(
    requests.map((request) => request.toString("latin1").replaceAll(/[0-9a-v]{16}|(?<=\$3\r\n)[0-9a-v]{3}/g, "?")),
  ).toEqual(
    Array(2).fill(
      `${"*3\r\n$3\r\nSET\r\n$16\r\n?\r\n$3\r\n?\r\n".repeat(2)}*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n`,
    ),
  );
});

test.for([{ operation: "get" }, { operation: "set" }] as const)(
  "a $operation is as long as announced",
  ({ operation }) => {
    const shape = { operation, pipeline: 1, waitReplicas: 0, keyCount: 1, valueBytes: 64, seed: 1 } as const;
    expect(encodeRespRequests(shape).requests[0]?.length).toBe(commandLength(shape));
  },
);
