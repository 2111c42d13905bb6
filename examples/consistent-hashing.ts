/** Consistent hashing: past the last node the ring begins again. */
import { ExactRing } from "coterie/ring";

export function main(output: (line: string) => void): void {
  const stores = new Map<number, Map<string, string>>([
    [50, new Map()],
    [100, new Map()],
    [200, new Map()],
  ]);
  const ring = new ExactRing(stores.keys());

  const store = (key: string, value: string): void => {
    const node = ring.ownerOf(key);
    stores.get(node)?.set(key, value);
    output(`Clé ${key} stockée sur le nœud ${node}`);
  };
  // "filename1" stands at 59, between 50 and 100.
  store("filename1", "some data");
  // "filename2" stands at 206, after every node: it goes round to the first one. (The course's own program stores it
  // there too, but without a word.)
  store("filename2", "other data");
}
