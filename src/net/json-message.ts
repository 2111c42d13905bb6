import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgumentError } from "../channels/index.ts";
import { findSyntaxProblem } from "./json-syntax.ts";
import {
  MessageInvalidError,
  MessageMalformedError,
  MessageNotUtf8Error,
  type MessagePlace,
  MessageTooDeepError,
  MessageTooLargeError,
} from "./message-errors.ts";
import { findInvalidUtf8 } from "./utf8.ts";

/** Any validator that follows Standard Schema, version 1, and yields `T`: one of zod, valibot, arktype and others. */
export type MessageSchema<T> = StandardSchemaV1<unknown, T>;

/** What a received message may be. */
export interface JsonOptions<T> {
  /** Of one message, without what stands around it in a stream. Default 1 MiB. */
  readonly bytesMax?: number;
  /** Arrays and objects within each other. Default 64. */
  readonly depthMax?: number;
  /** What received messages must be; with its own type. */
  readonly schema: MessageSchema<T>;
}

export const jsonBytesMaxDefault: number = 1024 * 1024;
const depthMaxDefault = 64;

/** Accepts everything, as `unknown`. */
export const anything: MessageSchema<unknown> = {
  "~standard": { version: 1, vendor: "coterie", validate: (value) => ({ value }) },
};

/**
 * The JSON of `value` in UTF-8, without a line's end within.
 * @throws MessageTooLargeError (MESSAGE_TOO_LARGE); InvalidArgumentError (INVALID_ARGUMENT) for what is no JSON.
 */
export function encodeJson(value: unknown, bytesMax: number = jsonBytesMaxDefault): Uint8Array {
  return Buffer.from(jsonText(value, bytesMax));
}

/** As {@link encodeJson}, before it is bytes. */
export function jsonText(value: unknown, bytesMax: number): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new InvalidArgumentError("a value that goes in circles, or holds a BigInt, is no JSON", { cause });
  }
  if (text === undefined) throw new InvalidArgumentError("undefined, functions and symbols are no JSON");
  // Three bytes a character are the most, so that short texts need no counting.
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax) throw new MessageTooLargeError(bytesMax);
  return text;
}

/**
 * The value that `bytes` stand for; a promise if the schema gives one. Of a name that comes twice in an object the last
 * counts; nothing is taken for special, `__proto__` neither.
 * @throws MessageTooLargeError (MESSAGE_TOO_LARGE), MessageNotUtf8Error (MESSAGE_NOT_UTF8), MessageMalformedError
 * (MESSAGE_MALFORMED), MessageTooDeepError (MESSAGE_TOO_DEEP), MessageInvalidError (MESSAGE_INVALID).
 */
export function decodeJson<T>(bytes: Uint8Array, options: JsonOptions<T>): T | Promise<T> {
  return decodeMessage(bytes, options, undefined);
}

/** As {@link decodeJson}, for the message of a stream that has this number. */
export function decodeMessage<T>(
  bytes: Uint8Array,
  options: JsonOptions<T>,
  messageNumber: number | undefined,
): T | Promise<T> {
  const { bytesMax = jsonBytesMaxDefault, depthMax = depthMaxDefault, schema } = options;
  if (bytes.length > bytesMax) throw new MessageTooLargeError(bytesMax, { messageNumber });
  return checkMessage(parse(bytes, depthMax, messageNumber), schema, { messageNumber });
}

/** What `schema` makes of `value`. @throws MessageInvalidError (MESSAGE_INVALID) */
export function checkMessage<T>(value: unknown, schema: MessageSchema<T>, place: MessagePlace = {}): T | Promise<T> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then((settled) => validated(settled, place)) : validated(result, place);
}

function validated<T>(result: StandardSchemaV1.Result<T>, place: MessagePlace): T {
  if (result.issues !== undefined) throw new MessageInvalidError(result.issues, place);
  return result.value;
}

/** A mark at the beginning is no JSON, so that it is not taken off. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parse(bytes: Uint8Array, depthMax: number, messageNumber: number | undefined): unknown {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new MessageNotUtf8Error({ messageNumber, offset: findInvalidUtf8(bytes) });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const { offset, problem } = findSyntaxProblem(bytes) ?? { offset: undefined, problem: "it cannot be read" };
    throw new MessageMalformedError(problem, { messageNumber, offset }, { cause });
  }
  // Every level takes a byte at least.
  if (bytes.length > depthMax && isDeeper(value, depthMax)) {
    throw new MessageTooDeepError(depthMax, { messageNumber, offset: findSyntaxProblem(bytes, depthMax)?.offset });
  }
  return value;
}

/** Goes no deeper than `depthMax` itself. */
function isDeeper(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depthMax === 0) return true;
  if (Array.isArray(value)) return value.some((element) => isDeeper(element, depthMax - 1));
  for (const name in value) {
    if (isDeeper(Reflect.get(value, name), depthMax - 1)) return true;
  }
  return false;
}
