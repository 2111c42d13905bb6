/** So many of the last windows count. */
const windowsKept = 8;
/** With fewer there is no figure: one slow write says nothing. */
const windowsMin = 4;
/** What is older says nothing of the disk as it is now. */
const oldMs = 60_000;

/**
 * How long this disk takes to write and sync. Time is divided into windows by whoever looks. The figure of a window is the
 * mean over the *time* that was spent writing (Σd² / Σd), which is what somebody who comes at a random moment meets: many quick ones do
 * not hide one that took most of the window, as they would in a mean over the writes. One that is under way counts with its age, so a disk that is stuck
 * shows before it answers. The figure of the disk is the median of its last windows in which anything was written: neither one
 * hiccup nor a pause of the process, which falls into one window, makes a disk slow.
 *
 * Times are milliseconds of the monotonic clock.
 */
export class SyncTimes {
  /** One at a time. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
  }

  end(nowMs: number): void {
    if (this.#beganMs === undefined) return;
    this.#add(nowMs - this.#beganMs);
    this.#beganMs = undefined;
  }

  /** Ends a window and begins the next. */
  look(nowMs: number): void {
    if (this.#beganMs !== undefined) this.#add(nowMs - this.#beganMs);
    if (this.#count > 0) {
      this.#windows.push(this.#busyMs > 0 ? this.#squares / this.#busyMs : 0);
      if (this.#windows.length > windowsKept) this.#windows.shift();
      this.#lastMs = nowMs;
    } else if (nowMs - this.#lastMs > oldMs) {
      this.#windows.length = 0;
    }
    this.#count = 0;
    this.#busyMs = 0;
    this.#squares = 0;
  }

  /** What a write and its sync take, in milliseconds; undefined where too little was written of late to say. */
  get ms(): number | undefined {
    if (this.#windows.length < windowsMin) return undefined;
    return this.#windows.toSorted((left, right) => left - right)[Math.floor((this.#windows.length - 1) / 2)];
  }

  readonly #windows: number[] = [];
  #beganMs: number | undefined;
  /** When the newest window ended. */
  #lastMs = 0;
  #count = 0;
  #busyMs = 0;
  #squares = 0;

  #add(durationMs: number): void {
    this.#count++;
    this.#busyMs += durationMs;
    this.#squares += durationMs * durationMs;
  }
}
