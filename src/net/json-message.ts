import { InvalidArgumentError } from "../channels/index.ts";
import {
  MessageInvalidError,
  MessageMalformedError,
  MessageTooDeepError,
  MessageTooLargeError,
  type SchemaIssue,
} from "./message-errors.ts";

/** What a validator offers by the Standard Schema convention, version 1: zod, valibot, arktype and others do. */
export interface MessageSchema<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
  };
}

export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface JsonOptions<T> {
  /** Of one message, without the line's end. Default 1 MiB. */
  readonly bytesMax?: number;
  /** Arrays and objects within each other. Default 64. */
  readonly depthMax?: number;
  /** What received messages must be; with its own type. */
  readonly schema: MessageSchema<T>;
}

export const jsonBytesMaxDefault: number = 1024 * 1024;
const depthMaxDefault = 64;

/** Accepts everything, as `unknown`. */
export const anything: MessageSchema<unknown> = { "~standard": { version: 1, validate: (value) => ({ value }) } };

/** @throws MessageTooLargeError (MESSAGE_TOO_LARGE); InvalidArgumentError (INVALID_ARGUMENT) for what is no JSON. */
export function encodeJson(value: unknown, bytesMax: number = jsonBytesMaxDefault): Uint8Array {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new InvalidArgumentError("a value that goes in circles, or holds a BigInt, is no JSON", { cause });
  }
  if (text === undefined) throw new InvalidArgumentError("undefined, functions and symbols are no JSON");
  const bytes = Buffer.from(text);
  if (bytes.length > bytesMax) throw new MessageTooLargeError(bytesMax);
  return bytes;
}

/**
 * @throws MessageTooLargeError (MESSAGE_TOO_LARGE), MessageTooDeepError (MESSAGE_TOO_DEEP), MessageMalformedError
 * (MESSAGE_MALFORMED), MessageInvalidError (MESSAGE_INVALID).
 */
export async function decodeJson<T>(bytes: Uint8Array, options: JsonOptions<T>): Promise<T> {
  const { bytesMax = jsonBytesMaxDefault, depthMax = depthMaxDefault, schema } = options;
  if (bytes.length > bytesMax) throw new MessageTooLargeError(bytesMax);
  checkDepth(bytes, depthMax);
  const result = await schema["~standard"].validate(parse(bytes));
  if (result.issues !== undefined) throw new MessageInvalidError(result.issues);
  return result.value;
}

function parse(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new MessageMalformedError("it is not UTF-8", { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MessageMalformedError(cause instanceof Error ? cause.message : "it is no JSON", { cause });
  }
}

const [quote, backslash] = [0x22, 0x5c];
const opening: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const ending: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Counts brackets outside of strings, before anything is built from them. */
function checkDepth(bytes: Uint8Array, depthMax: number): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === quote) isInString = !isInString;
    else if (isInString) at += byte === backslash ? 1 : 0;
    else if (ending.has(byte)) depth--;
    else if (opening.has(byte) && ++depth > depthMax) throw new MessageTooDeepError(depthMax, at);
  }
}
