/**
 * What a command answers, before it is known which protocol the client speaks. The plain JavaScript values are the
 * frequent ones and cost no object:
 *
 * | value | RESP3 | RESP2 |
 * |---|---|---|
 * | `string` (a byte string) | bulk string | bulk string |
 * | `number` (a safe integer), `bigint` (64 bits) | integer | integer |
 * | `null` | null | null bulk string |
 * | array | array | array |
 * | the classes below | as named | as Redis 7.0 answers a RESP2 client |
 */
export type Reply =
  | string
  | number
  | bigint
  | null
  | boolean
  | readonly Reply[]
  | SimpleString
  | ErrorReply
  | DoubleReply
  | MapReply
  | SetReply
  | VerbatimReply
  | NullArray
  | PushReply
  | RawReply
  | BytesReply
  | NoReply;

/** `+text`. */
export class SimpleString {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** `-text`; the first word of `text` is the error's code, e.g. "WRONGTYPE Operation against …". */
export class ErrorReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** `,value`; in RESP2 a bulk string. `text` is the value as Redis prints it. */
export class DoubleReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Keys and values in turn; in RESP2 a flat array. */
export class MapReply {
  readonly entries: readonly Reply[];
  constructor(entries: readonly Reply[]) {
    this.entries = entries;
  }
}

/** In RESP2 an array. */
export class SetReply {
  readonly members: readonly Reply[];
  constructor(members: readonly Reply[]) {
    this.members = members;
  }
}

/** `=` with a three-letter format ("txt", "mkd"); in RESP2 a bulk string. */
export class VerbatimReply {
  readonly format: string;
  readonly text: string;
  constructor(format: string, text: string) {
    this.format = format;
    this.text = text;
  }
}

/** `*-1` in RESP2, null in RESP3. */
export class NullArray {}

/** Out of band (RESP3); an array in RESP2. */
export class PushReply {
  readonly items: readonly Reply[];
  constructor(items: readonly Reply[]) {
    this.items = items;
  }
}

/** Already encoded for the client's protocol, as a byte string: the reply to a forwarded command. */
export class RawReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A bulk string that is kept as bytes, which never change. For long ones that are kept so already: they are not copied. */
export class BytesReply {
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Nothing is sent (`CLIENT REPLY OFF`). */
export class NoReply {}

export const ok: SimpleString = new SimpleString("OK");
export const nullArray: NullArray = new NullArray();
export const noReply: NoReply = new NoReply();
