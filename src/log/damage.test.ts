import { beforeAll, describe, expect, test } from "vitest";
import {
  batchesIn,
  directory,
  entries,
  hardState,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import { CoterieError } from "../platform/index.ts";
import type { Entry } from "../raft/index.ts";
import { SeededRandom } from "../simulation/index.ts";

/** A log of three groups over several segments, closed well: all of it is proven, but for the last mark itself. */
interface Written {
  readonly host: SimulatedHost;
  readonly copy: ReturnType<SimulatedHost["machine"]["disk"]["copy"]>;
  readonly groups: ReadonlyMap<
    number,
    { readonly entries: readonly Entry[]; readonly term: number; readonly vote: number }
  >;
  /** Blocks of all files, the last mark's aside. */
  readonly blocks: readonly { readonly path: string; readonly offset: number }[];
}

async function writeLog(): Promise<Written> {
  const host = new SimulatedHost();
  const groups = new Map<number, { entries: Entry[]; term: number; vote: number }>();
  const random = new SeededRandom(3);
  for (const options of [{ segmentBytes: 16_384 }, { segmentBytes: 1_048_576 }, { segmentBytes: 16_384 }]) {
    const { log } = await openLog(host, options);
    for (let step = 0; step < 25; step++) {
      const id = random.integer(1, 3);
      const group = groups.get(id) ?? { entries: [], term: 1, vote: 1 };
      groups.set(id, group);
      if (random.chance(0.2)) {
        group.term++;
        group.vote = random.integer(1, 3);
      }
      const first = Math.max(1, group.entries.length + 1 - (random.chance(0.2) ? random.integer(0, 3) : 0));
      const bytes = step === 12 ? 300_000 : random.pick([10, 3_000]);
      // What replaces entries of a term is of a later one.
      if (first <= group.entries.length) group.term++;
      const added = entries(first, first + random.integer(0, 2), group.term, bytes);
      group.entries.splice(first - 1, group.entries.length, ...added);
      await host.until(write(log, id, { entries: added, hardState: hardState(group.term, group.vote) }));
    }
    await host.until(log.close());
  }
  host.restart();
  return { host, copy: host.machine.disk.copy(), groups, blocks: await allBlocks(host) };
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
    const last = batchesIn(bytes, Number(name.slice(0, 12))).at(-1);
    if (last !== undefined) lastMark = `${path} ${last.offset}`;
  }
  return blocks.filter(({ path, offset }) => `${path} ${offset}` !== lastMark);
}

let written: Written;
beforeAll(async () => {
  written = await writeLog();
});

/** Whatever happened to the files, no group is taken for whole that is not exactly what it was. */
async function checkOpening(what: string): Promise<"whole" | "damaged" | "refused"> {
  const { host, groups } = written;
  let opened: Awaited<ReturnType<typeof openLog>>;
  try {
    opened = await openLog(host, { segmentBytes: 16_384 });
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error;
    return "refused";
  }
  const { log, recovery } = opened;
  let isWhole = true;
  for (const [id, wanted] of groups) {
    if (log.group(id).isDamaged) {
      isWhole = false;
      continue;
    }
    const found = { entries: plain(await host.until(readAll(log, id))), hardState: log.group(id).hardState };
    expect(found.entries, what).toEqual(plain(wanted.entries));
    expect(found.hardState, what).toMatchObject({ term: wanted.term, vote: wanted.vote });
  }
  if (!isWhole) expect(recovery.damage.length + recovery.groups.length, what).toBeGreaterThan(0);
  return isWhole ? "whole" : "damaged";
}

async function damageAndCheck(
  times: number,
  damage: (random: SeededRandom) => Promise<string> | string,
): Promise<void> {
  const { host, copy } = written;
  const random = new SeededRandom(11);
  const outcomes = { whole: 0, damaged: 0, refused: 0 };
  for (let time = 0; time < times; time++) {
    host.restart();
    host.machine.disk.restore(copy);
    const what = await damage(random);
    outcomes[await checkOpening(what)]++;
  }
  expect(outcomes.damaged).toBeGreaterThan(times / 10);
}

describe("no damage is ever taken for the truth [D-3]", () => {
  test("undamaged, it is whole", async () => {
    const { host, copy, blocks } = written;
    host.restart();
    host.machine.disk.restore(copy);
    expect(blocks.length).toBeGreaterThan(200);
    expect(await checkOpening("nothing")).toBe("whole");
  });

  test("a flipped bit anywhere", async () => {
    await damageAndCheck(25, (random) => {
      const { path, offset } = random.pick(written.blocks);
      const position = offset + random.integer(0, random.chance(0.5) ? 200 : 4_095);
      const bit = random.integer(0, 7);
      written.host.machine.disk.flipBit(path, position, bit);
      return `bit ${bit} of ${position} in ${path}`;
    });
  });

  test("a block that is lost", async () => {
    await damageAndCheck(15, async (random) => {
      const { path, offset } = random.pick(written.blocks);
      await written.host.patch(path.slice(directory.length + 1), (bytes) => bytes.fill(0, offset, offset + 4_096));
      return `block ${offset} in ${path}`;
    });
  });

  test("a misdirected write: a block stands in another's place", async () => {
    await damageAndCheck(15, async (random) => {
      const [from, to] = [random.pick(written.blocks), random.pick(written.blocks)];
      const source = await written.host.until(written.host.platform.disk.readFile(from.path));
      const block = source.slice(from.offset, from.offset + 4_096);
      await written.host.patch(to.path.slice(directory.length + 1), (bytes) => bytes.set(block, to.offset));
      return `block ${from.offset} of ${from.path} over ${to.offset} of ${to.path}`;
    });
  });

  test("a lost file, save the newest, which only others remember", async () => {
    const names = [...new Set(written.blocks.map(({ path }) => path))].sort();
    await damageAndCheck(names.length - 1, (random) => {
      const path = random.pick(names.slice(0, -1));
      written.host.machine.disk.loseFile(path);
      return path;
    });
  });
});
