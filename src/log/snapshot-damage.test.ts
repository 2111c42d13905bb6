/** Snapshots, logs that were cut, restated entries, segments that were given up: harmed in any place. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  batchesIn,
  directory,
  entry,
  filler,
  hardState,
  install,
  meta,
  openLog,
  plain,
  readAll,
  readSnapshot,
  SimulatedHost,
  write,
  writeSnapshot,
} from "../../test/log/fixture.ts";
import { CoterieError } from "../platform/index.ts";
import { SeededRandom } from "../simulation/index.ts";
import { SnapshotDamagedError } from "./log-errors.ts";

const settings = { segmentBytes: 16_384, freeBytesMin: 0, idleMarkMs: 1_000_000, reclaimBytes: 2 ** 30 };

interface GroupState {
  lastIndex: number;
  term: number;
  vote: number;
}

interface Written {
  readonly host: SimulatedHost;
  readonly groups: ReadonlyMap<number, GroupState>;
  readonly copy: ReturnType<SimulatedHost["machine"]["disk"]["copy"]>;
  /** As it stood some time before. */
  readonly olderCopy: ReturnType<SimulatedHost["machine"]["disk"]["copy"]>;
  readonly olderEpoch: number;
  readonly epoch: number;
  /** Blocks that hold something, the last mark aside. */
  readonly blocks: readonly { readonly path: string; readonly offset: number }[];
}

const wanted = (index: number): ReturnType<typeof entry> => entry(index, 1, filler(2_000, index));

async function writeLog(): Promise<Written> {
  const host = new SimulatedHost();
  const groups = new Map<number, GroupState>([
    [1, { lastIndex: 0, term: 1, vote: 1 }],
    [2, { lastIndex: 2, term: 2, vote: 3 }],
    [3, { lastIndex: 0, term: 1, vote: 2 }],
  ]);
  let olderCopy = host.machine.disk.copy();
  let olderEpoch = 0;
  let epoch = 0;
  for (let run = 0; run < 3; run++) {
    const { log } = await openLog(host, settings);
    // Few and quiet, so that they are restated.
    if (run === 0) await host.until(write(log, 2, { entries: [wanted(1), wanted(2)], hardState: hardState(2, 3) }));
    for (const [id, count] of [
      [1, 9],
      [3, 4],
    ] as const) {
      const group = groups.get(id) as GroupState;
      if (id === 3) {
        group.lastIndex += 10;
        const state = hardState(group.term, group.vote, group.lastIndex);
        await host.until(
          install(log, 3, meta(group.lastIndex, 1), { hardState: state, stream: filler(70_000, group.lastIndex) }),
        );
      }
      for (let added = 0; added < count; added++) {
        group.lastIndex++;
        const state = hardState(group.term, group.vote);
        await host.until(write(log, id, { entries: [wanted(group.lastIndex)], hardState: state }));
      }
      if (id === 3) continue;
      await host.until(
        writeSnapshot(log.createSnapshot(1, meta(group.lastIndex - 1, 1)), filler(70_000, group.lastIndex - 1)),
      );
      log.compact(1, group.lastIndex - 3);
      await host.run(20);
    }
    epoch = log.diskEpoch;
    await host.until(log.close());
    if (run === 1) {
      olderCopy = host.machine.disk.copy();
      olderEpoch = epoch;
    }
  }
  host.restart();
  return { host, groups, copy: host.machine.disk.copy(), olderCopy, olderEpoch, epoch, blocks: await allBlocks(host) };
}

async function allBlocks(host: SimulatedHost): Promise<Written["blocks"]> {
  const blocks: { readonly path: string; readonly offset: number }[] = [];
  let lastMark = "";
  for (const name of [...host.files().keys()].sort()) {
    const path = `${directory}/${name}`;
    const bytes = await host.until(host.platform.disk.readFile(path));
    for (let offset = 0; offset < bytes.length; offset += 4_096) {
      if (bytes.subarray(offset, offset + 4_096).some((byte) => byte !== 0)) blocks.push({ path, offset });
    }
    const last = name.endsWith(".segment") ? batchesIn(bytes, Number(name.slice(0, 12))).at(-1) : undefined;
    if (last !== undefined) lastMark = `${path} ${last.offset}`;
  }
  return blocks.filter(({ path, offset }) => `${path} ${offset}` !== lastMark);
}

let written: Written;
beforeAll(async () => {
  written = await writeLog();
});

type Outcome = "whole" | "snapshot" | "group" | "refused";

/** Whatever happened to the files, no group is taken for whole that is not exactly what it was. */
async function checkOpening(what: string): Promise<Outcome> {
  const { host, groups } = written;
  let opened: Awaited<ReturnType<typeof openLog>>;
  try {
    opened = await openLog(host, settings);
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error;
    return "refused";
  }
  const { log } = opened;
  let outcome: Outcome = "whole";
  for (const [id, { lastIndex, term, vote }] of groups) {
    const group = log.group(id);
    if (group.isDamaged) {
      outcome = "group";
      continue;
    }
    expect([group.lastIndex, group.hardState.term, group.hardState.vote], what).toEqual([lastIndex, term, vote]);
    const found = await host.until(readAll(log, id));
    expect(plain(found), what).toEqual(plain(found.map((_, place) => wanted(group.firstIndex + place))));
    // What is no longer in the log stands in a snapshot.
    const { snapshot } = group;
    expect(group.firstIndex - 1, what).toBeLessThanOrEqual(snapshot?.index ?? 0);
    if (snapshot === undefined) continue;
    try {
      const stream = await host.until(readSnapshot(log.openSnapshot(id)));
      expect(Buffer.compare(stream, filler(70_000, snapshot.index)), what).toBe(0);
    } catch (error) {
      if (!(error instanceof SnapshotDamagedError)) throw error;
      if (outcome === "whole") outcome = "snapshot";
    }
  }
  return outcome;
}

async function harmAndCheck(
  times: number,
  harm: (random: SeededRandom) => Promise<string> | string,
): Promise<Readonly<Record<Outcome, number>>> {
  const { host, copy } = written;
  const random = new SeededRandom(7);
  const outcomes = { whole: 0, snapshot: 0, group: 0, refused: 0 };
  for (let time = 0; time < times; time++) {
    host.restart();
    host.machine.disk.restore(copy);
    const what = await harm(random);
    outcomes[await checkOpening(what)]++;
  }
  return outcomes;
}

function nameOf(path: string): string {
  return path.slice(directory.length + 1);
}

describe("no damage is ever taken for the truth [D-3, D-8]", () => {
  test("undamaged, it is whole, and segments were given up on the way", async () => {
    expect(await harmAndCheck(1, () => "nothing")).toMatchObject({ whole: 1 });
    const paths = [...new Set(written.blocks.map(({ path }) => nameOf(path)))].sort();
    expect(paths.filter((name) => name.endsWith(".snapshot"))).toHaveLength(2);
    expect(paths).not.toContain("000000000001.segment");
  });

  test("a flipped bit anywhere", async () => {
    const outcomes = await harmAndCheck(60, (random) => {
      const { path, offset } = random.pick(written.blocks);
      const position = offset + random.integer(0, random.chance(0.5) ? 200 : 4_095);
      const bit = random.integer(0, 7);
      written.host.machine.disk.flipBit(path, position, bit);
      return `bit ${bit} of ${position} in ${path}`;
    });
    expect(outcomes.snapshot).toBeGreaterThan(3);
    expect(outcomes.group).toBeGreaterThan(2);
  });

  test("a block that is lost, and one that stands in another's place", async () => {
    const outcomes = await harmAndCheck(40, async (random) => {
      const [from, to] = [random.pick(written.blocks), random.pick(written.blocks)];
      const source = await written.host.until(written.host.platform.disk.readFile(from.path));
      const isMisdirected = random.chance(0.5);
      const block = isMisdirected ? source.slice(from.offset, from.offset + 4_096) : new Uint8Array(4_096);
      await written.host.patch(nameOf(to.path), (bytes) =>
        bytes.set(block.subarray(0, bytes.length - to.offset), to.offset),
      );
      return `${isMisdirected ? `block ${from.offset} of ${from.path}` : "zeros"} over ${to.offset} of ${to.path}`;
    });
    expect(outcomes.snapshot + outcomes.group).toBeGreaterThan(10);
  });

  test("every file, lost, save the newest, which only others remember", async () => {
    const paths = [...new Set(written.blocks.map(({ path }) => path))].sort();
    const newest = paths.filter((path) => path.endsWith(".segment")).at(-1);
    const lost = paths.filter((path) => path !== newest);
    let next = 0;
    const outcomes = await harmAndCheck(lost.length, () => {
      const path = lost[next++] as string;
      written.host.machine.disk.loseFile(path);
      return path;
    });
    expect(lost.length).toBeGreaterThan(3);
    // A snapshot that was lost, and a segment: each costs a group.
    expect(outcomes.group).toBeGreaterThan(2);
    expect(outcomes.refused).toBe(0);
  });

  test("a snapshot of one group under another's name, or at another index", async () => {
    const [first, second] = [...new Set(written.blocks.map(({ path }) => path))].filter((path) =>
      path.endsWith(".snapshot"),
    );
    const outcomes = await harmAndCheck(1, async () => {
      const { disk } = written.host.platform;
      await written.host.until(disk.rename(first as string, second as string));
      return "renamed";
    });
    expect(outcomes).toMatchObject({ group: 1 });
  });

  test("an old copy of the directory, where its epoch is remembered [D-10]", async () => {
    const { host, olderCopy, olderEpoch, epoch } = written;
    host.restart();
    host.machine.disk.restore(olderCopy);
    await expect(openLog(host, { ...settings, diskEpochSeen: epoch })).rejects.toMatchObject({ code: "LOG_LOST" });
    await host.until((await openLog(host, { ...settings, diskEpochSeen: olderEpoch })).log.close());
  });
});
