/** What `coterie start --join` does before there is a node: it asks the cluster, until that has decided. */
import { type Context, sleep } from "../channels/index.ts";
import {
  JoinAsking,
  type JoinGrant,
  JoinRefusedError,
  type JoinRequest,
  JoinUndecidedError,
} from "../cluster/index.ts";
import { isLoopback, type Logger, type Random, type SocketAddress } from "../platform/index.ts";
import { ErrorReply, type Reply, ReplyFormatError } from "../resp/index.ts";
import { formatAddress } from "./peer-list.ts";
import { RedisConnection } from "./redis-connection.ts";
import { NoAnswerError, UsageError } from "./refusal.ts";

/** For a reply to one question: longer than the cluster takes to find that nobody leads its directory. */
const answerTimeoutMs = 20_000;
const retryMs = 500;

export interface JoinOptions {
  /** The Redis port of any node of the cluster. */
  readonly at: SocketAddress;
  /** Of that port, for a cluster without a secret. */
  readonly password: string | undefined;
  /** The cluster's. */
  readonly secret: string | undefined;
  readonly name: string;
  readonly zone: string | undefined;
  readonly weight: number | undefined;
  /** Of the cluster whose node it is already, and whose others it looks for. */
  readonly clusterId: string | undefined;
  /** Where peers will reach this node: what is left out is the host from which the cluster is asked. */
  readonly peer: { readonly host: string | undefined; readonly port: number };
  /** How long to try while nobody answers, or nobody can decide. */
  readonly waitMsMax: number;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends it. */
  readonly context: Context;
}

/**
 * Asks again while the cluster cannot be reached or cannot decide: asked twice with the same directory, it gives the same
 * answer.
 *
 * @throws JoinRefusedError (JOIN_REFUSED), JoinUndecidedError (JOIN_UNDECIDED), NoAnswerError (NO_ANSWER), UsageError (USAGE)
 */
export async function joinCluster(options: JoinOptions, directoryId: string): Promise<JoinGrant> {
  const { context, logger, waitMsMax } = options;
  const { clock } = context.runtime;
  const untilMs = clock.nowMs() + waitMsMax;
  let told = "";
  for (;;) {
    try {
      return await askOnce(options, directoryId);
    } catch (error) {
      const isTransient = error instanceof NoAnswerError || error instanceof JoinUndecidedError;
      if (!isTransient || clock.nowMs() + retryMs > untilMs) throw error;
      if (error.message !== told)
        logger.log("warn", "the cluster is asked again whether this node may join", { why: error.message });
      told = error.message;
    }
    await sleep(retryMs, context);
  }
}

async function askOnce(options: JoinOptions, directoryId: string): Promise<JoinGrant> {
  const { at, context, password, random, secret } = options;
  const where = formatAddress(at);
  const target = { ...at, timeoutMs: answerTimeoutMs, cure: "Give --join the Redis port of a node that runs." };
  try {
    return await RedisConnection.use(target, context, async (redis) => {
      const ask = async (words: readonly string[]): Promise<Reply> => (await redis.ask(words)).at(-1) ?? null;
      const asking = new JoinAsking({ secret, random, where });
      let greeting = await ask(asking.hello());
      if (password !== undefined && isNoAuth(greeting)) {
        const login = await ask(["AUTH", password]);
        greeting = login instanceof ErrorReply ? login : await ask(asking.hello());
      }
      const request = requestOf(options, { directoryId, localHost: redis.localAddress.host });
      return asking.grant(await ask(asking.request(greeting, request)));
    });
  } catch (error) {
    if (!(error instanceof ReplyFormatError)) throw error;
    throw new JoinRefusedError("ERR", `${where} does not speak the Redis protocol. Give the Redis port of a node.`);
  }
}

function isNoAuth(reply: Reply): boolean {
  return reply instanceof ErrorReply && reply.text.startsWith("NOAUTH ");
}

function requestOf(
  { name, peer, weight, zone, clusterId }: JoinOptions,
  { directoryId, localHost }: { readonly directoryId: string; readonly localHost: string },
): JoinRequest {
  const host = peer.host ?? localHost.replace(/^::ffff:(?=\d+\.)/, "");
  if (peer.port === 0 && !isLoopback(host)) {
    const why = "the others must know where to reach this node";
    throw new UsageError(`A node that joins from ${host} needs a --peer-port (or --port) other than 0: ${why}.`);
  }
  // A port that is not known yet is announced once it is.
  const peerAddress = peer.port === 0 ? undefined : { host, port: peer.port };
  return { directoryId, name, peerAddress, zone, weight, clusterId };
}
