/** How far an upgrade is, in the words of `coterie status`. */
import { fieldsOf, itemsOf, type JsonObject } from "./json-object.ts";

/** A line; none where the node that was asked does not say, or heard of no level. */
export function semanticsLines({ semantics }: JsonObject): readonly string[] {
  const { level, levelMax, nodes, isUpgradeFinished } = fieldsOf(semantics);
  if (typeof level !== "number" || typeof levelMax !== "number") return [];
  const known = itemsOf(nodes).map(fieldsOf);
  const older = known.filter(({ knows }) => typeof knows === "number" && knows < levelMax);
  const silent = known.filter(({ knows }) => typeof knows !== "number");
  const who = silent.length > 0 ? "all nodes that answer" : "all nodes";
  if (isUpgradeFinished === true) return [`Semantics level ${level}, the highest that ${who} know.`];
  const finish = "coterie cluster finish-upgrade";
  if (older.length === 0)
    return [
      `Semantics level ${level}, and ${who} know ${levelMax}: the upgrade is not finished. To finish it, for good: ${finish}`,
    ];
  const names = older.map(({ name, knows }) => `${String(name)} (level ${String(knows)})`).join(", ");
  return level === levelMax
    ? [`Semantics level ${level}, which the version of ${names} does not know: upgrade there.`]
    : [
        `Semantics level ${level}, and some nodes know ${levelMax}: the upgrade is not finished. Still to be upgraded: ${names}; then ${finish}`,
      ];
}
