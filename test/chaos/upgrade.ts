/** A cluster goes from another commit's version to this one, node by node, back, and here again (CONSENSUS T-3). */
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ask, binary, root, temporaryFolder } from "../cli/processes.ts";
import { eventually, type ProcessNode } from "../processes/cluster.ts";
import type { ChaosPlace, Fault } from "./faults.ts";

export interface Build {
  /** Its `bin/coterie`. */
  readonly program: string;
  remove(): void;
}

/** Builds a commit in a folder of its own, with this one's modules if they are the same. */
export function buildOf(commit: string): Build {
  const folder = join(temporaryFolder(), "build");
  const run = (program: string, words: readonly string[], cwd: string): void => {
    execFileSync(program, words, { cwd, stdio: ["ignore", 2, 2] });
  };
  run("git", ["worktree", "add", "--quiet", "--detach", folder, commit], root);
  const remove = (): void => run("git", ["worktree", "remove", "--force", folder], root);
  try {
    const lock = "package-lock.json";
    const isSame = readFileSync(join(folder, lock)).equals(readFileSync(join(root, lock)));
    if (isSame) symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    else run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder);
    const compiler = join(folder, "node_modules", "typescript", "bin", "tsc");
    run(process.execPath, [compiler, "-p", "tsconfig.build.json"], folder);
  } catch (error) {
    remove();
    throw error;
  }
  return { program: join(folder, "bin", "coterie"), remove };
}

function nodeAt({ cluster }: ChaosPlace, at: number): ProcessNode {
  const node = cluster.nodes[at];
  if (node === undefined) throw new Error(`there is no node ${at}`);
  return node;
}

async function restart(node: ProcessNode, program: string): Promise<void> {
  node.signal("SIGTERM");
  const { code, stderr } = await node.ended;
  if (code !== 0) throw new Error(`${node.name} ended with ${code} when it was asked to stop:\n${stderr}`);
  node.program = program;
  await node.start();
}

/** How soon all replicas work, on a machine that may be busy. */
const workMsMax = 60_000;

/** None has stopped over what another version wrote. */
async function expectAllWork({ cluster }: ChaosPlace): Promise<void> {
  const areFine = async (): Promise<true | undefined> => {
    const { nodes } = await cluster.status(cluster.nodes[0]);
    const groups = nodes.map(({ status }) => status?.groups ?? []);
    const isFine = groups.every((each) => each.length > 0 && each.every(({ role }) => role !== "stopped"));
    return isFine ? true : undefined;
  };
  await eventually("all replicas at work", areFine, workMsMax);
}

function step(at: number, to: "this version" | "the earlier version", program: string): Fault {
  return {
    name: `n${at + 1} goes to ${to}`,
    run: async (place) => {
      await restart(nodeAt(place, at), program);
      await expectAllWork(place);
    },
  };
}

const finish: Fault = {
  name: "the upgrade is finished",
  run: async (place) => {
    // Refused while a node does not answer, such as one that the fault before this one has just left.
    const isFinished = async (): Promise<true> => {
      const [reply] = await ask(nodeAt(place, 0).port, [["COTERIE", "FINISH-UPGRADE"]]);
      if (typeof reply === "number") return true;
      throw new Error(`FINISH-UPGRADE was answered ${JSON.stringify(reply)}`);
    };
    await eventually("the upgrade finished", isFinished, workMsMax);
  },
};

/** To this version, back in another order, and here again. */
export function upgradeSteps(earlier: string, nodeCount: number): readonly Fault[] {
  const places = Array.from({ length: nodeCount }, (_, at) => at);
  const here = places.map((at) => step(at, "this version", binary));
  const back = places.toReversed().map((at) => step(at, "the earlier version", earlier));
  return [...here, ...back, ...here, finish];
}
