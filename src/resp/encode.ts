import { unreachable } from "../platform/index.ts";
import {
  BytesReply,
  DoubleReply,
  ErrorReply,
  MapReply,
  NoReply,
  NullArray,
  ok,
  PushReply,
  RawReply,
  type Reply,
  SetReply,
  SimpleString,
  VerbatimReply,
} from "./reply.ts";

/** The protocol that a client has chosen by `HELLO`; 2 before that. */
export type RespVersion = 2 | 3;

const okText = "+OK\r\n";
/** Small integers are most of all integers. */
const integerTexts: readonly string[] = Array.from({ length: 1024 }, (_, value) => `:${value}\r\n`);
/** What stands before a bulk string of so many bytes. */
const bulkHeaders: readonly string[] = Array.from({ length: 1024 }, (_, length) => `$${length}\r\n`);

/** Longer than any string that Node makes. What was asked for has been done, or read; only the answer is lost. */
const tooLongText = "-ERR the reply is longer than 512 MiB and cannot be sent\r\n";

/**
 * `reply` as the byte string that Redis would send for it. The result shares no memory with what the reply was made
 * from; concatenating many of them and writing once is the quick way to answer. In place of a reply that is longer than
 * a string can be (2^29 - 24 bytes) stands an error that says so.
 */
export function encodeReply(reply: Reply, protocol: RespVersion): string {
  try {
    return encode(reply, protocol);
  } catch (error) {
    if (error instanceof RangeError) return tooLongText;
    throw error;
  }
}

function encode(reply: Reply, protocol: RespVersion): string {
  if (typeof reply === "string") return `${bulkHeaders[reply.length] ?? `$${reply.length}\r\n`}${reply}\r\n`;
  if (reply === ok) return okText;
  if (typeof reply === "number")
    return (reply >= 0 && reply < 1024 ? integerTexts[reply] : undefined) ?? `:${reply}\r\n`;
  if (reply === null) return protocol === 3 ? "_\r\n" : "$-1\r\n";
  return encodeOther(reply, protocol);
}

function encodeOther(reply: Exclude<Reply, string | number | null>, protocol: RespVersion): string {
  if (isArray(reply)) return encodeAll(reply, protocol);
  if (typeof reply === "bigint") return `:${reply}\r\n`;
  if (typeof reply === "boolean") return protocol === 3 ? (reply ? "#t\r\n" : "#f\r\n") : reply ? ":1\r\n" : ":0\r\n";
  if (reply instanceof RawReply) return reply.text;
  if (reply instanceof SimpleString) return `+${oneLine(reply.text)}\r\n`;
  if (reply instanceof ErrorReply) return `-${oneLine(reply.text)}\r\n`;
  if (reply instanceof NullArray) return protocol === 3 ? "_\r\n" : "*-1\r\n";
  if (reply instanceof NoReply) return "";
  if (reply instanceof DoubleReply)
    return protocol === 3 ? `,${reply.text}\r\n` : `$${reply.text.length}\r\n${reply.text}\r\n`;
  if (reply instanceof VerbatimReply)
    return protocol === 3
      ? `=${reply.text.length + 4}\r\n${reply.format}:${reply.text}\r\n`
      : `$${reply.text.length}\r\n${reply.text}\r\n`;
  if (isAggregate(reply)) return encodeAll(reply, protocol);
  if (reply instanceof BytesReply) return `$${reply.bytes.length}\r\n${reply.bytes.latin1Slice()}\r\n`;
  return unreachable(reply);
}

/** A reply that holds replies. */
export type Aggregate = readonly Reply[] | MapReply | SetReply | PushReply;

export function isAggregate(reply: Reply): reply is Aggregate {
  return isArray(reply) || reply instanceof MapReply || reply instanceof SetReply || reply instanceof PushReply;
}

/** What it holds, in order; of a map keys and values in turn. */
export function itemsOf(reply: Aggregate): readonly Reply[] {
  if (isArray(reply)) return reply;
  if (reply instanceof MapReply) return reply.entries;
  return reply instanceof SetReply ? reply.members : reply.items;
}

/** The line before its items. */
export function headerOf(reply: Aggregate, protocol: RespVersion): string {
  const { length } = itemsOf(reply);
  if (isArray(reply) || protocol === 2) return `*${length}\r\n`;
  if (reply instanceof MapReply) return `%${length / 2}\r\n`;
  return `${reply instanceof SetReply ? "~" : ">"}${length}\r\n`;
}

function isArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}

function encodeAll(reply: Aggregate, protocol: RespVersion): string {
  let text = headerOf(reply, protocol);
  for (const item of itemsOf(reply)) text += encode(item, protocol);
  return text;
}

/** A line ends at the first line end: within one, Redis sends blanks instead. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, " ") : text;
}
