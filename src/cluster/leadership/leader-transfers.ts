/**
 * Leadership of a shard goes to a node because somebody wants it to. Any node can be asked: it asks the leader, which tells the
 * chosen node that it is to keep the shard, hands over, and answers; then the node that was asked waits until it hears of
 * the new leader.
 *
 * ```
 * transferQuestion   u53 question | u53 group | u53 node
 * transferAnswer     u53 question | text        empty: it is on its way; otherwise why not
 * leaderKept         u53 group
 * ```
 */
import type { ByteReader, PeerLink, PeerLinks } from "../../net/index.ts";
import type { Clock } from "../../platform/index.ts";
import { TransferRefusedError, TransferUnfinishedError } from "../errors.ts";
import type { HostedGroups } from "../groups/hosted-groups.ts";
import type { NodeDirectory } from "../membership/node-directory.ts";
import { messageType } from "../peers/message-type.ts";
import { groupOfShard, isShardGroup, shardOfGroup } from "../replica/shard-group.ts";
import { waitUntil } from "../wait-until.ts";
import type { LeadershipMoves, TransferObstacle } from "./leadership-moves.ts";

/** Leadership changes within an election timeout, or not at all. */
const timeoutMs = 5_000;

export interface LeaderTransfersOptions {
  readonly directory: NodeDirectory;
  readonly groups: HostedGroups;
  readonly leadership: LeadershipMoves;
  readonly links: () => PeerLinks;
  readonly host: {
    readonly clock: Clock;
    /** Something was written. */
    noteOutput(): void;
  };
}

export class LeaderTransfers {
  constructor(options: LeaderTransfersOptions) {
    this.#options = options;
  }

  /**
   * Has node `to` lead a shard of the cluster. Asked again, it is kept there for longer.
   *
   * @throws TransferRefusedError (TRANSFER_REFUSED), TransferUnfinishedError (TRANSFER_UNFINISHED)
   */
  async transfer(shard: number, to: number): Promise<void> {
    const { directory, groups, host } = this.#options;
    const group = groupOfShard(shard);
    const place = groups.placeOf(group);
    const name = directory.nameOf(to);
    const unfinished = `Whether ${name} leads shard ${shard} now was not heard within ${timeoutMs / 1_000} seconds.`;
    const endMs = host.clock.nowMs() + timeoutMs;
    const { leader } = place.route;
    if (leader === 0)
      throw new TransferRefusedError(
        `Nobody leads shard ${shard} at present: a majority of its replicas must be up. See coterie shard ls.`,
      );
    const answer = leader === directory.nodeId ? this.#give(group, to) : await this.#ask(leader, group, to);
    if (answer === undefined) throw new TransferUnfinishedError(`${unfinished} It is safe to ask again.`);
    if (answer !== "") throw new TransferRefusedError(answer);
    await waitUntil(host.clock, () => place.route.leader === to, endMs - host.clock.nowMs());
    if (place.route.leader !== to) throw new TransferUnfinishedError(`${unfinished} It is safe to ask again.`);
  }

  receiveQuestion(link: PeerLink, input: ByteReader): boolean {
    const question = input.integer();
    const group = input.integer();
    const to = input.integer();
    const { groups, host } = this.#options;
    if (!input.isWhole() || !isShardGroup(group) || !groups.has(group)) return false;
    const answer = this.#give(group, to);
    const out = link.begin(messageType.transferAnswer, 12 + 3 * answer.length);
    out.integer(question);
    out.text(answer);
    link.end();
    host.noteOutput();
    return true;
  }

  receiveAnswer(input: ByteReader): boolean {
    const question = input.integer();
    const answer = input.text();
    if (!input.isWhole()) return false;
    this.#questions.get(question)?.(answer);
    return true;
  }

  receiveKept(input: ByteReader): boolean {
    const group = input.integer();
    const { groups, leadership } = this.#options;
    if (!input.isWhole() || !isShardGroup(group) || !groups.has(group)) return false;
    leadership.keep(group);
    return true;
  }

  readonly #options: LeaderTransfersOptions;
  readonly #questions: Map<number, (answer: string) => void> = new Map();
  #lastQuestion = 0;

  /** At the leader: empty if it is on its way, otherwise why not. */
  #give(group: number, to: number): string {
    const { directory, groups, host, leadership, links } = this.#options;
    const shard = shardOfGroup(group);
    if (groups.get(group)?.replica.isLeading !== true)
      return `The leader of shard ${shard} is just changing. Ask again in a moment.`;
    if (to === directory.nodeId) {
      leadership.keep(group);
      return "";
    }
    const obstacle = leadership.give(group, to);
    if (obstacle !== undefined) return refusalText(obstacle, shard, directory.nameOf(to));
    // Before the message by which that node begins to lead: it takes the same connection, or comes later.
    const link = links().link(to, "control");
    link?.begin(messageType.leaderKept, 8).integer(group);
    link?.end();
    host.noteOutput();
    return "";
  }

  /** Undefined if no answer came. @throws TransferRefusedError (TRANSFER_REFUSED) */
  #ask(leader: number, group: number, to: number): Promise<string | undefined> {
    const { directory, host, links } = this.#options;
    const link = links().link(leader, "control");
    if (link === undefined) {
      const name = directory.nameOf(leader);
      throw new TransferRefusedError(`This node does not reach ${name}, which leads the shard. Ask ${name} itself.`);
    }
    const question = ++this.#lastQuestion;
    const out = link.begin(messageType.transferQuestion, 24);
    out.integer(question);
    out.integer(group);
    out.integer(to);
    link.end();
    host.noteOutput();
    return new Promise((resolve) => {
      const settle = (answer: string | undefined): void => {
        timer.cancel();
        this.#questions.delete(question);
        resolve(answer);
      };
      const timer = host.clock.setTimer(timeoutMs, () => settle(undefined));
      this.#questions.set(question, settle);
    });
  }
}

function refusalText(obstacle: TransferObstacle, shard: number, name: string): string {
  switch (obstacle) {
    case "no-vote":
      return `${name} has no replica of shard ${shard} that votes. Have one move there first: coterie shard move ${shard} --to ${name}.`;
    case "leaving":
      return `The replica of shard ${shard} on ${name} is about to move elsewhere. Choose another node: see coterie shard ls.`;
    case "away":
      return `${name} does not answer. Start it, or choose another node: see coterie shard ls.`;
    case "full":
      return `The disk of ${name} is full. Free space there, or choose another node.`;
    case "slow":
      return `The disk of ${name} is slow beside the others'. See coterie status, or choose another node.`;
    case "behind":
      return `${name} has not caught up with shard ${shard} yet. Ask again once it has: see coterie status.`;
  }
}
