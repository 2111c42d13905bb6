/** Replies that many commands give, worded as Redis 7.0 words them. */
import { ErrorReply, type Reply } from "../resp/index.ts";
import { RawString } from "./raw-string.ts";
import type { Value } from "./value.ts";

export const wrongType: ErrorReply = new ErrorReply(
  "WRONGTYPE Operation against a key holding the wrong kind of value",
);
export const syntaxError: ErrorReply = new ErrorReply("ERR syntax error");
export const notAnInteger: ErrorReply = new ErrorReply("ERR value is not an integer or out of range");
export const notAFloat: ErrorReply = new ErrorReply("ERR value is not a valid float");
export const noSuchKey: ErrorReply = new ErrorReply("ERR no such key");
export const overflow: ErrorReply = new ErrorReply("ERR increment or decrement would overflow");
export const stringTooLong: ErrorReply = new ErrorReply("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

/** `command` in lower case. */
export function invalidExpireTime(command: string): ErrorReply {
  return new ErrorReply(`ERR invalid expire time in '${command}' command`);
}

/** A string's content, or what is said of every other value, or null for none. */
export function textReply(value: Value | undefined): Reply {
  if (typeof value === "string") return value;
  if (value === undefined) return null;
  return value instanceof RawString ? value.reply() : wrongType;
}

/** What Redis would show of a client's word in an error: not past a zero byte, and on one line. */
export function printable(text: string, lengthMax: number = Number.POSITIVE_INFINITY): string {
  const end = text.indexOf("\0");
  return text.slice(0, end === -1 ? lengthMax : Math.min(end, lengthMax)).replace(/[\r\n]/g, " ");
}
