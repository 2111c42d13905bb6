import type { Arguments } from "../resp/index.ts";
import type { ServedCommand } from "./served-command.ts";

/** Which words of a command are secrets, and must be shown neither in `MONITOR` nor in `SLOWLOG`. */
export function secretWords(command: ServedCommand, args: Arguments): (index: number) => boolean {
  switch (command.name) {
    case "auth":
      return (index) => index >= 1;
    case "hello":
      return (index) => {
        // HELLO 3 AUTH user password
        for (let at = 2; at < index; at++) {
          if (args.text(at).toUpperCase() === "AUTH") return index <= at + 2;
        }
        return false;
      };
    case "config|set":
      return (index) => index >= 3 && /^(requirepass|masterauth|tls-.*-pass)$/i.test(args.text(index - 1));
    default:
      return () => false;
  }
}
