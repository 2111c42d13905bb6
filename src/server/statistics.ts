import { LatencyHistogram } from "./latency-histogram.ts";

/** What `INFO commandstats` and `latencystats` say of one command. */
export class CommandStatistics {
  /** Commands that were answered. */
  calls = 0;
  /** From when the commands had been read until their replies were ready, replication included; by the turn's clock. */
  microseconds = 0;
  /** Refused before they ran: too few words, no password, … */
  rejectedCalls = 0;
  /** Ran, and answered an error. */
  failedCalls = 0;
  latency: LatencyHistogram | undefined;

  record(microseconds: number, isLatencyTracked: boolean): void {
    this.calls++;
    this.microseconds += microseconds;
    if (!isLatencyTracked) return;
    this.latency ??= new LatencyHistogram();
    this.latency.record(microseconds);
  }

  reset(): void {
    this.calls = 0;
    this.microseconds = 0;
    this.rejectedCalls = 0;
    this.failedCalls = 0;
    this.latency = undefined;
  }
}

/** Different codes of errors that are counted; more are counted as one. */
const errorCodesMax = 128;
const rateSamples = 16;

/** The counters behind `INFO stats` and `errorstats`, since the start or the last `CONFIG RESETSTAT`. */
export class ServerStatistics {
  connectionsReceived = 0;
  connectionsRejected = 0;
  commandsProcessed = 0;
  inputBytes = 0;
  outputBytes = 0;
  reads = 0;
  writes = 0;
  errorReplies = 0;
  outputLimitDisconnections = 0;
  inputLimitDisconnections = 0;
  /** By the code that an error begins with. */
  readonly errors: Map<string, number> = new Map<string, number>();

  readonly commandRate: Rate = new Rate();
  readonly inputRate: Rate = new Rate();
  readonly outputRate: Rate = new Rate();

  /** Counts the error that `text` (without "-") is. */
  countError(text: string): void {
    this.errorReplies++;
    const end = text.search(/[ \r\n]/);
    const code = end < 0 ? text : text.slice(0, end);
    const counted = this.errors.get(code) ?? 0;
    if (counted === 0 && this.errors.size >= errorCodesMax) return;
    this.errors.set(code, counted + 1);
  }

  /** To be called at regular times. */
  sampleRates(nowMs: number): void {
    this.commandRate.sample(this.commandsProcessed, nowMs);
    this.inputRate.sample(this.inputBytes, nowMs);
    this.outputRate.sample(this.outputBytes, nowMs);
  }

  reset(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.commandsProcessed = 0;
    this.inputBytes = 0;
    this.outputBytes = 0;
    this.reads = 0;
    this.writes = 0;
    this.errorReplies = 0;
    this.outputLimitDisconnections = 0;
    this.inputLimitDisconnections = 0;
    this.errors.clear();
    for (const rate of [this.commandRate, this.inputRate, this.outputRate]) rate.reset();
  }
}

/** How fast a counter has risen lately: the mean over the last samples. */
export class Rate {
  #samples: number[] = [];
  #lastCount = 0;
  #lastMs: number | undefined;

  sample(count: number, nowMs: number): void {
    if (this.#lastMs !== undefined && nowMs > this.#lastMs) {
      this.#samples.push(((count - this.#lastCount) * 1_000) / (nowMs - this.#lastMs));
      if (this.#samples.length > rateSamples) this.#samples.shift();
    }
    this.#lastMs = nowMs;
    this.#lastCount = count;
  }

  get perSecond(): number {
    let sum = 0;
    for (const sample of this.#samples) sum += sample;
    return this.#samples.length === 0 ? 0 : sum / this.#samples.length;
  }

  reset(): void {
    this.#samples = [];
    this.#lastCount = 0;
    this.#lastMs = undefined;
  }
}
