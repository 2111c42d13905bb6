import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface BenchOptions {
  /** Names of suites; empty for the default table. */
  readonly suites: readonly string[];
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly measureMs: number;
  readonly warmUpMs: number;
  readonly isJson: boolean;
  /** Measures the peers only: no figure of Coterie, no gate. */
  readonly isPeerOnly: boolean;
  /** The exit code is 1 if a gate is missed. */
  readonly isCheck: boolean;
  /** Parent of the run's files; must be on a real disk. */
  readonly directory: string | undefined;
  /** Leaders to kill (failover). */
  readonly kills: number;
  readonly isHelp: boolean;
}

/** A command line that makes no sense; the message says which part. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const isQuick = values.quick === true;
  return {
    suites: positionals,
    isQuick,
    rounds: positiveInteger("--rounds", values.rounds, isQuick ? 3 : 5),
    measureMs: positiveInteger("--measure-ms", values["measure-ms"], isQuick ? 1_000 : 3_000),
    warmUpMs: isQuick ? 300 : 500,
    isJson: values.json === true,
    isPeerOnly: values["peer-only"] === true,
    isCheck: values.check === true,
    directory: values.dir,
    kills: positiveInteger("--kills", values.kills, isQuick ? 5 : 20),
    isHelp: values.help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        rounds: { type: "string" },
        "measure-ms": { type: "string" },
        kills: { type: "string" },
        json: { type: "boolean" },
        "peer-only": { type: "boolean" },
        check: { type: "boolean" },
        dir: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function positiveInteger(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`${flag} must be a whole number from 1 on, not ${text}`);
  return value;
}
