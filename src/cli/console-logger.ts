/**
 * The log of a process: one event a line to standard error. JSON for programs, by pino; a readable line for a
 * terminal. Writing never waits for the reader (see line-sink.ts), so that one that stalls does not stall the node.
 */
import { pino } from "pino";
import type { Logger, LogLevel, LogValue } from "../platform/index.ts";
import { parseObject } from "./json-object.ts";
import { openLineSink } from "./line-sink.ts";

export interface ConsoleLogOptions {
  readonly level: LogLevel;
  /** True for lines that people read. */
  readonly isTerminal: boolean;
  readonly hasColor: boolean;
  /** Stands in every line, such as the node's name. */
  readonly fields?: Readonly<Record<string, LogValue>>;
  /** Default 2, standard error. */
  readonly fileDescriptor?: number;
}

export interface ConsoleLog {
  readonly logger: Logger;
  /** For the end of the process: writes what a slow reader has not taken yet, and waits for it half a second at most. */
  flush(): void;
}

export function openConsoleLog(options: ConsoleLogOptions): ConsoleLog {
  const sink = openLineSink(options.fileDescriptor ?? 2);
  const write = (line: string): void => {
    sink.write(options.isTerminal ? formatLogLine(line, options.hasColor) : line);
  };
  const target = pino(
    {
      level: options.level,
      base: { ...options.fields },
      messageKey: "event",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  const logger: Logger = {
    log: (level, event, fields) => {
      const dropped = sink.takeDroppedCount();
      if (dropped > 0) target.warn({ count: dropped }, "log lines dropped");
      target[level](fields ?? {}, event);
    },
  };
  return { logger, flush: () => sink.flush() };
}

const colors: Readonly<Record<string, string>> = { debug: "2", info: "32", warn: "33", error: "31" };

/** `12:03:04.123 info  n1 leader elected term=3`; what is no JSON of ours stays as it is. */
export function formatLogLine(line: string, hasColor: boolean): string {
  const record = parseObject(line);
  if (record === undefined) return line;
  const { level, time, event, node, ...rest } = record;
  const paint = (code: string, text: string): string => (hasColor ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clock = String(time).slice(11, 23);
  const label = String(level);
  const fields = Object.entries(rest).map(([name, value]) => `${paint("2", `${name}=`)}${formatValue(value)}`);
  const head = [paint("2", clock), paint(colors[label] ?? "0", label.padEnd(5))];
  if (node !== undefined) head.push(String(node));
  return `${[...head, String(event), ...fields].join(" ")}\n`;
}

function formatValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}
