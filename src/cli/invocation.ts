/** How the user would call `coterie` again, so that commands which we print can be pasted as they are. */
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface InvocationContext {
  /** The absolute path of our own `bin/coterie`. */
  readonly binary: string;
  readonly path: string;
  /** What npm says that it runs ("exec" for npx), if it runs us. */
  readonly npmCommand: string | undefined;
}

/**
 * "coterie" if the shell finds it, "npx coterie" where npx has fetched it, else the path of `bin/coterie`: what we print is
 * pasted in another terminal, whose folder need not be the one that npx was called in.
 */
export function commandName(context: InvocationContext): string {
  if (context.npmCommand === "exec" && /[\\/]_npx[\\/]/.test(context.binary)) return "npx coterie";
  // npm puts folders of packages before the PATH of the programs that it runs; the user's shell does not have them.
  const folders = context.path.split(delimiter).filter((folder) => !isInPackages(`${folder}/`));
  const isOnPath = folders.some((folder) => folder !== "" && isSameFile(join(folder, "coterie"), context.binary));
  return isOnPath ? "coterie" : quoteWord(context.binary);
}

/** A word as a POSIX shell reads it back. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function isInPackages(path: string): boolean {
  return /[\\/]node_modules[\\/]/.test(path);
}

function isSameFile(candidate: string, binary: string): boolean {
  try {
    accessSync(candidate, constants.X_OK);
    return realpathSync(candidate) === realpathSync(binary);
  } catch {
    return false;
  }
}
