import type { StandardSchemaV1 } from "@standard-schema/spec";
import { CoterieError, type Outcome } from "../platform/index.ts";

/** Where a received message went wrong. */
export interface MessagePlace {
  /** Which message of its stream, counted from 1; where messages are lines, the line. Undefined for one by itself. */
  readonly messageNumber?: number | undefined;
  /** The byte in the message, counted from 0; undefined where the whole message is meant. */
  readonly offset?: number | undefined;
  /** In words, where it came as a part of another message: "the params". */
  readonly what?: string | undefined;
}

/**
 * A message cannot be sent, or what came is none. A stream goes on with the message after it, unless it was cut off
 * (MESSAGE_TRUNCATED).
 */
export abstract class MessageError extends CoterieError {
  readonly messageNumber: number | undefined;
  readonly offset: number | undefined;

  constructor(problem: string, place: MessagePlace, options?: { readonly cause?: unknown }) {
    const { messageNumber, offset, what: subject = "a message" } = place;
    const where = [
      messageNumber === undefined ? subject : `message ${messageNumber}`,
      ...(offset === undefined ? [] : [`at byte ${offset}`]),
    ];
    super(`${where.join(" ")}: ${problem}`, options);
    this.messageNumber = messageNumber;
    this.offset = offset;
  }
}

/** A message has more bytes than the limit. One to be sent was not sent; one that came is skipped. */
export class MessageTooLargeError extends MessageError {
  readonly code = "MESSAGE_TOO_LARGE";
  readonly bytesMax: number;
  constructor(bytesMax: number, place: MessagePlace = {}) {
    super(`it has more than ${bytesMax} bytes; send less at a time, or raise bytesMax on both sides`, place);
    this.bytesMax = bytesMax;
  }
}

/** Arrays and objects lie deeper in each other than the limit. `offset` is the byte at which they do. */
export class MessageTooDeepError extends MessageError {
  readonly code = "MESSAGE_TOO_DEEP";
  readonly depthMax: number;
  constructor(depthMax: number, place: MessagePlace) {
    super(`it is nested deeper than ${depthMax}; flatten it, or raise depthMax`, place);
    this.depthMax = depthMax;
  }
}

/** A message is not UTF-8. `offset` is the first byte that is not. */
export class MessageNotUtf8Error extends MessageError {
  readonly code = "MESSAGE_NOT_UTF8";
  constructor(place: MessagePlace) {
    super("it is not UTF-8", place);
  }
}

/** A message is no JSON. `offset` is the byte that cannot stand there; its length if it ends too early. */
export class MessageMalformedError extends MessageError {
  readonly code = "MESSAGE_MALFORMED";
  constructor(problem: string, place: MessagePlace, options?: { readonly cause?: unknown }) {
    super(`it is no JSON: ${problem}`, place, options);
  }
}

/** The other side ended in the middle of a message. */
export class MessageTruncatedError extends MessageError {
  readonly code = "MESSAGE_TRUNCATED";
  /** What came of it. */
  readonly byteCount: number;
  constructor(byteCount: number, place: MessagePlace) {
    super(`the connection ended ${byteCount} bytes into it, and the rest never comes`, place);
    this.byteCount = byteCount;
  }
}

/** What a schema has against a value, and where in it. */
export interface SchemaIssue {
  /** The schema's own words. */
  readonly message: string;
  /** The names and positions that lead to it; empty for the value itself. */
  readonly path: readonly PropertyKey[];
}

/** A message is JSON, but not what the schema asks for. */
export class MessageInvalidError extends MessageError {
  readonly code = "MESSAGE_INVALID";
  readonly issues: readonly SchemaIssue[];
  /** "applied" for a request's result: the request has been carried out. */
  override readonly outcome: Outcome;
  constructor(issues: readonly StandardSchemaV1.Issue[], place: MessagePlace = {}, outcome: Outcome = "notApplied") {
    const plain = Array.from(issues, plainIssue);
    super(`it does not fit its schema: ${plain.map(textOf).join("; ")}`, place);
    this.issues = plain;
    this.outcome = outcome;
  }
}

/** Validators have arrays of classes of their own, which need not do what arrays do. */
function plainIssue({ message, path = [] }: StandardSchemaV1.Issue): SchemaIssue {
  return { message, path: Array.from(path, (part) => (typeof part === "object" ? part.key : part)) };
}

function textOf({ message, path }: SchemaIssue): string {
  return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
}
