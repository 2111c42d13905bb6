/** The joiner's half of the exchange by which a node joins: see join-wire.ts. What carries its words is not its business. */
import { CoterieError, type Random, type SocketAddress } from "../../platform/index.ts";
import { ErrorReply, type Reply } from "../../resp/index.ts";
import { openSecret } from "./identity.ts";
import {
  formatJoinRequest,
  grantProof,
  isSameProof,
  type JoinGrant,
  type JoinNonces,
  type JoinRequest,
  joinNonceBytes,
  joinProtocolVersion,
  parseJoinGrant,
  parseJoinGreeting,
  requestProof,
} from "./join-wire.ts";

/**
 * Asks a cluster to take in the node with that directory on disk; or, with `known`, where its nodes are now, as one of them.
 *
 * @throws JoinRefusedError (JOIN_REFUSED), JoinUndecidedError (JOIN_UNDECIDED), what the way there fails with
 */
export type AskToJoin = (directoryId: string, known?: KnownJoiner) => Promise<JoinGrant>;

/** A node that has joined, and asks where the others are. */
export interface KnownJoiner {
  readonly clusterId: string;
  /** Undefined: the cluster has none. */
  readonly secret: string | undefined;
  readonly peerAddress: SocketAddress | undefined;
}

/** The cluster does not take the node, and would not if it were asked again. */
export class JoinRefusedError extends CoterieError {
  readonly code = "JOIN_REFUSED";
  /** Its word for why, such as "NODE_NAME_TAKEN". */
  readonly reason: string;

  constructor(reason: string, text: string) {
    super(text);
    this.reason = reason;
  }
}

/** The cluster could not say now whether it takes the node: to ask again does no harm. */
export class JoinUndecidedError extends CoterieError {
  readonly code = "JOIN_UNDECIDED";
}

export interface JoinAskingOptions {
  /** The cluster's; undefined: it is to have none. */
  readonly secret: string | undefined;
  readonly random: Random;
  /** Who is asked, for the texts of errors: "127.0.0.1:7001". */
  readonly where: string;
}

/** One exchange: `hello`, `request`, `grant`, each given what was answered to the words before. */
export class JoinAsking {
  constructor(options: JoinAskingOptions) {
    this.#options = options;
    this.#nonce = Buffer.from(options.random.bytes(joinNonceBytes)).toString("hex");
  }

  hello(): readonly string[] {
    return ["COTERIE", "JOIN", "HELLO", `${joinProtocolVersion}`, this.#nonce];
  }

  /** @throws JoinRefusedError (JOIN_REFUSED), JoinUndecidedError (JOIN_UNDECIDED) */
  request(answer: Reply, request: JoinRequest): readonly string[] {
    this.#throwIfError(answer);
    const greeting = typeof answer === "string" ? parseJoinGreeting(answer) : undefined;
    if (greeting === undefined) throw this.#senseless();
    const nonces: JoinNonces = { joiner: this.#nonce, cluster: greeting.nonce };
    const secret = this.#secret(greeting.openNames);
    const text = formatJoinRequest(request);
    this.#asked = { openNames: greeting.openNames, nonces, secret, request, text };
    return ["COTERIE", "JOIN", "REQUEST", text, requestProof(secret, nonces, text)];
  }

  /** @throws JoinRefusedError (JOIN_REFUSED), JoinUndecidedError (JOIN_UNDECIDED) */
  grant(answer: Reply): JoinGrant {
    this.#throwIfError(answer);
    const asked = this.#asked;
    const [text, proof] = Array.isArray(answer) ? answer : [];
    if (asked === undefined || typeof text !== "string" || typeof proof !== "string") throw this.#senseless();
    if (!isSameProof(proof, grantProof(asked.secret, asked.nonces, asked.text, text)))
      throw this.#refused(
        "WRONG_SECRET",
        "is not of the cluster whose secret this is. Give the address of its own nodes.",
      );
    const grant = parseJoinGrant(text, asked.request);
    if (grant === undefined || (asked.openNames ?? grant.names).join() !== grant.names.join()) throw this.#senseless();
    return grant;
  }

  readonly #options: JoinAskingOptions;
  readonly #nonce: string;
  #asked:
    | {
        readonly openNames: readonly string[] | undefined;
        readonly nonces: JoinNonces;
        readonly secret: string;
        readonly request: JoinRequest;
        readonly text: string;
      }
    | undefined;

  #secret(openNames: readonly string[] | undefined): string {
    const { secret } = this.#options;
    if (openNames === undefined && secret === undefined)
      throw this.#refused(
        "SECRET_REQUIRED",
        "is of a cluster that has a secret. Give it with --secret-file, from the file `secret` in any node's directory.",
      );
    if (openNames !== undefined && secret !== undefined)
      throw this.#refused("NO_SECRET", "is of a cluster without a secret. Leave --secret-file and COTERIE_SECRET out.");
    return secret ?? openSecret(openNames ?? []);
  }

  #throwIfError(answer: Reply): void {
    if (!(answer instanceof ErrorReply)) return;
    const { where } = this.#options;
    const { text } = answer;
    const [word = ""] = text.split(" ", 1);
    if (/^(TRYAGAIN|CLUSTERDOWN|DISKFULL|LOADING|UNCERTAIN)$/.test(word))
      throw new JoinUndecidedError(`${where} answers: ${text.slice(word.length + 1)}`);
    if (word === "NOAUTH")
      throw this.#refused(word, "asks for its password. Give COTERIE_PASSWORD or --password-file.");
    if (word === "WRONGPASS") throw this.#refused(word, "does not accept this password.");
    if (/^ERR unknown (sub)?command/i.test(text)) throw this.#senseless();
    throw this.#refused(word, `answers: ${text.slice(word.length + 1)}`);
  }

  #senseless(): JoinRefusedError {
    return this.#refused(
      "ERR",
      "is no node that others can join: another program, or an older version of Coterie. Give the Redis port of a node.",
    );
  }

  #refused(reason: string, text: string): JoinRefusedError {
    return new JoinRefusedError(reason, `${this.#options.where} ${text}`);
  }
}
