export interface TimelineBar {
  readonly name: string;
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Bars under each other, in the order given. The width tells the order of the ends and overlaps, not durations:
 *
 * ```
 * client 1 ├─SET "1" → OK─┤
 * client 2                  ├─GET → nothing─┤
 * ```
 */
export function drawTimeline(bars: readonly TimelineBar[]): string {
  const columns = placeEnds(bars);
  const nameWidth = Math.max(...bars.map(({ name }) => name.length));
  const lines = bars.map((bar, index) => {
    const from = columns.from[index] as number;
    const to = columns.to[index] as number;
    const filling = to - from - 1 - bar.label.length;
    const before = "─".repeat(Math.floor(filling / 2));
    const after = "─".repeat(Math.ceil(filling / 2));
    return `${bar.name.padEnd(nameWidth)} ${" ".repeat(from)}├${before}${bar.label}${after}┤`;
  });
  return lines.join("\n");
}

/** Every end gets a column: in the order of time, and far enough from the beginning for the label. */
function placeEnds(bars: readonly TimelineBar[]): { readonly from: readonly number[]; readonly to: readonly number[] } {
  const from: number[] = [];
  const to: number[] = [];
  const ends = bars.flatMap((bar, index) => [
    { at: bar.from, index, isReply: false },
    { at: bar.to, index, isReply: true },
  ]);
  ends.sort((a, b) => a.at - b.at || Number(a.isReply) - Number(b.isReply));
  let column = -1;
  for (const { index, isReply } of ends) {
    column++;
    if (isReply) {
      const label = bars[index]?.label ?? "";
      column = Math.max(column, (from[index] as number) + label.length + 3);
      to[index] = column;
    } else {
      from[index] = column;
    }
  }
  return { from, to };
}
