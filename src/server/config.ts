import { matchesGlob } from "../keyspace/index.ts";
import { assert } from "../platform/index.ts";
import { configAliases, configSettings } from "./config-table.ts";

/** A setting of the table, by the name that Redis has for it today. */
function settingName(name: string): string {
  return configAliases.get(name) ?? name;
}

const names: readonly string[] = [...configSettings.keys(), ...configAliases.keys()].sort();

/** The settings of this server, as `CONFIG` shows and changes them. Values are text; what acts on one listens to it. */
export class ServerConfig {
  readonly #values = new Map<string, string>();
  readonly #rules = new Map<string, (value: string) => string | undefined>();
  readonly #listeners = new Map<string, ((value: string) => void)[]>();

  constructor(initial: Readonly<Record<string, string>> = {}) {
    for (const [name, setting] of configSettings) this.#values.set(name, setting.initial);
    for (const [name, value] of Object.entries(initial)) {
      assert(this.#values.has(name), "a setting is in the table");
      this.#values.set(name, value);
    }
  }

  get(name: string): string {
    const value = this.#values.get(name);
    assert(value !== undefined, "a setting is in the table");
    return value;
  }

  /** Says what is known only once the server runs: its port, where any free one was asked for. */
  setAtStart(name: string, value: string): void {
    assert(this.#values.has(name), "a setting is in the table");
    this.#values.set(name, value);
  }

  /** Has `CONFIG SET` refuse a value of this setting for the reason that `rule` gives, if it gives one. */
  addRule(name: string, rule: (value: string) => string | undefined): void {
    assert(this.#values.has(name), "a setting is in the table");
    this.#rules.set(name, rule);
  }

  /** For settings that are whole numbers, or amounts of memory. */
  number(name: string): number {
    return Number(this.get(name));
  }

  /** Calls `listener` with the value now, and after each change. */
  onValue(name: string, listener: (value: string) => void): void {
    assert(this.#values.has(name), "a setting is in the table");
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    listener(this.get(name));
  }

  /** Names and values in turn of what the patterns name; a name without wildcards comes back as it was written. */
  matching(patterns: readonly string[]): string[] {
    const found = new Map<string, string>();
    for (const pattern of patterns) {
      const isPattern = /[*?[]/.test(pattern);
      for (const name of isPattern ? names : [pattern.toLowerCase()]) {
        const setting = configSettings.get(settingName(name));
        if (setting === undefined || (isPattern && setting.isHidden === true)) continue;
        if (found.has(name) || (isPattern && !matchesGlob(pattern.toLowerCase(), name))) continue;
        found.set(name, isPattern ? name : pattern);
      }
    }
    return [...found].flatMap(([name, shown]) => [shown, this.get(settingName(name))]);
  }

  /** Changes all of `changes` (names and values in turn) or, with the reason as the result, none. */
  set(changes: readonly string[]): string | undefined {
    const given = new Set<string>();
    for (let at = 0; at < changes.length; at += 2) {
      const refusal = this.#refusalOf(changes[at] ?? "", given);
      if (refusal !== undefined) return refusal;
    }
    const parsed = new Map<string, string>();
    for (let at = 0; at < changes.length; at += 2) {
      const name = settingName((changes[at] ?? "").toLowerCase());
      const result = configSettings.get(name)?.parse(changes[at + 1] ?? "", this.get(name));
      assert(result !== undefined, "the names have been looked up");
      if ("refusal" in result) return failure(changes[at] ?? "", result.refusal);
      const refusal = this.#rules.get(name)?.(result.value);
      if (refusal !== undefined) return failure(changes[at] ?? "", refusal);
      parsed.set(name, result.value);
    }
    for (const [name, value] of parsed) {
      this.#values.set(name, value);
      for (const listener of this.#listeners.get(name) ?? []) listener(value);
    }
    return undefined;
  }

  /** Why `name` cannot be set, apart from its value; each may stand once among those that are `given`. */
  #refusalOf(name: string, given: Set<string>): string | undefined {
    const lower = name.toLowerCase();
    const setting = configSettings.get(settingName(lower));
    // What a client says is shown as Redis shows it: not past a zero byte.
    if (setting === undefined)
      return `ERR Unknown option or number of arguments for CONFIG SET - '${name.split("\0", 1)[0]}'`;
    if (setting.locked !== undefined) return failure(name, setting.locked);
    if (given.has(lower)) return failure(name, "duplicate parameter");
    given.add(lower);
    return undefined;
  }
}

function failure(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name.toLowerCase()}') - ${reason}`;
}
