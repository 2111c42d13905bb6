export type LogLevel = "debug" | "info" | "warn" | "error";

export type LogValue = string | number | boolean | undefined;

/** One event a call: `event` is a constant in whole words ("leader elected"), what varies stands in `fields`. */
export interface Logger {
  log(level: LogLevel, event: string, fields?: Readonly<Record<string, LogValue>>): void;
}

/** Drops everything. */
export const silentLogger: Logger = { log: () => {} };
