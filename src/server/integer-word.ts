import type { Arguments } from "../resp/index.ts";
import { parseInteger } from "./config-setting.ts";

/** Word `index` as a whole number of 64 bits, as Redis reads it; undefined if it is none, or no safe JavaScript integer. */
export function integerWord(args: Arguments, index: number): number | undefined {
  if (args.byteLength(index) > 20) return undefined;
  const value = parseInteger(args.text(index));
  if (value === undefined) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}
