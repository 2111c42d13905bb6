import type { Log, LogOptions, NodeLog } from "../../src/log/index.ts";
import { watchedDisk } from "./disk-calls.ts";
import { directory, type Host, openLog, SimulatedHost } from "./fixture.ts";

export interface CrashCase {
  readonly settings: Partial<LogOptions>;
  /** Where it happens. Default: a new one, with what `prepare` writes. */
  readonly host?: () => Promise<SimulatedHost>;
  readonly prepare?: (log: NodeLog) => Promise<void>;
  /** What is cut short. */
  readonly change: (log: Log) => Promise<void>;
  /** After the next start. `isDone`: the change was said to be durable. */
  readonly check: (log: NodeLog, isDone: boolean) => void;
}

/** Cuts the power before each call of the disk while a log is opened, changed and closed. */
export async function crashAtEachCall({ settings, host: made, prepare, change, check }: CrashCase): Promise<void> {
  for (let call = 1; ; call++) {
    const host = (await made?.()) ?? new SimulatedHost();
    const prepared = await openLog(host, settings);
    if (prepare !== undefined) await host.until(prepare(prepared.log));
    await host.until(prepared.log.close());
    let calls = 0;
    let isDone = false;
    const disk = watchedDisk(host.platform.disk, () => {
      if (++calls === call) host.machine.cutPower("random");
    });
    const run = async (): Promise<void> => {
      const direct: Host = {
        platform: { ...host.platform, disk },
        directory,
        prepare: () => Promise.resolve(),
        until: (promise) => promise,
        close: () => Promise.resolve(),
      };
      const { log } = await openLog(direct, settings);
      await change(log);
      isDone = true;
      await log.close();
    };
    let isOver = false;
    run().then(
      () => {
        isOver = true;
      },
      () => {},
    );
    await host.world.runUntil(() => isOver || calls >= call, 10_000);
    await host.world.run(5);
    if (isOver) return;
    host.restart();
    const { log } = await openLog(host, settings);
    check(log, isDone);
  }
}
