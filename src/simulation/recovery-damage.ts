import type { ClusterMember } from "./cluster-member.ts";
import { isLog, loseSomeFile } from "./damage-injection.ts";
import type { DrawnDamage } from "./recovery-drawing.ts";

/** Damages the disk of a node that is left and stopped, which is excused from then on. */
export function damageSurvivor(member: ClusterMember, { kind }: DrawnDamage): void {
  const { disk } = member.machine;
  switch (kind) {
    case "tornTail":
      excuse(member, kind, disk.tearTail(isLog));
      return;
    case "oldBit":
      excuse(member, kind, disk.flipSettledBit("old", isLog));
      return;
    case "newBit":
      excuse(member, kind, disk.flipSettledBit("new", isLog, "logs"));
      return;
    case "lostFile":
      loseSomeFile(member);
  }
}

function excuse(
  member: ClusterMember,
  kind: string,
  damage: { readonly path: string; readonly position: number } | undefined,
): void {
  if (damage !== undefined) member.excuse(`${kind} in ${damage.path} at ${damage.position}`);
}
