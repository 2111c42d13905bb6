/** Where a password or a cluster secret comes from, so that none need stand in a command line. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "./refusal.ts";

export interface PasswordFlags {
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}

export interface Password {
  readonly text: string;
  /** The file that it was read from, absolute: its path may be remembered, the password may not. */
  readonly file: string | undefined;
  /** What the user should know about the way in which it was given. */
  readonly warning: string | undefined;
}

const passwordBytesMax = 512;

/** `--password-file`, else `--password`, else `COTERIE_PASSWORD`; undefined if there is none. */
export function readPassword(flags: PasswordFlags, environmentText: string | undefined): Password | undefined {
  if (flags.password !== undefined && flags.passwordFile !== undefined)
    throw new UsageError("--password and --password-file exclude each other. Keep --password-file.");
  if (flags.passwordFile !== undefined) {
    const file = resolve(flags.passwordFile);
    const text = readSecretFile("--password-file", file);
    return { text: checked("--password-file", text), file, warning: openFileWarning(file) };
  }
  if (flags.password !== undefined) {
    const warning =
      "--password shows the password to every user who lists processes; use --password-file or COTERIE_PASSWORD.";
    return { text: checked("--password", flags.password), file: undefined, warning };
  }
  if (environmentText === undefined || environmentText === "") return undefined;
  return { text: checked("COTERIE_PASSWORD", environmentText), file: undefined, warning: undefined };
}

/** The first line of a file that holds a password or a secret. */
export function readSecretFile(flag: string, file: string): string {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (cause) {
    const what = flag === "--password-file" ? "password" : "secret";
    throw new UsageError(`${flag}: ${file} cannot be read. Give a file that holds the ${what} on its first line.`, {
      cause,
    });
  }
  return content.split(/\r?\n/, 1)[0] ?? "";
}

function checked(source: string, text: string): string {
  if (text === "") throw new UsageError(`${source} is empty. Give a password of at least one character.`);
  if (Buffer.byteLength(text) <= passwordBytesMax) return text;
  throw new UsageError(`${source} is longer than ${passwordBytesMax} bytes. Give a shorter one.`);
}

function openFileWarning(file: string): string | undefined {
  const isOpen = process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
  return isOpen ? `${file} may be read by other users; chmod 600 closes it.` : undefined;
}
