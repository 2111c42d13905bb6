/** Options of commands: words that are compared in any case, without making strings of them. */
import type { Arguments } from "../resp/index.ts";

/** The first of `options`, in upper case, that word `word` is; undefined if it is none. */
export function optionOf<Option extends string>(
  args: Arguments,
  word: number,
  options: readonly Option[],
): Option | undefined {
  const start = args.starts[word] as number;
  const length = (args.ends[word] as number) - start;
  for (const option of options) if (option.length === length && isOption(args.bytes, start, option)) return option;
  return undefined;
}

function isOption(bytes: Uint8Array, start: number, option: string): boolean {
  for (let at = 0; at < option.length; at++) {
    const byte = bytes[start + at] as number;
    if ((byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte) !== option.charCodeAt(at)) return false;
  }
  return true;
}
