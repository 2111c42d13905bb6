import type { Figures } from "../channels/processes.ts";
import { figure, type Gate } from "../report.ts";
import { median } from "../statistics.ts";

/** One row of the table: who does what, and what each round has found. */
export interface ChannelRow {
  readonly contender: string;
  readonly work: string;
  readonly rounds: Figures[];
  failure: string | undefined;
}

export const parkedWork = "parked";
export const goContenders: readonly string[] = ["Go, GOMAXPROCS=1", "Go, GOMAXPROCS=2"];
export const ownContender = "coterie";

/** The peers, and by how much Coterie is to be quicker on the same work. */
export const peerRatios: Readonly<Record<string, number>> = {
  "@thi.ng/csp": 1.5,
  "@nodeguy/channel": 5,
  "ts-chan": 5,
  effect: 5,
};

interface Promised {
  readonly name: string;
  readonly work: string;
  readonly goWork: string;
  readonly ratioMax: number;
  readonly figureName: string;
  readonly unit: string;
}

const nanoseconds = { figureName: "nsPerOperation", unit: "ns" };

/** Against Go, the quicker of its two settings. */
const promises: readonly Promised[] = [
  { name: "ping-pong", work: "pingPongTight", goWork: "pingPong", ratioMax: 1, ...nanoseconds },
  { name: "ping-pong, every call awaited", work: "pingPong", goWork: "pingPong", ratioMax: 1.6, ...nanoseconds },
  { name: "buffered(128) one way", work: "bufferedTight", goWork: "buffered", ratioMax: 0.5, ...nanoseconds },
  { name: "buffered(128), every call awaited", work: "buffered", goWork: "buffered", ratioMax: 3.5, ...nanoseconds },
  { name: "select over two ready channels", work: "select", goWork: "select", ratioMax: 2, ...nanoseconds },
  {
    name: "goroutines parked: memory each",
    work: parkedWork,
    goWork: parkedWork,
    ratioMax: 0.4,
    figureName: "bytesPerTask",
    unit: "B",
  },
  {
    name: "goroutines parked: time to start",
    work: parkedWork,
    goWork: parkedWork,
    ratioMax: 0.6,
    figureName: "startMs",
    unit: "ms",
  },
];

/** The median over the rounds; undefined if a round failed or there is none. */
export function medianOf(
  rows: readonly ChannelRow[],
  contender: string,
  work: string,
  name: string,
): number | undefined {
  const row = rows.find((each) => each.contender === contender && each.work === work);
  if (row === undefined || row.failure !== undefined || row.rounds.length === 0) return undefined;
  return median(row.rounds.map((each) => each[name]!));
}

export function judgeChannels(rows: readonly ChannelRow[]): Gate[] {
  return [
    ...promises.map((each) => againstGo(rows, each)),
    ...Object.keys(peerRatios).flatMap((peer) => againstPeer(rows, peer)),
  ];
}

function againstGo(rows: readonly ChannelRow[], promise: Promised): Gate {
  const { name, work, goWork, ratioMax, figureName, unit } = promise;
  const head = { name, against: "Go", measure: figureName, promise: `≤ ${ratioMax} ×` };
  const own = medianOf(rows, ownContender, work, figureName);
  const go = goContenders.flatMap((each) => medianOf(rows, each, goWork, figureName) ?? []);
  if (own === undefined || go.length === 0) return { ...head, ...absent(rows, [work, goWork]) };
  const best = Math.min(...go);
  const ratio = own / best;
  return {
    ...head,
    measured: ratio,
    shown: `${ratio.toFixed(2)} ×`,
    verdict: ratio <= ratioMax ? "pass" : "MISS",
    beside: `${figure(own)} beside ${figure(best)} ${unit}`,
  };
}

/** The two ways in which Coterie does the work of a peer, each with what it calls it. */
const ownWays: readonly { readonly name: string; readonly works: Readonly<Record<string, string>> }[] = [
  { name: "the same work", works: { pingPong: "pingPongTight", buffered: "bufferedTight", select: "select" } },
  {
    name: "the same work, every call awaited",
    works: { pingPong: "pingPong", buffered: "buffered", select: "select" },
  },
];

/** The work on which the peer comes closest counts. Its calls are promises, all of which it has to await. */
function againstPeer(rows: readonly ChannelRow[], peer: string): Gate[] {
  const ratioMin = peerRatios[peer]!;
  return ownWays.map(({ name, works }) => {
    const head = { name, against: peer, measure: "speed", promise: `≥ ${ratioMin} ×` };
    const ratios: { readonly work: string; readonly ratio: number }[] = [];
    for (const [work, ownWork] of Object.entries(works)) {
      const own = medianOf(rows, ownContender, ownWork, "nsPerOperation");
      const theirs = medianOf(rows, peer, work, "nsPerOperation");
      if (own !== undefined && theirs !== undefined) ratios.push({ work, ratio: theirs / own });
    }
    if (ratios.length === 0) return { ...head, ...absent(rows, Object.values(works)) };
    const least = Math.min(...ratios.map(({ ratio }) => ratio));
    return {
      ...head,
      measured: least,
      shown: `${least.toFixed(2)} ×`,
      verdict: least >= ratioMin ? "pass" : "MISS",
      beside: ratios.map(({ work, ratio }) => `${work} ${ratio.toFixed(2)} ×`).join(", "),
    };
  });
}

function absent(
  rows: readonly ChannelRow[],
  works: readonly string[],
): Pick<Gate, "measured" | "shown" | "verdict" | "beside"> {
  const failure = rows.find((each) => works.includes(each.work) && each.failure !== undefined)?.failure;
  return {
    measured: undefined,
    shown: "",
    verdict: failure === undefined ? "skipped" : "FAILED",
    beside: failure ?? "not measured",
  };
}
