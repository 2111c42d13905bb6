/**
 * The kinds of settings that Redis has, each with what it accepts, in Redis' words where it refuses. A value is kept
 * as `CONFIG GET` shows it.
 */

/** What a value becomes, or why it is refused. */
export type Parsed = { readonly value: string } | { readonly refusal: string };

export interface Setting {
  readonly initial: string;
  /** Why it cannot be set at all, if so. */
  readonly locked?: string;
  /** Shown only to whoever names it in full. */
  readonly isHidden?: true;
  /** `current` is the value that is in force. */
  parse(text: string, current: string): Parsed;
}

export const int64Max: bigint = 2n ** 63n - 1n;
export const int32Max: bigint = 2n ** 31n - 1n;
const uint64Max = 2n ** 64n - 1n;

export function yesOrNo(initial: "yes" | "no"): Setting {
  return {
    initial,
    parse(text) {
      const value = text.toLowerCase();
      return value === "yes" || value === "no" ? { value } : { refusal: "argument must be 'yes' or 'no'" };
    },
  };
}

export function hidden(setting: Setting): Setting {
  return { ...setting, isHidden: true };
}

/** What `string2ll` of Redis reads: no blanks, no plus sign, no leading zero, 64 bits. */
export function parseInteger(text: string): bigint | undefined {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function inRange(value: bigint, min: bigint, max: bigint): Parsed {
  return value >= min && value <= max
    ? { value: value.toString() }
    : { refusal: `argument must be between ${min} and ${max} inclusive` };
}

export function integer(initial: number, min: bigint, max: bigint): Setting {
  return {
    initial: `${initial}`,
    parse(text) {
      const value = parseInteger(text);
      return value === undefined
        ? { refusal: "argument couldn't be parsed into an integer" }
        : inRange(value, min, max);
    },
  };
}

const memoryUnits: Readonly<Record<string, bigint>> = {
  "": 1n,
  b: 1n,
  k: 1_000n,
  kb: 1_024n,
  m: 1_000_000n,
  mb: 1_048_576n,
  g: 1_000_000_000n,
  gb: 1_073_741_824n,
};

/** "100", "1k" (1,000), "1kb" (1,024), "2gb"; nothing at all is 0. Undefined for whatever else. */
export function parseMemory(text: string): bigint | undefined {
  const match = /^([0-9]{0,100})([a-z]*)$/i.exec(text);
  const unit = match?.[2] === undefined ? undefined : memoryUnits[match[2].toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const count = BigInt(match[1] ?? "");
  return BigInt.asUintN(64, (count > uint64Max ? uint64Max : count) * unit);
}

const noMemory = "argument must be a memory value";

export function memory(initial: number, min = 0n, max: bigint = int64Max): Setting {
  return {
    initial: `${initial}`,
    parse(text) {
      const value = parseMemory(text);
      return value === undefined ? { refusal: noMemory } : inRange(value, min, max);
    },
  };
}

/** Unsigned: up to 2^64 - 1. */
export function unsignedMemory(initial: number): Setting {
  return memory(initial, 0n, uint64Max);
}

export function memoryOrPercent(initial: number): Setting {
  return {
    initial: `${initial}`,
    parse(text) {
      if (!text.endsWith("%")) {
        const value = parseMemory(text);
        return value === undefined
          ? { refusal: "argument must be a memory or percent value" }
          : { value: value.toString() };
      }
      const percent = parseInteger(text.slice(0, -1));
      if (percent === undefined || percent < 0n) return { refusal: "argument must be a memory or percent value" };
      return percent > 100n
        ? { refusal: "percentage argument must be less or equal to 100" }
        : { value: `${percent}%` };
    },
  };
}

export function oneOf(initial: string, values: readonly string[]): Setting {
  return {
    initial,
    parse(text) {
      const value = text.toLowerCase();
      return values.includes(value)
        ? { value }
        : { refusal: `argument(s) must be one of the following: ${values.join(", ")}` };
    },
  };
}

export function anyText(initial = ""): Setting {
  return { initial, parse: (value) => ({ value }) };
}

function locked(initial: string, refusal: string): Setting {
  return { initial, locked: refusal, parse: () => ({ refusal }) };
}

/** Said at start and never again. */
export function immutable(initial: string): Setting {
  return locked(initial, "can't set immutable config");
}

/** Could be used to write files where they do not belong. */
export function guarded(initial: string): Setting {
  return locked(initial, "can't set protected config");
}

/** Parsed by `setting`, and then brought between `min` and `max` without a word. */
export function clamped(setting: Setting, min: number, max: number): Setting {
  return {
    initial: setting.initial,
    parse(text, current) {
      const parsed = setting.parse(text, current);
      return "refusal" in parsed ? parsed : { value: `${Math.min(Math.max(Number(parsed.value), min), max)}` };
    },
  };
}

/** Parsed by `setting`, but only the value that is in force already is taken; `refusal` is what Redis says when it cannot. */
export function fixedAtStart(setting: Setting, refusal: string): Setting {
  return {
    initial: setting.initial,
    parse(text, current) {
      const parsed = setting.parse(text, current);
      return "refusal" in parsed || parsed.value === current ? parsed : { refusal };
    },
  };
}
