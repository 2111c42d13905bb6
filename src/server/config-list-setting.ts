import { Arguments, splitInline } from "../resp/index.ts";
import { type Parsed, parseInteger, parseMemory, type Setting } from "./config-setting.ts";

/** The settings whose values are lists, each with a form of its own. */

/** The words of a value, split as on a command line; undefined if quotes do not match. */
function wordsOf(text: string): readonly string[] | undefined {
  const args = new Arguments();
  return splitInline(Buffer.from(text, "latin1"), args) ? args.texts() : undefined;
}

function listSetting(initial: string, parse: (words: readonly string[], current: string) => Parsed): Setting {
  return {
    initial,
    parse(text, current) {
      const words = wordsOf(text);
      return words === undefined ? { refusal: "Unbalanced quotes in configuration line" } : parse(words, current);
    },
  };
}

/** Pairs of seconds and changes. */
export function savePoints(initial: string): Setting {
  const refusal = { refusal: "Invalid save parameters" };
  return listSetting(initial, (words) => {
    if (words.length === 1 && words[0] === "") return { value: "" };
    if (words.length % 2 !== 0) return refusal;
    for (const [index, word] of words.entries()) {
      const value = parseInteger(word);
      if (value === undefined || value < (index % 2 === 0 ? 1n : 0n)) return refusal;
    }
    return { value: words.join(" ") };
  });
}

const clientClasses = ["normal", "slave", "pubsub"];

/** Per class of clients: hard limit, soft limit, seconds above the soft one. Classes that are not named keep theirs. */
export function outputBufferLimits(initial: string): Setting {
  return listSetting(initial, (words, current) => {
    if (words.length % 4 !== 0) return { refusal: "Wrong number of arguments in buffer limit configuration." };
    const limits = new Map<string, string>();
    const present = current.split(" ");
    for (let at = 0; at < present.length; at += 4)
      limits.set(present[at] ?? "", present.slice(at + 1, at + 4).join(" "));
    for (let at = 0; at < words.length; at += 4) {
      const [name = "", hard = "", soft = "", seconds = ""] = words.slice(at, at + 4);
      const clientClass = name.toLowerCase() === "replica" ? "slave" : name.toLowerCase();
      if (!clientClasses.includes(clientClass))
        return { refusal: "Invalid client class specified in buffer limit configuration." };
      const values = [parseMemory(hard), parseMemory(soft), /^[0-9]{1,9}$/.test(seconds) ? BigInt(seconds) : undefined];
      if (values.includes(undefined))
        return { refusal: "Error in hard, soft or soft_seconds setting in buffer limit configuration." };
      limits.set(clientClass, values.join(" "));
    }
    return { value: clientClasses.map((name) => `${name} ${limits.get(name) ?? "0 0 0"}`).join(" ") };
  });
}

const eventClasses = "g$lshzxetdn";

/** Letters, as Redis sorts and shortens them. */
export function eventFlags(initial: string): Setting {
  return {
    initial,
    parse(text) {
      if (!/^[Ag$lshzxeKEtmdn]*$/.test(text))
        return { refusal: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." };
      const isAll = text.includes("A") || [...eventClasses].every((letter) => letter === "n" || text.includes(letter));
      const classes = isAll ? "A" : [...eventClasses].filter((letter) => text.includes(letter)).join("");
      return { value: classes + [..."KEm"].filter((letter) => text.includes(letter)).join("") };
    },
  };
}

export function oomScores(initial: string): Setting {
  return listSetting(initial, (words) => {
    if (words.length !== 3) return { refusal: "wrong number of arguments" };
    const isInRange = words.every((word) => /^-?[0-9]{1,4}$/.test(word) && Math.abs(Number(word)) <= 2_000);
    return isInRange
      ? { value: words.map(Number).join(" ") }
      : { refusal: "Invalid oom-score-adj-values, elements must be between -2000 and 2000." };
  });
}

export function percentiles(initial: string): Setting {
  const name = "latency-tracking-info-percentiles";
  return listSetting(initial, (words) => {
    if (words.length === 1 && words[0] === "") return { value: "" };
    for (const word of words) {
      if (!/^[+-]?[0-9]+(\.[0-9]*)?$/.test(word)) return { refusal: `Invalid ${name} parameters` };
      if (Number(word) < 0 || Number(word) > 100)
        return { refusal: `${name} parameters should sit between [0.0,100.0]` };
    }
    return { value: words.map(Number).join(" ") };
  });
}

export function shutdownOptions(initial: string): Setting {
  const values = ["default", "save", "nosave", "now", "force"];
  return listSetting(initial, (words) => {
    const options = words.map((word) => word.toLowerCase());
    if (options.length === 0 || options.some((option) => !values.includes(option)))
      return { refusal: `argument(s) must be one of the following: ${values.join(", ")}` };
    if (options.includes("save") && options.includes("nosave"))
      return { refusal: "shutdown options SAVE and NOSAVE can't be used simultaneously" };
    const given = values.filter((value) => value !== "default" && options.includes(value));
    return { value: given.length === 0 ? "default" : given.join(" ") };
  });
}

export function hostname(): Setting {
  return {
    initial: "",
    parse: (text) =>
      /^[A-Za-z0-9.-]*$/.test(text)
        ? { value: text }
        : { refusal: "Hostnames may only contain alphanumeric characters, hyphens or dots" },
  };
}

const titleVariables = ["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];

export function titleTemplate(initial: string): Setting {
  return {
    initial,
    parse(text) {
      const rest = text.replace(/\{([^{}]*)\}/g, (whole, name: string) => (titleVariables.includes(name) ? "" : whole));
      return /[{}]/.test(rest)
        ? { refusal: "template format is invalid or contains unknown variables" }
        : { value: text };
    },
  };
}
