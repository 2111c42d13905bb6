/**
 * Entries that stop whoever applies them, and that an operator has all replicas leave out (CONSENSUS A-4). Which ones stands in
 * the directory. A node writes it down before its replicas obey: what a replica has left out once it leaves out at every
 * later start, whatever the directory's own replica here holds by then, and whatever this version would make of the entry.
 */
import type { SkippedEntry } from "../../directory/index.ts";
import type { Logger } from "../../platform/index.ts";
import type { NormalEntry } from "../../raft/index.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import { groupOfShard } from "./shard-group.ts";
import { entryChecksum } from "./stopped-entry.ts";

/** Ticks until a write that failed is tried again. */
const retryTicks = 50;

export interface LeftOutEntriesOptions {
  readonly directory: Pick<NodeDirectory, "record" | "rememberSkips">;
  readonly logger: Logger;
  /** An entry is left out from now on by the replica of `group`, if there is one here. */
  readonly onLeftOut: (group: number, entry: SkippedEntry) => void;
}

export class LeftOutEntries {
  constructor(options: LeftOutEntriesOptions) {
    this.#options = options;
    for (const entry of options.directory.record.skips) this.#add(entry);
  }

  /** Of one group, as far as they are obeyed here. */
  of(group: number): readonly SkippedEntry[] {
    return this.#byGroup.get(group) ?? [];
  }

  /** Whether the replica of `group` leaves out this very entry. */
  has(group: number, entry: NormalEntry): boolean {
    return isAmong(this.of(group), entry);
  }

  /** Takes what the directory says. What it does not say any more stays. */
  set(entries: readonly SkippedEntry[]): void {
    this.#wanted = entries;
    this.#ticksLeft = 0;
    this.tick();
  }

  /** One tick has passed. */
  tick(): void {
    const isNew = (entry: SkippedEntry): boolean =>
      !this.of(groupOfShard(entry.shard)).some(({ index }) => index === entry.index);
    if (this.#isWriting || this.#wanted.length === 0 || this.#ticksLeft-- > 0) return;
    const added = this.#wanted.filter(isNew);
    if (added.length === 0) this.#wanted = [];
    else void this.#write(added);
  }

  readonly #options: LeftOutEntriesOptions;
  readonly #byGroup: Map<number, readonly SkippedEntry[]> = new Map();
  /** What the directory said last, until all of it is obeyed. */
  #wanted: readonly SkippedEntry[] = [];
  #isWriting = false;
  #ticksLeft = 0;

  /** Never rejects. */
  async #write(added: readonly SkippedEntry[]): Promise<void> {
    const { directory, logger, onLeftOut } = this.#options;
    this.#isWriting = true;
    this.#ticksLeft = retryTicks;
    const isDurable = await directory.rememberSkips([...this.#all(), ...added]);
    this.#isWriting = false;
    if (!isDurable) {
      logger.log("error", "that entries are left out cannot be noted: replicas wait with it", { count: added.length });
      return;
    }
    for (const entry of added) {
      const { shard, ...fields } = entry;
      this.#add(entry);
      logger.log("warn", "an entry is left out from now on", { group: groupOfShard(shard), ...fields });
      onLeftOut(groupOfShard(shard), entry);
    }
  }

  #all(): readonly SkippedEntry[] {
    return [...this.#byGroup.values()].flat();
  }

  #add(entry: SkippedEntry): void {
    const group = groupOfShard(entry.shard);
    this.#byGroup.set(group, [...this.of(group), entry]);
  }
}

/** What a stopped node's replica of `group` has left out, or would. */
export function leftOutBy(
  { skips }: Pick<NodeDirectory["record"], "skips">,
  group: number,
): (entry: NormalEntry) => boolean {
  const known = skips.filter(({ shard }) => groupOfShard(shard) === group);
  return (entry) => isAmong(known, entry);
}

function isAmong(skips: readonly SkippedEntry[], entry: NormalEntry): boolean {
  const known = skips.find(({ index }) => index === entry.index);
  return known !== undefined && known.term === entry.term && known.checksum === entryChecksum(entry);
}
