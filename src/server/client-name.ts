import { ErrorReply } from "../resp/index.ts";

/** Names must not break the lines of `CLIENT LIST`. */
export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

export const clientNameError: ErrorReply = new ErrorReply(
  "ERR Client names cannot contain spaces, newlines or special characters.",
);
