import { type AskToJoin, JoinAsking, type JoinGrant, JoinUndecidedError } from "../cluster/index.ts";
import type { Platform, SocketAddress } from "../platform/index.ts";
import type { Reply } from "../resp/index.ts";
import { RedisSession } from "./redis-session.ts";

/** As `coterie start --join` asks. */
const answerTimeoutMs = 10_000;
const retryMs = 500;

export interface SimulatedJoinOptions {
  readonly platform: Platform;
  readonly name: string;
  readonly secret: string;
  readonly peerAddress: SocketAddress;
  /** The Redis ports of the nodes that may be asked now, in turn. */
  readonly servers: () => readonly SocketAddress[];
}

/** What a program does that starts a node with `--join`: it asks over the network, one node after the other, until one has decided. */
export function askOverNetwork(options: SimulatedJoinOptions): AskToJoin {
  let count = 0;
  return async (directoryId, known) => {
    for (;;) {
      const servers = options.servers();
      const at = servers[count++ % servers.length];
      try {
        if (at !== undefined) return await askOnce(options, { at, directoryId, clusterId: known?.clusterId });
      } catch (error) {
        if (!(error instanceof JoinUndecidedError)) throw error;
      }
      await new Promise<void>((resolve) => options.platform.clock.setTimer(retryMs, resolve));
    }
  };
}

/** @throws JoinRefusedError, JoinUndecidedError: also where there is no answer, or none that makes sense */
async function askOnce(
  { platform, name, secret, peerAddress }: SimulatedJoinOptions,
  { at, ...who }: { readonly at: SocketAddress; readonly directoryId: string; readonly clusterId: string | undefined },
): Promise<JoinGrant> {
  const undecided = new JoinUndecidedError(`${at.host} does not answer`);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const session = new RedisSession(platform, at, {
    onOpen: () => {},
    onClose: () => fail(undecided),
    onNonsense: () => fail(undecided),
  });
  const timer = platform.clock.setTimer(answerTimeoutMs, () => fail(undecided));
  const ask = (words: readonly string[]): Promise<Reply> => {
    const answer = new Promise<Reply>((resolve) => {
      session.send([{ words, done: (reply) => (reply === undefined ? fail(undecided) : resolve(reply)) }]);
    });
    return Promise.race([answer, failed]);
  };
  try {
    const asking = new JoinAsking({ secret, random: platform.random, where: at.host });
    const greeting = await ask(asking.hello());
    const request = { ...who, name, peerAddress, zone: undefined, weight: undefined };
    return asking.grant(await ask(asking.request(greeting, request)));
  } finally {
    timer.cancel();
    session.destroy();
  }
}
