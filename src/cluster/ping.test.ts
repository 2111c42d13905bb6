import { expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../net/index.ts";
import { type Ping, readPing, writePing } from "./ping.ts";

function read(ping: Ping, change: (bytes: Buffer) => Buffer = (bytes) => bytes): Ping | undefined {
  const out = new ByteWriter();
  writePing(out, ping);
  const bytes = change(out.finish());
  const input = new ByteReader();
  input.open(bytes, 0, bytes.length);
  return readPing(input);
}

const ping: Ping = {
  sentMs: 12_345.5,
  diskEpoch: 7,
  disk: { isFull: false, isSlow: false, syncMs: undefined },
  silent: [],
};

test.for([
  { isFull: false, isSlow: false, syncMs: undefined },
  { isFull: true, isSlow: false, syncMs: 0 },
  { isFull: false, isSlow: true, syncMs: 63.25 },
  { isFull: true, isSlow: true, syncMs: undefined },
])("what a node says of its disk arrives: $isFull, $isSlow, $syncMs", (disk) => {
  expect(read({ ...ping, disk })).toEqual({ ...ping, disk });
});

test("so does whom it does not hear", () => {
  const silent = [2, 3, 65_535];
  expect(read({ ...ping, silent })).toEqual({ ...ping, silent });
  const all = Array.from({ length: 1_024 }, (_, at) => at + 1);
  expect(read({ ...ping, silent: all })).toEqual({ ...ping, silent: all });
  expect(read({ ...ping, silent: [...all, 1_025] })).toBeUndefined();
});

test.for([
  { name: "is cut off", change: (bytes: Buffer) => bytes.subarray(0, -1) },
  { name: "goes on", change: (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)]) },
  { name: "has a flag that nobody knows", change: (bytes: Buffer) => patched(bytes, -9, 8) },
  { name: "says that a sync takes a negative time", change: (bytes: Buffer) => patched(bytes, -1, 0xbf) },
])("a ping that $name is none", ({ change }) => {
  const said = { ...ping, disk: { ...ping.disk, syncMs: 1.5 } };
  expect(read(said)).toEqual(said);
  expect(read(said, change)).toBeUndefined();
});

function patched(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(value, at < 0 ? copy.length + at : at);
  return copy;
}
