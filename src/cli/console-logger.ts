/**
 * The log of a process: one event a line to standard error. JSON for programs, by pino; a readable line for a
 * terminal. Lines are written in the background, so that a reader that stalls does not stall the node; past
 * `pendingBytesMax` they are dropped and counted.
 */
import { destination, pino } from "pino";
import type { Logger, LogLevel, LogValue } from "../platform/index.ts";

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
  /** Writes what is pending before it returns: for the end of the process. */
  flush(): void;
}

const pendingBytesMax = 1_048_576;

export function openConsoleLog(options: ConsoleLogOptions): ConsoleLog {
  const sink = destination({ dest: options.fileDescriptor ?? 2, sync: false, maxLength: pendingBytesMax });
  let droppedLines = 0;
  sink.on("drop", () => droppedLines++);
  // Nobody reads any more (a closed pipe): the node goes on without a log.
  sink.on("error", () => {});
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
      if (droppedLines > 0) {
        const count = droppedLines;
        droppedLines = 0;
        target.warn({ count }, "log lines dropped");
      }
      target[level](fields ?? {}, event);
    },
  };
  return { logger, flush: () => flushQuietly(sink) };
}

/** At the end of a process a reader that is gone is no reason to fail. */
function flushQuietly(sink: { flushSync(): void }): void {
  try {
    sink.flushSync();
  } catch {
    // Standard error is closed: there is nobody left to tell.
  }
}

const colors: Readonly<Record<string, string>> = { debug: "2", info: "32", warn: "33", error: "31" };

/** `12:03:04.123 info  n1 leader elected term=3`; what is no JSON of ours stays as it is. */
export function formatLogLine(line: string, hasColor: boolean): string {
  const record = parseRecord(line);
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

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function formatValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}
