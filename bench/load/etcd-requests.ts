import { keyBytes, writeKey, writeValue } from "./keys.ts";

/**
 * etcd's gRPC requests, encoded by hand (etcd's `rpc.proto`: `PutRequest` and `RangeRequest` have the key as field 1,
 * `PutRequest` the value as field 2; `TxnRequest` lists `RequestOp`s as field 2, whose field 2 is a `PutRequest`). A
 * `RangeRequest` that does not say `serializable` is linearizable.
 */
export const etcdMethod = {
  set: "/etcdserverpb.KV/Put",
  get: "/etcdserverpb.KV/Range",
  fill: "/etcdserverpb.KV/Txn",
} as const;

/** Bytes in front of each message: a flag (not compressed) and the length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const messagePrefixBytes = 5;

export function encodePut(index: number, valueBytes: number, seed: number): Buffer {
  return withPrefix(putMessage(index, valueBytes, seed));
}

export function encodeRange(index: number, seed: number): Buffer {
  return withPrefix(field(1, key(index, seed)));
}

/** `count` puts, from key number `first` on, in one transaction without conditions; etcd takes at most 128. */
export function encodePuts(first: number, count: number, valueBytes: number, seed: number): Buffer {
  const operations: Buffer[] = [];
  for (let index = first; index < first + count; index++) {
    operations.push(field(2, field(2, putMessage(index, valueBytes, seed))));
  }
  return withPrefix(Buffer.concat(operations));
}

/**
 * The header block (HPACK, RFC 7541) of every request on a connection. The first one puts its four fields into the
 * table that the server keeps for us, as every gRPC library does; the later ones name them by a byte each.
 */
export function encodeHeaderBlocks(method: string, authority: string): { first: Buffer; later: Buffer } {
  const first = Buffer.concat([
    Buffer.of(methodPost, schemeHttp),
    indexedName(4, method), // :path
    indexedName(1, authority), // :authority
    indexedName(31, "application/grpc"), // content-type
    Buffer.of(0x40),
    text("te"),
    text("trailers"),
  ]);
  // The dynamic table begins at 62 with the newest field.
  const later = Buffer.of(methodPost, schemeHttp, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62);
  return { first, later };
}

const methodPost = 0x83;
const schemeHttp = 0x86;

function key(index: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(keyBytes);
  writeKey(bytes, 0, index, seed);
  return bytes;
}

function putMessage(index: number, valueBytes: number, seed: number): Buffer {
  const value = Buffer.allocUnsafe(valueBytes);
  writeValue(value, 0, valueBytes, index, seed);
  return Buffer.concat([field(1, key(index, seed)), field(2, value)]);
}

/** A field of wire type 2: its number, its length, its bytes. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function withPrefix(message: Buffer): Buffer {
  const bytes = Buffer.alloc(messagePrefixBytes + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, messagePrefixBytes);
  return bytes;
}

/** A field to be indexed, whose name stands at `index` (below 63) of the static table. */
function indexedName(index: number, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40 | index), text(value)]);
}

/** A string of less than 127 bytes without Huffman coding. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value, "latin1")]);
}
