import { type Arguments, ErrorReply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { userName } from "./connection-commands.ts";
import { integerWord } from "./integer-word.ts";
import { syntaxError } from "./server-command.ts";

/** All clients here are "normal"; the others exist, but nobody is one. */
const clientTypes = ["normal", "master", "slave", "replica", "pubsub"];

/** Which connections `CLIENT KILL` is about. */
export interface ClientFilter {
  readonly matches: (connection: Connection) => boolean;
  readonly skipsCaller: boolean;
}

/** Whether a word names a type of clients, or the refusal. */
export function clientType(word: string): string | ErrorReply {
  const type = word.toLowerCase();
  return clientTypes.includes(type) ? type : new ErrorReply(`ERR Unknown client type '${word}'`);
}

/** `CLIENT KILL` with options in pairs, from word 2 on. */
export function clientFilter(args: Arguments): ClientFilter | ErrorReply {
  const conditions: ((connection: Connection) => boolean)[] = [];
  let skipsCaller = true;
  for (let index = 2; index < args.count; index += 2) {
    if (index + 1 === args.count) return syntaxError;
    const value = args.text(index + 1);
    switch (args.text(index).toUpperCase()) {
      case "ID": {
        const id = integerWord(args, index + 1);
        if (id === undefined || id <= 0) return new ErrorReply("ERR client-id should be greater than 0");
        conditions.push((connection) => connection.id === id);
        break;
      }
      case "TYPE": {
        const type = clientType(value);
        if (type instanceof ErrorReply) return type;
        conditions.push(() => type === "normal");
        break;
      }
      case "ADDR":
        conditions.push(({ address }) => `${address.host}:${address.port}` === value);
        break;
      case "LADDR":
        conditions.push(({ localAddress }) => `${localAddress.host}:${localAddress.port}` === value);
        break;
      case "USER":
        if (value !== userName) return new ErrorReply(`ERR No such user '${value}'`);
        break;
      case "SKIPME":
        if (value.toLowerCase() !== "yes" && value.toLowerCase() !== "no") return syntaxError;
        skipsCaller = value.toLowerCase() === "yes";
        break;
      default:
        return syntaxError;
    }
  }
  return { matches: (connection) => conditions.every((condition) => condition(connection)), skipsCaller };
}
