/** Rows as aligned columns for a terminal. Numbers stand to the right if `rightAligned` says so. */
export interface Column {
  readonly title: string;
  readonly rightAligned?: boolean;
}

const gap = "  ";

/** Lines without a line end; every row has one cell a column. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, at) => pad(cells[at] ?? "", widths[at] ?? 0, column.rightAligned === true))
      .join(gap)
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)];
}

function pad(text: string, width: number, isRight: boolean): string {
  return isRight ? text.padStart(width) : text.padEnd(width);
}

/** `███░░░`: how much of it, from 0 to 1, is done. */
export function formatBar(part: number, columns: number): string {
  const full = Math.max(0, Math.min(columns, Math.floor(part * columns)));
  return "█".repeat(full) + "░".repeat(columns - full);
}
