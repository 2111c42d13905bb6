/** A table to print: numbers are already text. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One promise about speed, and whether it was kept. */
export interface Gate {
  /** What is measured, e.g. "SET, 50 connections, pipeline 1". */
  readonly name: string;
  /** Beside what. */
  readonly against: string;
  /** What is compared, e.g. "throughput". */
  readonly measure: string;
  /** The promise, e.g. "≥ 1.0 ×". */
  readonly promise: string;
  /** The ratio of medians, or the figure itself; absent if it could not be measured. */
  readonly measured: number | undefined;
  /** How `measured` is written, e.g. "1.43 ×". */
  readonly shown: string;
  readonly verdict: "pass" | "MISS" | "skipped" | "FAILED";
  /** Figures printed beside, e.g. the ratio with the clients spread over all nodes; or why there is none. */
  readonly beside: string;
}

/** What a suite found. */
export interface SuiteReport {
  readonly gates: readonly Gate[];
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
  /** Every figure behind the tables, for `--json`. */
  readonly data: unknown;
}

export function renderTable(table: Table): string {
  const lines = [table.columns, ...table.rows];
  const widths = table.columns.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const isNumber = table.columns.map(
    (_, column) => column > 0 && table.rows.every((row) => /^[-\d(]/.test(row[column] ?? "") || row[column] === ""),
  );
  const render = (line: readonly string[]): string =>
    line
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [`${table.title}`, "", render(table.columns), rule, ...table.rows.map(render)].join("\n");
}

export function gateTable(gates: readonly Gate[]): Table {
  return {
    title: "Gates",
    columns: ["gate", "against", "what", "promised", "measured", "verdict", "beside"],
    rows: gates.map((gate) => [
      gate.name,
      gate.against,
      gate.measure,
      gate.promise,
      gate.shown,
      gate.verdict,
      gate.beside,
    ]),
  };
}

/** A figure with three significant digits, thousands written out. */
export function figure(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}
