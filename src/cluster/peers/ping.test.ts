import { expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../../net/index.ts";
import { type Ping, readPing, writePing } from "./ping.ts";

function read(ping: Ping, change: (bytes: Buffer) => Buffer = (bytes) => bytes, version = 6): Ping | undefined {
  const out = new ByteWriter();
  writePing(out, ping, version);
  const bytes = change(out.finish());
  const input = new ByteReader();
  input.open(bytes, 0, bytes.length);
  return readPing(input, version);
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

test("over a connection of an older version a ping says what that has, and is read as that: it vouches for nobody", () => {
  const said: Ping = { ...ping, disk: { isFull: true, isSlow: true, syncMs: 3 }, silent: [2] };
  expect(read(said, undefined, 5)).toEqual({ ...said, silent: undefined });
  expect(read(said, undefined, 4)).toEqual({
    ...ping,
    disk: { isFull: true, isSlow: false, syncMs: undefined },
    silent: undefined,
  });
  const out = new ByteWriter();
  writePing(out, said, 4);
  expect(out.finish()).toHaveLength(17);
  expect(read(said, (bytes) => patched(bytes, -1, 2), 4)).toBeUndefined();
  expect(read(said, (bytes) => Buffer.concat([bytes, Buffer.of(1, 0)]), 5)).toBeUndefined();
});

function patched(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(value, at < 0 ? copy.length + at : at);
  return copy;
}
