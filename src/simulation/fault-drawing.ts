import type { Fault, FaultKind, Link, TimedFault } from "./fault.ts";
import type { SeededRandom } from "./seeded-random.ts";

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

/** How often each kind comes, if it is switched on at all. */
const weights: Readonly<Record<FaultKind, number>> = {
  kill: 4,
  cutPower: 4,
  pause: 3,
  slowNode: 1,
  cutLinks: 5,
  slowLink: 2,
  lossyLink: 2,
  corruptLink: 1,
  resetConnections: 2,
  stallDisk: 2,
  failSync: 1,
  fullDisk: 1,
  jumpClock: 2,
  driftClock: 1,
  freezeClock: 1,
};

/** A schedule of faults over `durationMs`, in the order of their times. */
export function drawFaults(random: SeededRandom, nodes: readonly string[], durationMs: number): readonly TimedFault[] {
  const kinds = (Object.keys(weights) as FaultKind[]).filter(() => random.chance(0.6));
  const lots = kinds.flatMap((kind) => new Array<FaultKind>(weights[kind]).fill(kind));
  const meanGapMs = random.pick([200, 500, 1_500, 4_000]);
  // Were there always several at a time, little would be done in between.
  const lengthMs = meanGapMs * random.pick([0.2, 0.6, 2]);
  const wrongClock = random.pick(nodes);
  const faults: TimedFault[] = [];
  if (lots.length === 0) return faults;
  for (let atMs = random.exponential(meanGapMs); atMs < durationMs; atMs += random.exponential(meanGapMs)) {
    const forMs = Math.min(1 + random.exponential(lengthMs), durationMs - atMs);
    const kind = random.pick(lots);
    // A majority of clocks that are an hour ahead is beyond what the nodes promise to bear: one node's may be wrong.
    const candidates = kind === "jumpClock" ? [wrongClock] : nodes;
    faults.push({ atMs, fault: drawFault(random, kind, { nodes, candidates, forMs }) });
  }
  return faults;
}

function drawFault(
  random: SeededRandom,
  kind: FaultKind,
  options: { readonly nodes: readonly string[]; readonly candidates: readonly string[]; readonly forMs: number },
): Fault {
  const { candidates, forMs, nodes } = options;
  const node = random.pick(candidates);
  switch (kind) {
    case "kill":
      return { kind, nodes: drawVictims(random, nodes), forMs };
    case "cutPower":
      return { kind, nodes: drawVictims(random, nodes), loss: drawLoss(random), forMs };
    case "pause":
      return { kind, node, forMs: random.chance(0.1) ? forMs * 10 : forMs };
    case "slowNode":
      return { kind, node, factor: random.pick([10, 100]), forMs };
    case "cutLinks":
      return { kind, links: drawCut(random, nodes), forMs };
    case "slowLink":
      return { kind, link: drawLink(random, nodes), latencyMs: random.pick([20, 200, 1_000]), forMs };
    case "lossyLink":
      return { kind, link: drawLink(random, nodes), lossChance: random.pick([0.05, 0.3]), forMs };
    case "corruptLink":
      return { kind, link: drawLink(random, nodes), corruptChance: random.pick([0.001, 0.02]), forMs };
    case "resetConnections":
      return { kind, node };
    case "stallDisk":
      return { kind, node, forMs };
    case "failSync":
      return { kind, node, restartMs: forMs };
    case "fullDisk":
      return { kind, node, writes: random.pick(["new", "new", "all"]), forMs };
    case "jumpClock":
      return { kind, node, byMs: random.pick([-yearMs, -hourMs, -2_000, 2_000, hourMs, yearMs]), forMs };
    case "driftClock":
      return { kind, node, rate: random.pick([0.9, 1.1]), forMs };
    case "freezeClock":
      return { kind, node, forMs };
  }
}

/** Mostly one; now and then all at once. */
function drawVictims(random: SeededRandom, nodes: readonly string[]): readonly string[] {
  if (random.chance(0.15)) return nodes;
  return random.shuffle([...nodes]).slice(0, random.chance(0.2) ? 2 : 1);
}

function drawLoss(random: SeededRandom): "everything" | "random" | "nothing" {
  return random.pick(["everything", "random", "random", "nothing"] as const);
}

function drawLink(random: SeededRandom, nodes: readonly string[]): Link {
  const [from, to] = random.shuffle([...nodes]);
  return { from: from as string, to: to as string };
}

/** One link one way or both ways; one node alone, unheard or deaf; a ring. */
function drawCut(random: SeededRandom, nodes: readonly string[]): readonly Link[] {
  const link = drawLink(random, nodes);
  const back = { from: link.to, to: link.from };
  const others = nodes.filter((node) => node !== link.from);
  const out = others.map((to) => ({ from: link.from, to }));
  const in_ = others.map((from) => ({ from, to: link.from }));
  const ring = nodes.map((from, index) => ({ from, to: nodes[(index + 1) % nodes.length] as string }));
  return random.pick([[link], [link, back], out, in_, [...out, ...in_], [...out, ...in_], ring]);
}
