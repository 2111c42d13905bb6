/**
 * Finds where bytes cease to be JSON (RFC 8259), or become too deep. `JSON.parse` decides whether they are; this tells
 * where they are not, with an offset in bytes, which its errors do not give. It runs only for messages that are refused.
 */
export interface SyntaxProblem {
  /** Of the byte that cannot stand there; the length of the message if it ends too early. */
  readonly offset: number;
  /** E.g. `expected a value`. */
  readonly problem: string;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const whitespace: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const escapes: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));
const hexadecimal = /^[0-9a-fA-F]{4}$/;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const literal = /true|false|null/y;

/** What may come next. */
type Expectation = "value" | "valueOrEnd" | "key" | "keyOrEnd" | "colon" | "commaOrEnd" | "nothing";

const names: Readonly<Record<Expectation, string>> = {
  value: "a value",
  valueOrEnd: 'a value or "]"',
  key: "a property's name",
  keyOrEnd: `a property's name or "}"`,
  colon: '":"',
  commaOrEnd: '"," or the end of what is open',
  nothing: "nothing more",
};

/** Undefined for JSON that is no deeper than `depthMax`. `bytes` are UTF-8. */
export function findSyntaxProblem(
  bytes: Uint8Array,
  depthMax: number = Number.POSITIVE_INFINITY,
): SyntaxProblem | undefined {
  const scanner = new Scanner(bytes, depthMax);
  return scanner.scan();
}

class Scanner {
  readonly #bytes: Uint8Array;
  /** One character a byte, for the expressions; what is not ASCII stands in strings only. */
  readonly #text: string;
  readonly #depthMax: number;
  readonly #open: number[] = [];
  #at = 0;
  #expectation: Expectation = "value";

  constructor(bytes: Uint8Array, depthMax: number) {
    this.#bytes = bytes;
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    this.#depthMax = depthMax;
  }

  scan(): SyntaxProblem | undefined {
    for (;;) {
      while (whitespace.has(this.#bytes[this.#at] ?? 0)) this.#at++;
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return this.#expectation === "nothing" ? undefined : this.#problem();
      const problem = this.#take(byte);
      if (problem !== undefined) return problem;
    }
  }

  #take(byte: number): SyntaxProblem | undefined {
    switch (this.#expectation) {
      case "valueOrEnd":
        return byte === closeArray ? this.#close() : this.#value(byte);
      case "value":
        return this.#value(byte);
      case "keyOrEnd":
        return byte === closeObject ? this.#close() : this.#key(byte);
      case "key":
        return this.#key(byte);
      case "colon":
        return byte === colon ? this.#step("value") : this.#problem();
      case "commaOrEnd":
        return this.#separator(byte);
      case "nothing":
        return this.#problem();
    }
  }

  #value(byte: number): SyntaxProblem | undefined {
    if (byte === openArray || byte === openObject) {
      if (this.#open.length >= this.#depthMax) return this.#problem(`nested deeper than ${this.#depthMax}`);
      this.#open.push(byte);
      return this.#step(byte === openArray ? "valueOrEnd" : "keyOrEnd");
    }
    if (byte === quote) return this.#string() ?? this.#ended();
    for (const pattern of [number, literal]) {
      pattern.lastIndex = this.#at;
      const length = pattern.exec(this.#text)?.[0].length;
      if (length === undefined) continue;
      this.#at += length;
      return this.#ended();
    }
    return this.#problem();
  }

  #key(byte: number): SyntaxProblem | undefined {
    if (byte !== quote) return this.#problem();
    const problem = this.#string();
    this.#expectation = "colon";
    return problem;
  }

  /** From its opening quote to behind the closing one. */
  #string(): SyntaxProblem | undefined {
    for (this.#at++; ; this.#at++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return this.#problem("a text without its closing quote");
      if (byte < 0x20) return this.#problem("a control character in a text, which must be escaped");
      if (byte === quote) {
        this.#at++;
        return undefined;
      }
      if (byte !== backslash) continue;
      const escaped = this.#bytes[this.#at + 1] ?? 0;
      if (escaped === 0x75 && hexadecimal.test(this.#text.slice(this.#at + 2, this.#at + 6))) this.#at += 5;
      else if (escapes.has(escaped)) this.#at++;
      else return this.#problem("an escape that is none");
    }
  }

  #separator(byte: number): SyntaxProblem | undefined {
    const isArray = this.#open.at(-1) === openArray;
    if (byte === comma) return this.#step(isArray ? "value" : "key");
    return byte === (isArray ? closeArray : closeObject) ? this.#close() : this.#problem();
  }

  #close(): undefined {
    this.#open.pop();
    this.#at++;
    return this.#ended();
  }

  /** A value is whole. */
  #ended(): undefined {
    this.#expectation = this.#open.length === 0 ? "nothing" : "commaOrEnd";
    return undefined;
  }

  #step(next: Expectation): undefined {
    this.#at++;
    this.#expectation = next;
    return undefined;
  }

  #problem(problem = `expected ${names[this.#expectation]}`): SyntaxProblem {
    return { offset: this.#at, problem };
  }
}
