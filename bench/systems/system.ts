import type { LoadTarget } from "../load/job.ts";
import type { Children } from "./children.ts";

/** A running store: what the load needs to know about it. */
export interface System {
  /** All processes that serve, for CPU time and memory. */
  readonly pids: readonly number[];
  /** Where writes (and linearizable reads) are answered without another hop. Asked before every measurement. */
  leader(): Promise<LoadTarget>;
  /** Every node's address. */
  readonly targets: readonly LoadTarget[];
  stop(): Promise<void>;
}

/** Where a system may put its files and processes. */
export interface Premises {
  readonly children: Children;
  /** On a real disk. */
  readonly directory: string;
}

export const loopback = "127.0.0.1";
