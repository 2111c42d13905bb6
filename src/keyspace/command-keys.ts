import type { CommandSpec, KeySpecification } from "./command.ts";

/** A key of a command: which word it is, and what is done with it, as Redis' flags. */
export interface KeyUse {
  readonly word: number;
  readonly flags: readonly string[];
}

/** The keys among `words`, a whole command; undefined if its words do not say. */
export function keysOf(spec: CommandSpec<never>, words: readonly string[]): KeyUse[] | undefined {
  const keys: KeyUse[] = [];
  for (const specification of spec.keySpecifications) {
    const places = keyPlaces(specification, words);
    if (places === undefined) return undefined;
    const flags = flagsOf(spec, specification, words);
    for (const word of places) keys.push({ word, flags });
  }
  return keys;
}

/** `SET` reads its key only if it is told to. */
function flagsOf(spec: CommandSpec<never>, { flags }: KeySpecification, words: readonly string[]): readonly string[] {
  if (!flags.includes("variable_flags")) return flags;
  const reads = spec.name !== "SET" || words.slice(3).some((word) => word.toUpperCase() === "GET");
  return reads ? flags.filter((flag) => flag !== "variable_flags") : ["OW", "update"];
}

function keyPlaces({ begin, find }: KeySpecification, words: readonly string[]): number[] | undefined {
  const first = firstPlace(begin, words);
  if (first === undefined) return undefined;
  switch (find.kind) {
    case "range": {
      const last = lastPlace(find, first, words.length);
      return last < first || last >= words.length ? undefined : range(first, last, find.step);
    }
    case "keynum": {
      const count = Number(words[first + find.keynum]);
      if (!Number.isSafeInteger(count) || count < 0) return undefined;
      const from = first + find.firstKey;
      const last = from + (count - 1) * find.step;
      return last >= words.length ? undefined : range(from, last, find.step);
    }
    case "unknown":
      return undefined;
  }
}

function firstPlace(begin: KeySpecification["begin"], words: readonly string[]): number | undefined {
  switch (begin.kind) {
    case "index":
      return begin.index;
    case "keyword":
      return placeAfter(begin.keyword, begin.from, words);
    case "unknown":
      return undefined;
  }
}

/** From the front if `from` is positive, from the end if it is negative. */
function placeAfter(keyword: string, from: number, words: readonly string[]): number | undefined {
  const step = from > 0 ? 1 : -1;
  const start = from > 0 ? from : words.length + from;
  for (let place = start; place > 0 && place < words.length; place += step) {
    if (words[place]?.toUpperCase() === keyword.toUpperCase()) return place + 1;
  }
  return undefined;
}

function lastPlace(
  { last, limit }: { readonly last: number; readonly limit: number },
  first: number,
  count: number,
): number {
  if (last >= 0) return first + last;
  return limit <= 1 ? count + last : first + Math.floor((count - first) / limit) + last;
}

function range(first: number, last: number, step: number): number[] {
  const places: number[] = [];
  for (let place = first; place <= last; place += step) places.push(place);
  return places;
}
