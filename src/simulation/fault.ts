import type { DiskLoss } from "./file-content.ts";

/**
 * Something that goes wrong, as data: a schedule of faults can be printed, and played again without some of them. Nodes
 * are given by their names.
 */
export type Fault =
  /** The process is killed and started again. */
  | { readonly kind: "kill"; readonly nodes: readonly string[]; readonly forMs: number }
  | { readonly kind: "cutPower"; readonly nodes: readonly string[]; readonly loss: DiskLoss; readonly forMs: number }
  /** The process stands still, as under SIGSTOP. */
  | { readonly kind: "pause"; readonly node: string; readonly forMs: number }
  /** Its callbacks cost so much more. */
  | { readonly kind: "slowNode"; readonly node: string; readonly factor: number; readonly forMs: number }
  /** Nothing gets through these links. */
  | { readonly kind: "cutLinks"; readonly links: readonly Link[]; readonly forMs: number }
  | { readonly kind: "slowLink"; readonly link: Link; readonly latencyMs: number; readonly forMs: number }
  | { readonly kind: "lossyLink"; readonly link: Link; readonly lossChance: number; readonly forMs: number }
  /** Bytes between nodes are not what was sent, past TCP's checksum. */
  | { readonly kind: "corruptLink"; readonly link: Link; readonly corruptChance: number; readonly forMs: number }
  /** All connections of the node break, with whatever they carry. */
  | { readonly kind: "resetConnections"; readonly node: string }
  | { readonly kind: "stallDisk"; readonly node: string; readonly forMs: number }
  /** The next sync fails, and with it the process; it is started again. */
  | { readonly kind: "failSync"; readonly node: string; readonly restartMs: number }
  /** No room for new pages, or, as on a file system that never writes in place, for any write. */
  | { readonly kind: "fullDisk"; readonly node: string; readonly writes: "new" | "all"; readonly forMs: number }
  /** The wall clock jumps, and back. */
  | { readonly kind: "jumpClock"; readonly node: string; readonly byMs: number; readonly forMs: number }
  | { readonly kind: "driftClock"; readonly node: string; readonly rate: number; readonly forMs: number }
  | { readonly kind: "freezeClock"; readonly node: string; readonly forMs: number };

export type FaultKind = Fault["kind"];

export interface Link {
  readonly from: string;
  readonly to: string;
}

export interface TimedFault {
  /** After the beginning of the faults. */
  readonly atMs: number;
  readonly fault: Fault;
}

/** For the story of a run, e.g. "kill n1 for 312 ms". */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => `${name}=${describeValue(value)}`);
  return `${kind} ${details.join(" ")}`;
}

function describeValue(value: string | number | Link | readonly string[] | readonly Link[]): string {
  if (typeof value === "number") return String(Math.round(value * 1000) / 1000);
  if (typeof value === "string") return value;
  if ("from" in value) return `${value.from}>${value.to}`;
  return value.map((each) => describeValue(each)).join(",");
}
