/** Random commands, valid and not, from a seed: the same ones for whoever has the same seed. */

export type Draw = (bound: number) => number;

/** A generator of integers below a bound (mulberry32). */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound);
  };
}

const integers = ["0", "1", "-1", "2", "10", "-5", "100", "9999", "10000", "4294967296", "9007199254740993"];
const edgeIntegers = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809"];
const noIntegers = ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "x", "1\0", "999999999999999999999"];
const floats = ["0.1", "-0.5", "3.14159", "1e3", "-1.5e-3", "1e20", "0x10", "1e-18", "5.", ".5", "123456789.123456789"];
const noFloats = ["nan", "inf", "-inf", "1e5000", "1e-5000", "1,5", "", " 1"];
const times = ["-1", "0", "9223372036854775807", "9223372036854775", "-9223372036854775807"];

export interface RandomCommandsOptions {
  /** Near which deadlines are drawn. Changed as time passes. */
  nowMs: number;
  /** Few by default, so that commands meet. */
  readonly keyCount?: number;
  /** Relative times, in milliseconds or seconds, begin here; so late by default that nothing falls due during a test. */
  readonly timeMin?: number;
  readonly timeMax?: number;
}

export class RandomCommands {
  readonly options: RandomCommandsOptions;
  readonly #draw: Draw;
  readonly #keys: readonly string[];

  constructor(draw: Draw, options: RandomCommandsOptions) {
    this.#draw = draw;
    this.options = options;
    const names = Array.from({ length: options.keyCount ?? 12 }, (_, at) => `{t${at % 3}}key:${at}`);
    this.#keys = ["", "\0\r\n\xff", ...names];
  }

  next(): string[] {
    const make = this.#pick(this.#makers);
    const words = make();
    words[0] = this.#chance(8) ? (words[0] as string).toUpperCase() : (words[0] as string);
    // Too few or too many words now and then.
    if (this.#chance(60)) words.pop();
    if (this.#chance(60)) words.push(this.#value());
    return words.length === 0 ? ["get"] : words;
  }

  readonly #makers: readonly (() => string[])[] = [
    () => ["get", this.#key()],
    () => ["set", this.#key(), this.#value(), ...this.#setOptions()],
    () => ["set", this.#key(), this.#value()],
    () => ["setnx", this.#key(), this.#value()],
    () => ["setex", this.#key(), this.#time(), this.#value()],
    () => ["psetex", this.#key(), this.#time(), this.#value()],
    () => ["getset", this.#key(), this.#value()],
    () => ["getdel", this.#key()],
    () => ["getex", this.#key(), ...this.#getOptions()],
    () => ["append", this.#key(), this.#value()],
    () => ["strlen", this.#key()],
    () => ["getrange", this.#key(), this.#offset(), this.#offset()],
    () => ["substr", this.#key(), this.#offset(), this.#offset()],
    () => ["setrange", this.#key(), this.#offset(), this.#value()],
    () => ["incr", this.#key()],
    () => ["decr", this.#key()],
    () => ["incrby", this.#key(), this.#integer()],
    () => ["decrby", this.#key(), this.#integer()],
    () => ["incrbyfloat", this.#key(), this.#float()],
    () => ["mget", this.#key(), this.#key(), this.#key()],
    () => ["mset", this.#key(), this.#value(), this.#key(), this.#value()],
    () => ["msetnx", this.#key(), this.#value(), this.#key(), this.#value()],
    () => ["lcs", this.#key(), this.#key(), ...this.#lcsOptions()],
    () => ["del", this.#key(), this.#key()],
    () => ["unlink", this.#key()],
    () => ["exists", this.#key(), this.#key(), this.#key()],
    () => ["touch", this.#key(), this.#key()],
    () => ["type", this.#key()],
    () => ["copy", this.#key(), this.#key(), ...this.#some(["replace", "REPLACE", "db 0", "db 99", "db x", "foo"])],
    () => ["rename", this.#key(), this.#key()],
    () => ["renamenx", this.#key(), this.#key()],
    () => [this.#pick(["expire", "pexpire"]), this.#key(), this.#time(), ...this.#conditions()],
    () => [this.#pick(["expireat", "pexpireat"]), this.#key(), this.#instant(), ...this.#conditions()],
    () => [this.#pick(["ttl", "pttl", "expiretime", "pexpiretime"]), this.#key()],
    () => ["persist", this.#key()],
    () => ["object", this.#pick(["encoding", "freq", "foo", "ENCODING"]), this.#key()],
    () => ["keys", this.#pick(["*", "**", "*key*", "{t1}*", "?*", "[{]t[0-1]}*", "\\{t2*", "x*", ""])],
    () => ["dbsize"],
    () => ["scan", this.#pick(["0", "", "x", " 0", "-0", "99999999999999999999999"]), ...this.#scanOptions()],
    () =>
      this.#chance(20) ? [this.#pick(["flushall", "flushdb"]), ...this.#some(["async", "sync", "foo"])] : ["dbsize"],
    () => ["nosuch\r\ncommand", this.#value(), this.#value(), "x".repeat(this.#draw(200))],
  ];

  #key(): string {
    return this.#pick(this.#keys);
  }

  #value(): string {
    switch (this.#draw(8)) {
      case 0:
        return this.#integer();
      case 1:
        return this.#float();
      case 2:
        return this.#pick(["ohmytext", "mynewtext", "a", "", "ab\0cd", "\xff\xfe"]);
      case 3:
        return "abc".repeat(this.#draw(40));
      case 4:
        return Array.from({ length: this.#draw(30) }, () => this.#pick(["a", "b", "c"])).join("");
      case 5:
        return "y".repeat(40 + this.#draw(10));
      default:
        return String(this.#draw(1_000));
    }
  }

  #integer(): string {
    if (this.#chance(6)) return this.#pick(edgeIntegers);
    return this.#pick(this.#chance(8) ? noIntegers : integers);
  }

  #float(): string {
    if (this.#chance(3)) return this.#integer();
    return this.#pick(this.#chance(8) ? noFloats : floats);
  }

  #offset(): string {
    if (this.#chance(12)) return this.#pick([...edgeIntegers, ...noIntegers, "536870912", "2147483648"]);
    return String(this.#draw(120) - 40);
  }

  #time(): string {
    // Seldom the same one twice: between equal times from now GT and LT would choose by the clock.
    const { timeMin = 100_000, timeMax = 1_000_000_000 } = this.options;
    if (this.#chance(2)) return String(timeMin + this.#draw(timeMax - timeMin));
    return this.#chance(8) ? this.#pick(noIntegers) : this.#pick(times);
  }

  #instant(): string {
    if (this.#chance(6)) return "1";
    return this.#chance(3) ? this.#time() : this.#ahead(this.#chance(2) ? 1_000 : 1);
  }

  /** A time since the epoch that does not come during the test: Redis would count a key of the past for a while. */
  #ahead(unitMs: number): string {
    return String(
      Math.floor((this.options.nowMs + (this.options.timeMin ?? 500_000) + this.#draw(1_000_000)) / unitMs),
    );
  }

  #setOptions(): string[] {
    const plain = ["nx", "xx", "get", "keepttl", "persist", "NX", "foo", "ex", "exat x", "pxat -1"];
    const expiries = [
      `ex ${this.#time()}`,
      `px ${this.#time()}`,
      `exat ${this.#ahead(1_000)}`,
      `pxat ${this.#ahead(1)}`,
    ];
    return this.#some([...plain, ...expiries]);
  }

  #getOptions(): string[] {
    return this.#some([
      "persist",
      "nx",
      `ex ${this.#time()}`,
      `px ${this.#time()}`,
      `exat ${this.#instant()}`,
      `pxat ${this.#instant()}`,
    ]);
  }

  #lcsOptions(): string[] {
    return this.#some(["idx", "len", "withmatchlen", "minmatchlen 2", "minmatchlen -1", "minmatchlen x", "foo"]);
  }

  #scanOptions(): string[] {
    return this.#some(["count 1000", "count 0", "count x", "match *key*", "type string", "type list", "foo", "count"]);
  }

  #conditions(): string[] {
    return this.#some(["nx", "xx", "gt", "lt", "LT", "foo"]);
  }

  /** None to three of `options`, each split at blanks. */
  #some(options: readonly string[]): string[] {
    return Array.from({ length: Math.max(0, this.#draw(5) - 1) }, () => this.#pick(options).split(" ")).flat();
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#draw(from.length)] as T;
  }

  #chance(oneIn: number): boolean {
    return this.#draw(oneIn) === 0;
  }
}
