/** A distributed hash table: a value goes to the first node at or after the hash of its key. */
import { ExactRing } from "coterie/ring";

export function main(output: (line: string) => void): void {
  // Three nodes on a ring of 256 positions, each with a store of its own.
  const stores = new Map<number, Map<string, string>>([
    [100, new Map()],
    [150, new Map()],
    [200, new Map()],
  ]);
  const ring = new ExactRing(stores.keys());

  // The key's position is its FNV-1a hash modulo 256: 59 for this one.
  const [key, value] = ["filename1", "data"];
  const node = ring.ownerOf(key);
  stores.get(node)?.set(key, value);
  output(`Donnée stockée sur le nœud ${node}`);
}
