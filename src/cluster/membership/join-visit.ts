/** The cluster's half of the exchange by which a node joins: see join-wire.ts. */
import { DirectoryRefusal } from "../../directory/index.ts";
import type { Logger, Random } from "../../platform/index.ts";
import { CoterieError, isLoopback } from "../../platform/index.ts";
import { ErrorReply } from "../../resp/index.ts";
import {
  formatJoinGrant,
  formatJoinGreeting,
  grantProof,
  isJoinNonce,
  isSameProof,
  type JoinGrant,
  type JoinNonces,
  type JoinRequest,
  joinNonceBytes,
  joinProtocolVersion,
  parseJoinRequest,
  requestProof,
} from "./join-wire.ts";

export interface JoinVisitOptions {
  /** What the cluster proves itself with. */
  readonly secret: string;
  /** The first nodes' names, if everybody can compute the secret from them. */
  readonly openNames: readonly string[] | undefined;
  /** Whence the visitor comes. */
  readonly remoteHost: string;
  readonly random: Random;
  readonly logger: Logger;
  /** Somebody asked who does not know the secret. */
  readonly onStranger: () => void;
  /** Has the directory take the node in. @throws DirectoryRefusal, or what leaves open whether it did */
  readonly admit: (request: JoinRequest) => Promise<JoinGrant>;
}

/** A grant and its proof. */
export type JoinAnswer = readonly [grant: string, proof: string];

/** One connection over which a node may ask to join. */
export class JoinVisit {
  constructor(options: JoinVisitOptions) {
    this.#options = options;
  }

  /** Whether the proofs prove nothing, since the cluster has no secret: what else guards the port has to. */
  get isOpen(): boolean {
    return this.#options.openNames !== undefined;
  }

  /** The first words; asked again, it begins anew. */
  hello(version: string, nonce: string): string | ErrorReply {
    this.#nonces = undefined;
    if (version !== `${joinProtocolVersion}`) return wrongVersion;
    if (!isJoinNonce(nonce)) return senseless;
    const { openNames, random } = this.#options;
    if (this.#isFromElsewhere(this.#options.remoteHost)) return noSecret;
    const own = Buffer.from(random.bytes(joinNonceBytes)).toString("hex");
    this.#nonces = { joiner: nonce, cluster: own };
    return formatJoinGreeting({ nonce: own, openNames });
  }

  async request(text: string, proof: string): Promise<JoinAnswer | ErrorReply> {
    const { secret, onStranger } = this.#options;
    const nonces = this.#nonces;
    this.#nonces = undefined;
    if (nonces === undefined) return senseless;
    if (!isSameProof(proof, requestProof(secret, nonces, text))) {
      onStranger();
      return wrongSecret;
    }
    const request = parseJoinRequest(text);
    if (request === undefined) return senseless;
    if (request.peerAddress !== undefined && this.#isFromElsewhere(request.peerAddress.host)) return noSecret;
    try {
      const grant = formatJoinGrant(await this.#options.admit(request));
      return [grant, grantProof(secret, nonces, text, grant)];
    } catch (error) {
      return this.#failure(request, error);
    }
  }

  readonly #options: JoinVisitOptions;
  /** Of the request that is waited for. */
  #nonces: JoinNonces | undefined;

  /** Where a cluster without a secret must not be reached from, nor reach. */
  #isFromElsewhere(host: string): boolean {
    return this.isOpen && !isLoopback(host);
  }

  #failure({ name }: JoinRequest, error: unknown): ErrorReply {
    const { logger } = this.#options;
    if (error instanceof DirectoryRefusal) {
      logger.log("warn", "a node cannot join", { name, code: error.code, text: error.message });
      return new ErrorReply(`${error.code} ${error.message}`);
    }
    const text = error instanceof Error ? error.message : String(error);
    logger.log("warn", "a node could not join now", { name, error: text });
    const why = error instanceof CoterieError ? text : "See the log of this node.";
    return new ErrorReply(`TRYAGAIN The cluster could not decide now that ${name} joins. ${why}`);
  }
}

const wrongVersion = new ErrorReply(
  `WRONG_VERSION This node speaks version ${joinProtocolVersion} of the words for joining. Run the same version of Coterie on all nodes.`,
);

const senseless = new ErrorReply("ERR COTERIE JOIN is for nodes that join. Run: coterie start --join HOST:PORT");

const wrongSecret = new ErrorReply(
  "WRONG_SECRET The secret is not this cluster's. Give the cluster's own, from the file `secret` in any node's directory.",
);

const noSecret = new ErrorReply(
  "SECRET_REQUIRED This cluster has no secret, so that only nodes of its own machine, on a loopback address, can join. Give all its nodes a secret first (--secret-file).",
);
