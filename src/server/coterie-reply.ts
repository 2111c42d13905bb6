/** How `COTERIE` reads the words of operators, and answers them with what went wrong. */
import { CoterieError } from "../platform/index.ts";
import { type Arguments, ErrorReply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";

/** Under the error's code, or as `UNCERTAIN` where it may have happened. */
export function errorReply({ context }: Connection, error: unknown): ErrorReply {
  if (error instanceof CoterieError) {
    return new ErrorReply(`${error.outcome === "unknown" ? "UNCERTAIN" : error.code} ${error.message}`);
  }
  context.logger.log("error", "what an operator asked for failed", { error: String(error) });
  return new ErrorReply("ERR That could not be done. See the log of this node.");
}

/** A word as text. */
export function textOf(args: Arguments, index: number): string {
  return Buffer.from(args.text(index), "latin1").toString("utf8");
}

/** A word as a whole number from 0; undefined if it is none. */
export function wholeOf(args: Arguments, index: number): number | undefined {
  if (index >= args.count) return undefined;
  const text = args.text(index);
  return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;
}
