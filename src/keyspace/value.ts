/**
 * What a key can hold. A plain string is a byte string and costs nothing beyond it; everything else is an object. The
 * other types join the union, each from a file of its own.
 */
import { RawString } from "./raw-string.ts";

export type Value = StringValue;

/** What `TYPE` calls a string. A RawString is changed in place, and belongs to its key alone. */
export type StringValue = string | RawString;

/** As `TYPE` names them. */
export type ValueType = "string";

export function typeOf(_value: Value): ValueType {
  return "string";
}

/** The forms of values that digests and snapshots tell apart. A number is never used for another form. */
export type ValueForm = 0 | 1 | 2;

export const plainForm = 0;
export const rawForm = 1;
export const embeddedForm = 2;

export function formOf(value: Value): ValueForm {
  if (typeof value === "string") return plainForm;
  return value.encoding === "raw" ? rawForm : embeddedForm;
}

/** A value of this form with these bytes. `text` must be flat. */
export function valueOfForm(form: ValueForm, text: string): Value {
  if (form === plainForm) return text;
  return new RawString(text, form === rawForm ? "raw" : "embstr");
}

export function isString(value: Value): value is StringValue {
  return typeof value === "string" || value instanceof RawString;
}

/** A value that goes its own way, for another key or a snapshot. Costs next to nothing now. */
export function cloneOf(value: Value): Value {
  return typeof value === "string" ? value : value.clone();
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

/** The value's share of {@link logicalBytes}. */
export function valueBytes(value: Value): number {
  return value.length;
}
