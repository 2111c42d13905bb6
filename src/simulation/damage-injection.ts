import type { MarkName } from "../platform/index.ts";
import { type ClusterMember, nodeDirectory } from "./cluster-member.ts";
import { cutLinks, linksBetween } from "./cuts.ts";
import type { Damage } from "./fault.ts";
import { isLeading } from "./stage-injection.ts";
import type { SimulatedWorld } from "./world.ts";

type DamageAt = Extract<Damage, { readonly kind: "damageAt" }>;
type DamageWitness = Extract<Damage, { readonly kind: "damageWitness" }>;

/** One alone mostly hits what nobody reads any more. */
const flipsAtMark = 8;
/** Between the moment at which an old copy is put back and the start on it. */
const swapMs = 20;

/**
 * Damages what disks have acknowledged. The node is excused from then on: it may stop its replica, refuse to start, or be
 * refused by its peers. What it must not do is to answer wrongly, or to help others to.
 */
export class DamageInjector {
  readonly #world: SimulatedWorld;
  readonly #members: readonly ClusterMember[];
  readonly #armed = new Set<DamageAt>();
  #isOver = false;

  constructor(world: SimulatedWorld, members: readonly ClusterMember[]) {
    this.#world = world;
    this.#members = members;
  }

  /** Returns what ends it. */
  begin(fault: Damage, member: ClusterMember): () => void {
    const { machine } = member;
    const start = (): void => member.start();
    switch (fault.kind) {
      case "flipBit":
        this.#excuse(member, fault.kind, machine.disk.flipSettledBit(fault.age, isLog));
        return nothing;
      case "misdirectWrite":
        this.#excuse(member, fault.kind, machine.disk.misdirectSettledPage(isLog));
        return nothing;
      case "failReads":
        member.excuse(fault.kind);
        return machine.disk.inject({ operation: "read", code: "EIO", count: Number.POSITIVE_INFINITY });
      case "loseFile":
        if (fault.while === "down") machine.cutPower("nothing");
        loseSomeFile(member);
        return start;
      case "damageAt":
        this.#armed.add(fault);
        return () => void this.#armed.delete(fault);
      case "damageWitness":
        this.#damageWitness(fault, member);
        return nothing;
      case "loseDisk":
        machine.kill();
        machine.disk.erase();
        member.excuse(fault.kind);
        return start;
      case "oldCopy":
        this.#putBackLater(member, fault.ageMs);
        return start;
    }
  }

  /** From now on nothing waits for its mark any more. */
  disarm(): void {
    this.#isOver = true;
    this.#armed.clear();
  }

  /** A node passes a mark. */
  passed(mark: MarkName, member: ClusterMember): void {
    for (const fault of this.#armed) {
      if (fault.mark !== mark || fault.node !== member.name) continue;
      this.#armed.delete(fault);
      this.#world.schedule(fault.afterMs, () => this.#damageNew(member, fault));
    }
  }

  #damageNew(member: ClusterMember, { downMs, kind }: DamageAt): void {
    if (this.#isOver) return;
    this.#flipNew(member, kind, flipsAtMark);
    this.#world.schedule(downMs, () => member.start());
  }

  #flipNew(member: ClusterMember, kind: string, flips: number): void {
    const { disk } = member.machine;
    member.machine.cutPower("nothing");
    for (let count = 0; count < flips; count++) {
      this.#excuse(member, kind, disk.flipSettledBit("new", isLog, "logs"));
    }
  }

  /** The other one is who leads, if anybody else does. */
  #damageWitness({ downMs, flips, holdMs, kind, lagMs }: DamageWitness, member: ClusterMember): void {
    const others = this.#members.filter((other) => other !== member && other.isPresent);
    const other = others.find(isLeading) ?? others[0];
    if (other === undefined) return;
    const rest = others.filter((each) => each !== other).map(({ name }) => name);
    const join = cutLinks(this.#world, linksBetween([member.name, other.name], rest));
    this.#world.schedule(lagMs, () => {
      if (this.#isOver) return;
      join();
      this.#world.trace("fault", `${member.name} is without ${other.name}, and damaged`);
      const heal = cutLinks(this.#world, linksBetween([other.name], [member.name, ...rest]));
      this.#flipNew(member, kind, flips);
      this.#world.schedule(downMs, () => member.start());
      this.#world.schedule(holdMs, heal);
    });
  }

  /**
   * The copy is of a process that was killed; it has run on since. Nobody can tell where a peer that never heard of this
   * later run is the only one to be asked (CONSENSUS D-10: best effort): then the copy is not put back.
   */
  #putBackLater(member: ClusterMember, ageMs: number): void {
    const { machine } = member;
    machine.kill();
    const copy = machine.disk.copy();
    const startCount = member.rememberedStarts(member.name);
    this.#world.schedule(ageMs, () => {
      const others = this.#members.filter((other) => other !== member && other.isPresent);
      if (!others.every((other) => other.rememberedStarts(member.name) > startCount)) return;
      member.excuse("an old copy of its disk");
      machine.kill();
      machine.disk.restore(copy);
      this.#world.schedule(swapMs, () => member.start());
    });
  }

  #excuse(
    member: ClusterMember,
    kind: string,
    damage: { readonly path: string; readonly position: number } | undefined,
  ) {
    if (damage !== undefined) member.excuse(`${kind} in ${damage.path} at ${damage.position}`);
  }
}

/** Any of the files of a node that does not run. */
export function loseSomeFile(member: ClusterMember): void {
  const { disk } = member.machine;
  const paths = disk.files().flatMap(({ path }) => (path.startsWith(nodeDirectory) ? [path] : []));
  if (paths.length === 0) return;
  const path = disk.random.pick(paths);
  disk.loseFile(path);
  member.excuse(`lost ${path}`);
}

export function isLog(path: string): boolean {
  return path.startsWith(`${nodeDirectory}/log/`) && path.endsWith(".segment");
}

function nothing(): void {}
