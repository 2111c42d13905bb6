import { type Entry, emptyConfiguration, type LogReader, type Persist, RaftCore } from "coterie/raft";

/** Three Raft cores in one thread, whose messages arrive and whose logs are durable at once: nothing but Raft's own work. */
export class RaftGroup {
  readonly #members: readonly Member[];

  constructor(invariantSwitch: { readonly isOn: boolean }) {
    const voters = [1, 2, 3];
    this.#members = voters.map((id) => {
      const log = new EntryList();
      const core = new RaftCore({
        id,
        electionTicks: 10,
        heartbeatTicks: 1,
        random: { uint32: () => id, bytes: (length) => new Uint8Array(length) },
        log,
        hardState: { term: 0, vote: undefined, commit: 0 },
        configuration: { ...emptyConfiguration, voters },
        applied: 0,
        invariantSwitch,
      });
      return { core, log };
    });
    this.#leader.core.campaign();
    this.#settle();
  }

  /** One entry, until all three have applied it. */
  propose(data: Uint8Array): void {
    const proposed = this.#leader.core.propose(data);
    if ("refused" in proposed) throw new Error(`an entry was refused: ${proposed.refused}`);
    this.#settle();
  }

  get #leader(): Member {
    return this.#members[0]!;
  }

  #settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const member of this.#members) {
        while (member.core.hasReady()) {
          isBusy = true;
          this.#carryOut(member);
        }
      }
    }
  }

  #carryOut({ core, log }: Member): void {
    const { persist, messages, apply } = core.ready();
    if (persist !== undefined) log.append(persist);
    for (const message of messages) this.#members[message.to - 1]!.core.step(message);
    if (persist !== undefined) {
      core.persisted(persist.id);
      for (const message of persist.messages) this.#members[message.to - 1]!.core.step(message);
    }
    const last = apply.at(-1);
    if (last !== undefined) core.applied(last.index);
  }
}

interface Member {
  readonly core: RaftCore;
  readonly log: EntryList;
}

class EntryList implements LogReader {
  readonly firstIndex = 1;
  readonly #entries: Entry[] = [];

  get lastIndex(): number {
    return this.#entries.length;
  }

  term(index: number): number {
    return this.#entries[index - 1]?.term ?? 0;
  }

  entries(from: number, to: number): readonly Entry[] {
    return this.#entries.slice(from - 1, to - 1);
  }

  append({ entries }: Persist): void {
    const first = entries[0];
    if (first === undefined) return;
    this.#entries.length = first.index - 1;
    this.#entries.push(...entries);
  }
}
