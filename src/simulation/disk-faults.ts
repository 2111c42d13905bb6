/** What a simulated disk does; "make" is the making of folders. */
export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "rename"
  | "remove"
  | "list"
  | "make"
  | "stat"
  | "truncate"
  | "lock";

/** Errors to come, on a disk. */
export interface DiskFault {
  readonly operation: DiskOperation;
  /** "EIO", "ENOSPC", "ESHORT", … */
  readonly code: string;
  /** Which paths; all, if it is left out. */
  readonly matches?: (path: string) => boolean;
  /** How many matching operations go well before. Default 0. */
  readonly skip?: number;
  /** How many fail then. Default 1; Infinity until it is lifted. */
  readonly count?: number;
}

/** The faults that wait on one disk. */
export class DiskFaults {
  readonly #armed = new Set<{ readonly fault: DiskFault; skip: number; count: number }>();

  /** Returns what lifts the fault again. */
  inject(fault: DiskFault): () => void {
    const armed = { fault, skip: fault.skip ?? 0, count: fault.count ?? 1 };
    this.#armed.add(armed);
    return () => void this.#armed.delete(armed);
  }

  clear(): void {
    this.#armed.clear();
  }

  /** The code with which this operation fails, if it does. */
  take(operation: DiskOperation, path: string): string | undefined {
    for (const armed of this.#armed) {
      const { fault } = armed;
      if (fault.operation !== operation || fault.matches?.(path) === false) continue;
      if (armed.skip > 0) {
        armed.skip--;
        continue;
      }
      armed.count--;
      if (armed.count <= 0) this.#armed.delete(armed);
      return fault.code;
    }
    return undefined;
  }
}
