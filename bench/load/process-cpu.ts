import { readFileSync } from "node:fs";

/** `USER_HZ`, the unit of /proc's CPU times; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/**
 * User and system time of the processes so far, all their threads included, in seconds (resolution 10 ms each).
 * @throws if one of them does not exist.
 */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in brackets and may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}

/** CPU time of the whole machine so far that was neither idle nor spent waiting for a disk, in seconds. */
export function machineCpuSeconds(): number {
  const [, ...times] = readFileSync("/proc/stat", "latin1").split("\n", 1)[0]!.trim().split(/\s+/);
  // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in "user" already.
  const busy = times.slice(0, 8).filter((_, place) => place !== 3 && place !== 4);
  return busy.reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

/** The resident size of a process in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  if (line === null) throw new Error(`process ${pid} has no resident size`);
  return Number(line[1]) * 1024;
}
