/**
 * The end of an upgrade (DESIGN: what `apply` may depend on): once every node of the cluster says that its version knows a
 * semantics level, each group is raised to it by an entry of its log. All replicas change what they do at that entry, also when they
 * read the log again. Which level it is the data says: nothing else has to remember it, and asking twice changes nothing.
 *
 * A node that comes back with an older version stops its replicas at that entry, or at a snapshot from behind it.
 */
import { semanticsCommand } from "../../keyspace/index.ts";
import type { Clock } from "../../platform/index.ts";
import { Arguments, encodeReply } from "../../resp/index.ts";
import { UpgradeRefusedError, UpgradeUnfinishedError } from "../errors.ts";
import type { LaneOwner, LocalLane } from "../lanes/local-lane.ts";
import type { NodeView } from "../status.ts";
import { knownLevel } from "./semantics-status.ts";

/** Several elections. */
const timeoutMs = 15_000;
/** After an answer that says that nobody leads, or that nobody knows. */
const retryMs = 200;

export interface SemanticsRaiseOptions {
  readonly clock: Clock;
  readonly groups: readonly number[];
  readonly host: { openLane(group: number, owner: LaneOwner): Pick<LocalLane, "submit" | "close"> };
}

/**
 * Resolves with the level once every group is at it.
 *
 * @throws UpgradeRefusedError (UPGRADE_REFUSED), UpgradeUnfinishedError (UPGRADE_UNFINISHED)
 */
export async function raiseSemantics(nodes: readonly NodeView[], options: SemanticsRaiseOptions): Promise<number> {
  const level = commonSemanticsLevel(nodes);
  await Promise.all(options.groups.map((group) => raiseGroup(options, group, level)));
  return level;
}

/**
 * The highest level that all nodes know: the same at each, or else one of them is still to be upgraded.
 */
function commonSemanticsLevel(nodes: readonly NodeView[]): number {
  const levels = nodes.map((node) => {
    const { name } = node;
    const level = knownLevel(node);
    if (level === null)
      throw new UpgradeRefusedError(
        `${name} does not answer: nobody knows its version. Start it, or remove it from the cluster; then ask again.`,
      );
    return { name, level };
  });
  const highest = Math.max(...levels.map(({ level }) => level));
  const behind = levels.filter(({ level }) => level < highest).map(({ name }) => name);
  if (behind.length > 0)
    throw new UpgradeRefusedError(
      `${behind.join(", ")} of an older version: upgrade these first. See coterie status --json.`,
    );
  return highest;
}

async function raiseGroup(options: SemanticsRaiseOptions, group: number, level: number): Promise<void> {
  const { clock } = options;
  const untilMs = clock.nowMs() + timeoutMs;
  let answer = "";
  while (clock.nowMs() < untilMs) {
    answer = await ask(options, { group, level, untilMs });
    if (answer === "+OK") return;
    await new Promise<void>((resolve) => clock.setTimer(retryMs, resolve));
  }
  throw new UpgradeUnfinishedError(
    `Group ${group} has not said that it is at semantics level ${level} (${answer}). It is safe to ask again.`,
  );
}

/** What the group's leader answers, in RESP. */
function ask(
  { clock, host }: SemanticsRaiseOptions,
  { group, level, untilMs }: { readonly group: number; readonly level: number; readonly untilMs: number },
): Promise<string> {
  return new Promise((resolve) => {
    const settle = (answer: string): void => {
      timer.cancel();
      lane.close();
      resolve(answer);
    };
    const timer = clock.setTimer(Math.max(0, untilMs - clock.nowMs()), () => settle("no answer"));
    const lane = host.openLane(group, {
      isBehind: false,
      reply: (_, reply) => settle(encodeReply(reply, 3).trimEnd()),
      fail: settle,
    });
    lane.submit(0, semanticsCommand, Arguments.of([semanticsCommand.name, String(level)]), 3);
  });
}
