/** Replies as JavaScript values, and JavaScript values as the words of a command. */
import { unreachable } from "../platform/index.ts";
import {
  BytesReply,
  DoubleReply,
  ErrorReply,
  MapReply,
  NoReply,
  NullArray,
  PushReply,
  RawReply,
  type Reply,
  SetReply,
  SimpleString,
  VerbatimReply,
} from "../resp/index.ts";
import { CommandError } from "./command-error.ts";

/** A word of a command. Strings are sent as UTF-8, numbers as JavaScript prints them, bytes as they are. */
export type CommandArgument = string | number | bigint | Uint8Array;

/**
 * What a command resolves to. `Text` is `string` (decoded as UTF-8) or, where bytes were asked for, `Uint8Array`.
 *
 * | RESP3 | value |
 * |---|---|
 * | bulk string, verbatim string | `Text` |
 * | simple string (`OK`, `PONG`, …) | `string` |
 * | integer | `number`; `bigint` beyond ±(2^53 - 1) |
 * | big number | `bigint` |
 * | double | `number` |
 * | boolean | `boolean` |
 * | null | `null` |
 * | array | array |
 * | map | `Map` |
 * | set | `Set` |
 * | error | the promise rejects with a `CommandError`; within an array it is a value |
 */
export type ReplyValue<Text extends string | Uint8Array = string> =
  | Text
  | string
  | number
  | bigint
  | boolean
  | null
  | CommandError
  | readonly ReplyValue<Text>[]
  | ReadonlyMap<ReplyValue<Text>, ReplyValue<Text>>
  | ReadonlySet<ReplyValue<Text>>;

/** `decode` makes a `Text` of a byte string: {@link textOfBytes} or {@link bytesOfText}. */
export function toValue<Text extends string | Uint8Array>(
  reply: Reply,
  decode: (byteString: string) => Text,
): ReplyValue<Text> {
  if (typeof reply === "string") return decode(reply);
  if (typeof reply === "number" || typeof reply === "boolean" || reply === null) return reply;
  if (typeof reply === "bigint") return reply;
  if (reply instanceof SimpleString) return textOfBytes(reply.text);
  if (reply instanceof ErrorReply) return new CommandError(textOfBytes(reply.text));
  if (reply instanceof DoubleReply) return toNumber(reply.text);
  if (reply instanceof VerbatimReply) return decode(reply.text);
  if (reply instanceof NullArray || reply instanceof NoReply) return null;
  if (reply instanceof MapReply) return toMap(reply.entries, decode);
  if (reply instanceof SetReply) return new Set(reply.members.map((member) => toValue(member, decode)));
  if (reply instanceof PushReply) return reply.items.map((item) => toValue(item, decode));
  if (reply instanceof RawReply) return decode(reply.text);
  if (reply instanceof BytesReply) return decode(reply.bytes.latin1Slice());
  if (isArray(reply)) return reply.map((item) => toValue(item, decode));
  return unreachable(reply);
}

/** A byte string read as UTF-8; what is no UTF-8 becomes U+FFFD. */
export function textOfBytes(byteString: string): string {
  return isAscii(byteString) ? byteString : Buffer.from(byteString, "latin1").toString("utf8");
}

/** The bytes of a byte string, in memory of their own. */
export function bytesOfText(byteString: string): Uint8Array {
  return new Uint8Array(Buffer.from(byteString, "latin1"));
}

/** Beyond any `commandBytesMax` that a node would take, and within what a string can hold as UTF-8. */
const commandCharactersMax = 128 * 1_048_576;

/** A command as RESP, as a byte string. @throws {CommandError} (ERR) if it is too large for any node */
export function encodeCommand(words: readonly CommandArgument[]): string {
  let size = 0;
  for (const word of words) size += typeof word === "string" || word instanceof Uint8Array ? word.length : 0;
  if (size > commandCharactersMax)
    throw new CommandError(`ERR A command of ${size} characters or bytes is too large: it did not happen.`);
  let text = `*${words.length}\r\n`;
  for (const word of words) {
    const bytes = toByteString(word);
    text += `$${bytes.length}\r\n${bytes}\r\n`;
  }
  return text;
}

/** A word as it is sent. */
export function toByteString(word: CommandArgument): string {
  if (typeof word === "string") return isAscii(word) ? word : Buffer.from(word, "utf8").toString("latin1");
  if (typeof word === "number" || typeof word === "bigint") return String(word);
  return Buffer.from(word.buffer, word.byteOffset, word.byteLength).toString("latin1");
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

function toNumber(text: string): number {
  if (text === "inf" || text === "+inf") return Number.POSITIVE_INFINITY;
  return text === "-inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function toMap<Text extends string | Uint8Array>(
  entries: readonly Reply[],
  decode: (byteString: string) => Text,
): ReadonlyMap<ReplyValue<Text>, ReplyValue<Text>> {
  const map = new Map<ReplyValue<Text>, ReplyValue<Text>>();
  for (let at = 0; at + 1 < entries.length; at += 2)
    map.set(toValue(entries[at] ?? null, decode), toValue(entries[at + 1] ?? null, decode));
  return map;
}

function isArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}
