import { impossible, type Specification } from "./specification.ts";

/** What is asked of one key. Texts are compared as they are; numbers in them are decimal, as Redis writes them. */
export type KeyValueInput =
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "set"; readonly key: string; readonly value: string }
  | { readonly kind: "setIfAbsent"; readonly key: string; readonly value: string }
  /** Sets the value and answers the old one. */
  | { readonly kind: "swap"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "increment"; readonly key: string; readonly by: number }
  | { readonly kind: "append"; readonly key: string; readonly value: string }
  | { readonly kind: "length"; readonly key: string };

/**
 * - get, swap: the value, or null
 * - set: "OK"; setIfAbsent: "OK", or null if there was a value
 * - delete: the number of keys deleted, 0 or 1
 * - increment, append, length: the number that results
 * - any: `{ error }`, which promises that nothing changed; of an increment it says that the value is no number
 */
export type KeyValueOutput = string | number | null | { readonly error: string };

type Value = string | null;

/** A store of texts under keys, one part a key. */
export const keyValueSpecification: Specification<Value, KeyValueInput, KeyValueOutput> = {
  initial: null,
  next: (value, input, output) => {
    const [after, expected] = execute(value, input);
    return output === undefined || isSame(output, expected) ? after : impossible;
  },
  encode: (value) => (value === null ? "" : `=${value}`),
  partOf: (input) => input.key,
  isReadOnly: (input, output) => {
    if (input.kind === "get" || input.kind === "length") return true;
    if (input.kind === "setIfAbsent") return output === null;
    return input.kind === "delete" ? output === 0 : typeof output === "object" && output !== null;
  },
  describe: (input, output) => `${describeInput(input)} → ${describeOutput(output)}`,
};

const notANumber = { error: "not an integer" };

function execute(value: Value, input: KeyValueInput): [Value, KeyValueOutput] {
  switch (input.kind) {
    case "get":
      return [value, value];
    case "set":
      return [input.value, "OK"];
    case "setIfAbsent":
      return value === null ? [input.value, "OK"] : [value, null];
    case "swap":
      return [input.value, value];
    case "delete":
      return [null, value === null ? 0 : 1];
    case "increment": {
      const sum = Number(value ?? "0") + input.by;
      if (!/^(0|-?[1-9]\d*)$/.test(value ?? "0") || !Number.isSafeInteger(sum)) return [value, notANumber];
      return [String(sum), sum];
    }
    case "append": {
      const after = (value ?? "") + input.value;
      return [after, after.length];
    }
    case "length":
      return [value, value?.length ?? 0];
  }
}

/** All errors are alike. */
function isSame(output: KeyValueOutput, expected: KeyValueOutput): boolean {
  if (output === expected) return true;
  return typeof output === "object" && output !== null && typeof expected === "object" && expected !== null;
}

function describeInput(input: KeyValueInput): string {
  switch (input.kind) {
    case "get":
      return "GET";
    case "set":
      return `SET ${short(input.value)}`;
    case "setIfAbsent":
      return `SET ${short(input.value)} NX`;
    case "swap":
      return `GETSET ${short(input.value)}`;
    case "delete":
      return "DEL";
    case "increment":
      return `INCRBY ${input.by}`;
    case "append":
      return `APPEND ${short(input.value)}`;
    case "length":
      return "STRLEN";
  }
}

function describeOutput(output: KeyValueOutput | undefined): string {
  if (output === undefined) return "?";
  if (output === null) return "nothing";
  if (typeof output === "object") return `error: ${output.error}`;
  return typeof output === "string" && output !== "OK" ? short(output) : String(output);
}

function short(text: string): string {
  return JSON.stringify(text);
}
