/** What one run of the load generator does: a closed loop on every connection, one request under way on each. */
export interface LoadJob {
  readonly protocol: "resp" | "etcd";
  /**
   * "set" and "get" pick random keys for `measureMs`; "fill" writes each of `keyCount` keys exactly once and is
   * measured from the first byte to the last reply.
   */
  readonly operation: "set" | "get" | "fill";
  /** Connection `i` goes to `targets[i % targets.length]`. */
  readonly targets: readonly LoadTarget[];
  /** Redis only: of the keys each target is asked for those alone whose hash slots are here, as a cluster's client does it. */
  readonly targetSlots?: readonly (readonly SlotSpan[])[] | undefined;
  readonly connections: number;
  /** Commands in one write, answered before the next write of that connection. */
  readonly pipeline: number;
  /** Streams on each HTTP/2 connection (etcd only). */
  readonly streams: number;
  /** Redis only: `WAIT n 0` follows in the same write, and its answer must be at least `n`. 0 sends none. */
  readonly waitReplicas: number;
  readonly keyCount: number;
  readonly valueBytes: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** The processes whose CPU time is read at both ends of the measurement. */
  readonly serverPids: readonly number[];
  readonly seed: number;
}

/** Hash slots from `first` up to and including `last`. */
export interface SlotSpan {
  readonly first: number;
  readonly last: number;
}

export interface LoadTarget {
  readonly host: string;
  readonly port: number;
}

/** What one run of the load generator saw between the end of its warm-up and the end of its measurement. */
export interface LoadResult {
  readonly operations: number;
  readonly seconds: number;
  readonly operationsPerSecond: number;
  /** From the write of a request (a whole pipeline) to the last byte of its reply. */
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly latencyMsMax: number;
  /** CPU time of the generator itself, as a share of one core. */
  readonly generatorCores: number;
  /** User and system time of all servers together, as a share of one core. */
  readonly serverCores: number;
  /** CPU time of everything else on the machine: the kernel's own threads, and whoever else works there. */
  readonly otherCores: number;
  readonly serverCpuUsPerOperation: number;
  /** Of the server that took most: where each has a core of its own, it is the one that says how many operations there are. */
  readonly busiestServerCpuUsPerOperation: number;
  /** Error replies, failed streams and lost connections, in the warm-up and the end too. A valid run has none. */
  readonly errorCount: number;
  readonly firstError: string | undefined;
  /** GETs that found nothing. */
  readonly missCount: number;
}
