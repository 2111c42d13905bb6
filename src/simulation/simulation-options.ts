import { parseArgs } from "node:util";

export const usage = `Usage: npm run sim -- [options]

Runs whole clusters in virtual time, with everything drawn from a seed: sizes, speeds, commands, faults.
Ends with exit code 1 at the first run in which something happened that must not.

  --seed N          run this seed alone
  --seconds S       run one seed after the other for S seconds (default 30)
  --seeds N         run so many seeds, however long it takes
  --from N          begin with this seed (default: anywhere)
  --state FILE      go on where FILE says that the last run ended, and add up there
  --trace           tell the story of the run, one line an event
  --until MS        end each run at this simulated time
  --faults LIST     of the faults of the run only these, by number: 3,7,12; or none
  --shrink          look for a few faults that suffice for the failure of --seed
  --commit ID       do all this with the sources of another commit
  --twice           run each seed twice and compare (default: one seed in twenty)
  --keep-going      go on after a failure
  --list            one line for each seed
  --help            show this

Examples:
  npm run sim -- --seconds 90
  npm run sim -- --seed 4711 --trace --until 12000
  npm run sim -- --seed 4711 --shrink
  npm run sim -- --seconds 3600 --state .build/simulator.json
`;

export interface SimulationFlags {
  readonly seed: number | undefined;
  readonly seconds: number;
  readonly seeds: number;
  readonly from: number | undefined;
  readonly stateFile: string | undefined;
  readonly isTraced: boolean;
  readonly untilMs: number;
  /** Undefined: all. */
  readonly faults: readonly number[] | undefined;
  readonly isShrunk: boolean;
  readonly commit: string | undefined;
  readonly isTwice: boolean;
  readonly keepsGoing: boolean;
  readonly isListed: boolean;
}

/** Undefined if help was asked for. @throws RangeError, TypeError for what makes no sense */
export function parseFlags(args: readonly string[]): SimulationFlags | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      seconds: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      state: { type: "string" },
      until: { type: "string" },
      faults: { type: "string" },
      commit: { type: "string" },
      shrink: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      twice: { type: "boolean", default: false },
      "keep-going": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const number = (name: "seed" | "seconds" | "seeds" | "from" | "until"): number | undefined => {
    const text = values[name];
    return text === undefined ? undefined : wholeNumber(`--${name}`, text);
  };
  const seed = number("seed");
  if (values.shrink && seed === undefined) throw new RangeError("--shrink needs --seed N: a run that fails.");
  if (values.faults !== undefined && seed === undefined) throw new RangeError("--faults needs --seed N.");
  const seconds = number("seconds") ?? (values.seeds === undefined ? 30 : Number.POSITIVE_INFINITY);
  return {
    seed,
    seconds,
    seeds: number("seeds") ?? Number.POSITIVE_INFINITY,
    from: number("from"),
    stateFile: values.state,
    isTraced: values.trace,
    untilMs: number("until") ?? Number.POSITIVE_INFINITY,
    faults: values.faults === undefined ? undefined : numberList(values.faults),
    isShrunk: values.shrink,
    commit: values.commit,
    isTwice: values.twice,
    keepsGoing: values["keep-going"],
    isListed: values.list || seed !== undefined,
  };
}

function numberList(text: string): readonly number[] {
  return text === "none" ? [] : text.split(",").map((each) => wholeNumber("--faults", each));
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new RangeError(`${name} takes a whole number, and "${text}" is none.`);
}
