/** What the program around each node has said of it, such as where its clients find it: see `Node.setAttribute`. */
export type Attributes = Readonly<Record<string, string>>;

export class NodeAttributes {
  /** Whether this node has taken back what it said. */
  get isWithdrawn(): boolean {
    return this.#isWithdrawn;
  }

  get own(): Attributes {
    return this.#own;
  }

  /** What the other nodes are to know of this one. */
  get told(): Attributes {
    return this.#isWithdrawn ? {} : this.#own;
  }

  set(name: string, value: string): void {
    this.#own[name] = value;
  }

  /** Nobody is to be sent to this node any more. */
  withdraw(): void {
    this.#isWithdrawn = true;
  }

  /** @param text `told` as JSON */
  heard(nodeId: number, text: string): void {
    this.#others.set(nodeId, parseAttributes(text));
  }

  /** A node that is connected anew may be another process at other addresses: what it says now is what counts. */
  unknown(nodeId: number): void {
    this.#others.set(nodeId, {});
  }

  /** What another node has said of itself; undefined as long as it was not connected. */
  of(nodeId: number): Attributes | undefined {
    return this.#others.get(nodeId);
  }

  #isWithdrawn = false;
  readonly #own: Record<string, string> = {};
  readonly #others = new Map<number, Attributes>();
}

/** Of a message from another node; what is no text is left out. */
export function parseAttributes(text: string): Attributes {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return {};
    const fields = Object.entries(value).flatMap(([name, field]) => (typeof field === "string" ? [[name, field]] : []));
    return Object.fromEntries(fields);
  } catch {
    return {};
  }
}
