/**
 * What a key can hold. A plain string is a byte string and costs nothing beyond it; everything else is an object. The
 * other types join the union, each from a file of its own.
 */
import { RawString } from "./raw-string.ts";

export type Value = string | RawString;

/** As `TYPE` names them. */
export type ValueType = "string";

export function typeOf(_value: Value): ValueType {
  return "string";
}

/** Whether `value` is what `TYPE` calls a string. */
export function isString(value: Value): value is string | RawString {
  return typeof value === "string" || value instanceof RawString;
}

/**
 * What a key weighs for limits and `MEMORY USAGE`: a function of its logical content alone, the same on every replica,
 * near to what it really takes.
 */
export function logicalBytes(key: string, value: Value): number {
  return keyOverheadBytes + key.length + valueBytes(value);
}

/** What a deadline adds. */
export const deadlineBytes = 40;

/** What a key takes besides its own bytes and those of its value. */
export const keyOverheadBytes = 72;

function valueBytes(value: Value): number {
  return value.length;
}
