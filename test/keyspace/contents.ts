/** A keyspace made from records, whatever their order. For tests. */

import { type KeyRecord, Keyspace, type KeyspaceHeader } from "../../src/keyspace/index.ts";
import { keyHashOfText } from "../../src/keyspace/key-hash.ts";
import { ContentsBuilder } from "../../src/keyspace/keyspace-contents.ts";
import { hashSlotOfText } from "../../src/ring/index.ts";

export function keyspaceOf(header: KeyspaceHeader, records: readonly KeyRecord[]): Keyspace {
  const placed = records.map((record) => ({
    ...record,
    slot: hashSlotOfText(record.key),
    hash: keyHashOfText(record.key),
  }));
  const builder = new ContentsBuilder(header);
  for (const each of placed.sort((a, b) => a.slot - b.slot || a.hash - b.hash || (a.key < b.key ? -1 : 1))) {
    builder.add(each);
  }
  return new Keyspace({}, builder.finish());
}
