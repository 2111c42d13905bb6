/**
 * Commands by name. The look-up works on the bytes of the request, in any case, without making a string of them.
 */
import { assert } from "../platform/index.ts";
import { type Arguments, ErrorReply } from "../resp/index.ts";
import { type CommandSpec, hasArity } from "./command.ts";
import { printable } from "./replies.ts";

/** Redis shows at most as much of what it did not understand. */
const shownBytesMax = 128;

/** No command has a longer name. */
const nameBytesMax = 64;

export class CommandTable<Context> {
  /** Sorted by name. */
  readonly specs: readonly CommandSpec<Context>[];
  /** Open addressing; a power of two and at least twice the number of commands. */
  readonly #places: readonly (CommandSpec<Context> | undefined)[];
  readonly #subcommands: ReadonlyMap<CommandSpec<Context>, CommandTable<Context>>;

  constructor(specs: readonly CommandSpec<Context>[]) {
    this.specs = specs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    let size = 2;
    while (size < 2 * specs.length) size *= 2;
    const places: (CommandSpec<Context> | undefined)[] = new Array(size).fill(undefined);
    for (const spec of specs) {
      const name = Buffer.from(spec.name, "latin1");
      assert(spec.name === spec.name.toUpperCase(), `the command name ${spec.name} is not in upper case`);
      assert(name.length <= nameBytesMax, `the command name ${spec.name} is too long`);
      let place = nameHash(name, 0, name.length) & (size - 1);
      for (let other = places[place]; other !== undefined; other = places[place]) {
        assert(other.name !== spec.name, `two commands are called ${spec.name}`);
        place = (place + 1) & (size - 1);
      }
      places[place] = spec;
    }
    this.#places = places;
    this.#subcommands = new Map(
      specs.filter((spec) => spec.subcommands.length > 0).map((spec) => [spec, new CommandTable(spec.subcommands)]),
    );
  }

  /** The command whose name, in any case, is `bytes[start]` up to, not including, `bytes[end]`. */
  find(bytes: Uint8Array, start: number, end: number): CommandSpec<Context> | undefined {
    if (end - start > nameBytesMax) return undefined;
    const places = this.#places;
    const mask = places.length - 1;
    let place = nameHash(bytes, start, end) & mask;
    for (let spec = places[place]; spec !== undefined; spec = places[place]) {
      if (isName(spec.name, bytes, start, end)) return spec;
      place = (place + 1) & mask;
    }
    return undefined;
  }

  /** The command of that name, in any case. */
  get(name: string): CommandSpec<Context> | undefined {
    const bytes = Buffer.from(name, "latin1");
    return this.find(bytes, 0, bytes.length);
  }

  /**
   * The command that `args` calls, the subcommand where there are such, with as many words as it needs; otherwise
   * undefined, and `refusal` says what Redis would.
   */
  resolve(args: Arguments): CommandSpec<Context> | undefined {
    let spec = this.find(args.bytes, args.starts[0] as number, args.ends[0] as number);
    if (spec !== undefined && spec.subcommands.length > 0 && args.count > 1) {
      const subcommands = this.#subcommands.get(spec);
      spec = subcommands?.find(args.bytes, args.starts[1] as number, args.ends[1] as number);
    }
    return spec !== undefined && spec.execute !== undefined && hasArity(spec, args.count) ? spec : undefined;
  }

  /** Why `resolve` found nothing, in Redis' words. */
  refusal(args: Arguments): ErrorReply {
    const name = args.text(0);
    const spec = this.get(name);
    if (spec === undefined) return unknownCommand(name, args);
    if (spec.subcommands.length === 0 || args.count === 1) return wrongArity(spec.name);
    const subcommand = this.#subcommands.get(spec)?.get(args.text(1));
    if (subcommand !== undefined) return wrongArity(`${spec.name}|${subcommand.name}`);
    return new ErrorReply(
      `ERR unknown subcommand '${printable(args.text(1), shownBytesMax)}'. Try ${name.toUpperCase()} HELP.`,
    );
  }
}

/** `name` as in the table, with its container and "|" before a subcommand's. */
export function wrongArity(name: string): ErrorReply {
  return new ErrorReply(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}

function unknownCommand(name: string, args: Arguments): ErrorReply {
  let beginning = "";
  for (let word = 1; word < args.count && beginning.length < shownBytesMax; word++) {
    beginning += `'${printable(args.text(word), shownBytesMax - beginning.length)}' `;
  }
  return new ErrorReply(
    `ERR unknown command '${printable(name, shownBytesMax)}', with args beginning with: ${beginning}`,
  );
}

function nameHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  // Bit 5 is all that differs between the cases of a letter.
  for (let at = start; at < end; at++) hash = Math.imul(hash, 31) + ((bytes[at] as number) | 0x20);
  return hash ^ (hash >>> 8);
}

function isName(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[start + at] as number;
    if (name.charCodeAt(at) !== (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte)) return false;
  }
  return true;
}
