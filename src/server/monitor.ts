import type { Arguments } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { secretWords } from "./redaction.ts";
import type { ServedCommand } from "./served-command.ts";

/** A word as `MONITOR` shows it: in quotes, with what is not printable escaped. */
function quoted(word: string): string {
  const escaped = word.replace(/[\\"]|[^ -~]/g, (character) => {
    switch (character) {
      case "\\":
      case '"':
        return `\\${character}`;
      case "\n":
        return "\\n";
      case "\r":
        return "\\r";
      case "\t":
        return "\\t";
      case "\x07":
        return "\\a";
      case "\b":
        return "\\b";
      default:
        return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
    }
  });
  return `"${escaped}"`;
}

/** The line that `MONITOR` shows of a command, as a reply. */
export function monitorLine(sender: Connection, command: ServedCommand, args: Arguments, wallMs: number): string {
  const isSecret = secretWords(command, args);
  const words = args.texts().map((word, index) => (isSecret(index) ? '"(redacted)"' : quoted(word)));
  const { host, port } = sender.address;
  return `+${(wallMs / 1_000).toFixed(6)} [0 ${host}:${port}] ${words.join(" ")}\r\n`;
}
