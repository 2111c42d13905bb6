import { ByteWriter } from "../net/index.ts";
import { type Update, writeUpdate } from "./update.ts";

interface Rumour {
  readonly bytes: Buffer;
  /** Higher is newer. */
  readonly serial: number;
  sentCount: number;
}

/**
 * News that is on its way: each piece rides on a bounded number of datagrams, those first that were sent least, and of
 * these the newest (SWIM §4.1). A newer claim about the same subject takes the place of the older one, so that there are
 * never more pieces than members and shards.
 */
export class Rumours {
  get count(): number {
    return this.#rumours.size;
  }

  /** From now on `update` is told, and what was told of its subject is not. */
  add(update: Update): void {
    this.#rumours.set(subjectOf(update), { bytes: encodeUpdate(update), serial: this.#serial++, sentCount: 0 });
  }

  tellsOfMember(id: number): boolean {
    return this.#rumours.has(subjectOfMember(id));
  }

  /**
   * As much news as fits into `bytes`, which counts as sent. `sendsMax`: a piece that was sent so often is told no more.
   */
  take(bytes: number, sendsMax: number): readonly Buffer[] {
    if (this.#rumours.size === 0) return [];
    const taken: Buffer[] = [];
    let left = bytes;
    const inTurn = [...this.#rumours].sort(([, a], [, b]) => a.sentCount - b.sentCount || b.serial - a.serial);
    for (const [subject, rumour] of inTurn) {
      if (rumour.bytes.length > left) continue;
      taken.push(rumour.bytes);
      left -= rumour.bytes.length;
      rumour.sentCount++;
      if (rumour.sentCount >= sendsMax) this.#rumours.delete(subject);
    }
    return taken;
  }

  readonly #rumours: Map<string, Rumour> = new Map();
  #serial = 0;
}

const writer = new ByteWriter(1_024);

export function encodeUpdate(update: Update): Buffer {
  writer.at = writer.start;
  writeUpdate(writer, update);
  return writer.finish();
}

function subjectOf(update: Update): string {
  return update.kind === "leader" ? `shard ${update.shard}` : subjectOfMember(update.id);
}

function subjectOfMember(id: number): string {
  return `member ${id}`;
}
