/**
 * The addresses of hosts by their names, for datagrams: Node looks a name up anew for every one. Here a name is asked for once at
 * a time, and the answer, a failure too, holds for some seconds; so a resolver that is slow, or away, is not asked by every
 * datagram, and look-ups for connections need not queue behind them.
 */
export class HostLookups {
  constructor(options: HostLookupsOptions) {
    this.#options = options;
  }

  /** `key` is the name with what else is asked of it. `done` is called once, never within this call. */
  find(key: string, ask: AskForHost, done: HostFound): void {
    const known = this.#known.get(key);
    if (known?.kind === "asking") {
      known.waiting.push(done);
    } else if (known !== undefined && this.#options.nowMs() < known.untilMs) {
      process.nextTick(() => known.tell(done));
    } else {
      this.#ask(key, ask, done);
    }
  }

  readonly #options: HostLookupsOptions;
  readonly #known: Map<string, KnownHost> = new Map();

  #ask(key: string, ask: AskForHost, done: HostFound): void {
    const waiting = [done];
    this.#remember(key, { kind: "asking", waiting });
    ask((...answer) => {
      const tell = (to: HostFound): void => to(...answer);
      this.#remember(key, { kind: "answered", untilMs: this.#options.nowMs() + this.#options.keptMs, tell });
      for (const each of waiting) tell(each);
    });
  }

  /** What was remembered first makes room. Who waits for its answer gets it all the same. */
  #remember(key: string, known: KnownHost): void {
    this.#known.delete(key);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= this.#options.hostsMax) this.#known.delete(oldest);
    this.#known.set(key, known);
  }
}

export interface HostLookupsOptions {
  /** Any monotonic clock. */
  readonly nowMs: () => number;
  /** How long an answer holds. */
  readonly keptMs: number;
  /** So many names are remembered. */
  readonly hostsMax: number;
}

export type HostFound = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;
/** Calls back once, never at once. */
export type AskForHost = (found: HostFound) => void;

type KnownHost =
  | { readonly kind: "asking"; readonly waiting: HostFound[] }
  | { readonly kind: "answered"; readonly untilMs: number; readonly tell: (to: HostFound) => void };
