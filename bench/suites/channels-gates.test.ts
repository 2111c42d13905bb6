import { expect, test } from "vitest";
import { type ChannelRow, judgeChannels } from "./channels-gates.ts";

function row(contender: string, work: string, figures: Readonly<Record<string, number>>[]): ChannelRow {
  return { contender, work, rounds: figures, failure: undefined };
}

function times(...values: number[]): { readonly nsPerOperation: number }[] {
  return values.map((nsPerOperation) => ({ nsPerOperation }));
}

test("a gate compares the medians with those of the quicker Go", () => {
  const rows = [
    row("coterie", "pingPongTight", times(190, 200, 900)),
    row("Go, GOMAXPROCS=1", "pingPong", times(200, 210, 220)),
    row("Go, GOMAXPROCS=2", "pingPong", times(300, 310, 320)),
  ];
  const [gate, awaited] = judgeChannels(rows);
  expect(gate).toMatchObject({ verdict: "pass", shown: "0.95 ×" });
  expect(awaited).toMatchObject({ verdict: "skipped" });
  rows[0] = row("coterie", "pingPongTight", times(211));
  expect(judgeChannels(rows)[0]).toMatchObject({ verdict: "MISS", shown: "1.00 ×" });
});

test("against a peer the work counts on which it comes closest", () => {
  const rows = [
    row("coterie", "pingPong", times(100)),
    row("coterie", "buffered", times(100)),
    row("coterie", "bufferedTight", times(10)),
    row("@thi.ng/csp", "pingPong", times(400)),
    row("@thi.ng/csp", "buffered", times(140)),
  ];
  const [gate, awaited] = judgeChannels(rows).filter(({ against }) => against === "@thi.ng/csp");
  expect(gate).toMatchObject({ verdict: "pass", shown: "14.00 ×", beside: "buffered 14.00 ×" });
  expect(awaited).toMatchObject({ verdict: "MISS", shown: "1.40 ×", beside: "pingPong 4.00 ×, buffered 1.40 ×" });
});

test("a round that failed fails its gate", () => {
  const failed: ChannelRow = { contender: "coterie", work: "select", rounds: [], failure: "a value is lost" };
  const gate = judgeChannels([failed]).find(({ name }) => name.startsWith("select"));
  expect(gate).toMatchObject({ verdict: "FAILED", beside: "a value is lost" });
});
