/**
 * A collector of telemetry by UDP that counts what is lost on the way. Loopback loses nothing, so the program runs on a
 * simulated network that loses, doubles and delays, on a clock that waits for nobody: ten seconds pass in a moment, and
 * the same seed gives the same report. The collector and the sensors do not notice; on the machine's own network they run by
 *
 *     npm run example -- telemetry real
 */
import { Context, sleep, TaskGroup } from "coterie/channels";
import { dialUdp, JsonDatagrams, listenUdp } from "coterie/net";
import { createNodePlatform, type Platform } from "coterie/platform";
import { SimulatedWorld } from "coterie/simulation";
import { collect, type Reading } from "./telemetry/collector.ts";

const durationMs = 10_000;
const readingEveryMs = 20;
const sensorNames = ["attic", "cellar", "garden"];

export async function main(output: (line: string) => void, where = "simulated"): Promise<void> {
  if (where === "real") {
    const machine = createNodePlatform();
    await run(machine, machine, output);
    return;
  }
  const network = { lossChance: 0.05, duplicateChance: 0.02, latencyMs: 5, jitterMs: 8 };
  const world = new SimulatedWorld({ seed: 2026, network });
  await world.until(run(world.machine("station").start(), world.machine("field").start(), output));
}

async function run(station: Platform, field: Platform, output: (line: string) => void): Promise<void> {
  const [listening, stop] = Context.background(station).withCancel();
  const socket = await listenUdp(":0", { network: station.datagrams, context: listening });
  const { port } = socket.localAddress;
  const collecting = collect(socket, listening, { reportMs: 4_000, output });

  const sensors = new TaskGroup(Context.background(field));
  const to = { host: station === field ? "127.0.0.1" : "station", port };
  for (const [at, name] of sensorNames.entries()) {
    await sensors.go((context) => measure(field, to, { name, warmth: 10 + 4 * at }, context));
  }
  await sensors.go((context) => babble(field, to, context));
  await sensors.wait();
  // What was sent last is still on its way.
  await sleep(200, listening);
  stop();
  await collecting;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** A sensor: it sends what it measures and hears nothing back. */
async function measure(
  { datagrams, clock }: Platform,
  to: Address,
  { name, warmth }: { readonly name: string; readonly warmth: number },
  context: Context,
): Promise<void> {
  await using socket = await dialUdp(to, { network: datagrams, context });
  const readings = JsonDatagrams.untyped(socket);
  const endMs = clock.nowMs() + durationMs;
  for (let number = 0; clock.nowMs() < endMs; number++) {
    const celsius = warmth + 3 * Math.sin(number / 100);
    await readings.send({ sensor: name, number, celsius } satisfies Reading, context);
    await sleep(readingEveryMs, context);
  }
}

/** Somebody who has the wrong port. */
async function babble({ datagrams }: Platform, to: Address, context: Context): Promise<void> {
  await using socket = await dialUdp(to, { network: datagrams, context });
  for (const text of ["hello?", '{"sensor": 7}', '{"sensor": "attic", "number": -1, "celsius": 20}']) {
    await socket.send(text, context);
    await sleep(1_000, context);
  }
}
