import { ErrorReply, type Reply, SimpleString } from "../resp/index.ts";
import type { KeyValueInput, KeyValueOutput } from "./key-value-specification.ts";

/** The Redis command for an operation. */
export function wordsOf(input: KeyValueInput): readonly string[] {
  switch (input.kind) {
    case "get":
      return ["GET", input.key];
    case "set":
      return ["SET", input.key, input.value];
    case "setIfAbsent":
      return ["SET", input.key, input.value, "NX"];
    case "swap":
      return ["GETSET", input.key, input.value];
    case "delete":
      return ["DEL", input.key];
    case "increment":
      return ["INCRBY", input.key, String(input.by)];
    case "append":
      return ["APPEND", input.key, input.value];
    case "length":
      return ["STRLEN", input.key];
  }
}

/** What a reply says of its command. */
export type Outcome =
  | { readonly kind: "replied"; readonly output: KeyValueOutput }
  /** It surely did not happen. */
  | { readonly kind: "refused" }
  /** It may have happened, or may happen yet. */
  | { readonly kind: "unknown" }
  /** No such reply should come. */
  | { readonly kind: "nonsense"; readonly text: string };

/** Errors that promise that nothing happened. */
const refusals: ReadonlySet<string> = new Set(["TRYAGAIN", "CLUSTERDOWN", "LOADING", "OOM", "DISKFULL"]);
const notAnInteger = "ERR value is not an integer or out of range";

export function outcomeOf(reply: Reply | undefined): Outcome {
  if (reply === undefined) return { kind: "unknown" };
  if (reply instanceof ErrorReply) {
    const code = reply.text.split(" ", 1)[0] ?? "";
    if (code === "UNCERTAIN") return { kind: "unknown" };
    if (refusals.has(code)) return { kind: "refused" };
    if (reply.text === notAnInteger) return { kind: "replied", output: { error: reply.text } };
    return { kind: "nonsense", text: reply.text };
  }
  if (reply instanceof SimpleString) return { kind: "replied", output: reply.text };
  if (reply === null || typeof reply === "string" || typeof reply === "number") {
    return { kind: "replied", output: reply };
  }
  return { kind: "nonsense", text: JSON.stringify(reply) };
}

/** For the story of a run. */
export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === "nonsense") return `nonsense, ${outcome.text}`;
  return outcome.kind === "replied" ? JSON.stringify(outcome.output).slice(0, 60) : outcome.kind;
}
