import type { Platform } from "../platform/index.ts";
import { ErrorReply } from "../resp/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import type { WantedMove } from "./drawn-placement.ts";
import { RedisSession } from "./redis-session.ts";
import type { SimulatedWorld } from "./world.ts";

/** Whoever has not answered by then is not waited for. */
const patienceMs = 10_000;

/** An operator who has replicas moved, whatever else is going on, and does not mind what comes of it. */
export class Mover {
  constructor(world: SimulatedWorld, members: readonly ClusterMember[]) {
    this.#world = world;
    this.#members = members;
  }

  want(move: WantedMove): void {
    const { via } = move;
    const member = this.#members.find(({ name }) => name === via);
    const ends = member && endsOf(member, move);
    if (member === undefined || ends === undefined) return;
    const { from, to } = ends;
    this.#ask(member, { shard: move.shard, from, to });
    if (move.backMs === undefined) return;
    this.#world.schedule(move.backMs, () => this.#ask(member, { shard: move.shard, from: to, to: from }));
  }

  readonly #world: SimulatedWorld;
  readonly #members: readonly ClusterMember[];
  #platform: Platform | undefined;

  #ask(member: ClusterMember, move: { readonly shard: number; readonly from: string; readonly to: string }): void {
    const words = ["COTERIE", "SHARD", "MOVE", String(move.shard), "FROM", move.from, "TO", move.to];
    this.#platform ??= this.#world.machine("mover").start();
    const session: RedisSession = new RedisSession(this.#platform, member.redisAddress, {
      onOpen: () => {},
      onClose: () => {},
      onNonsense: () => {},
    });
    const done = (reply: unknown): void => {
      const answer = reply instanceof ErrorReply ? reply.text : String(reply);
      this.#world.trace("mover", `${words.join(" ")} at ${member.name}: ${answer}`);
      session.destroy();
    };
    session.send([{ words, done }]);
    this.#platform.clock.setTimer(patienceMs, () => session.destroy());
  }
}

/** As the node that is asked sees where the shard is. Undefined: it is down, or the shard is everywhere. */
function endsOf(
  { node }: ClusterMember,
  { shard, from, to }: WantedMove,
): { readonly from: string; readonly to: string } | undefined {
  const topology = node?.topology();
  const replicas = topology?.shards[shard]?.replicas ?? [];
  const nameOf = (nodeId: number): string => topology?.nodes.find((each) => each.nodeId === nodeId)?.name ?? "";
  const others = (topology?.nodes ?? []).filter(({ nodeId }) => !replicas.includes(nodeId));
  const goes = replicas[from % replicas.length];
  const comes = others[to % others.length];
  if (goes === undefined || comes === undefined) return undefined;
  return { from: nameOf(goes), to: comes.name };
}
