/**
 * The collector: it hears from any number of sensors by UDP and tells what the network has made of their readings. Every
 * reading has a number, one more than the one before; what is missing, doubled or late shows by these numbers alone.
 */
import { type Context, TaskGroup, Ticker } from "coterie/channels";
import { JsonDatagrams, type UdpSocket } from "coterie/net";
import { z } from "zod";
import { Tally } from "./tally.ts";

/** What a sensor sends. */
export interface Reading {
  readonly sensor: string;
  readonly number: number;
  readonly celsius: number;
}

/** Anybody can send anything to a port: what is not this is counted and left. */
const readingSchema = z.object({ sensor: z.string().max(64), number: z.int().min(0), celsius: z.number() });

/** Sensors beyond are not followed, or anybody could fill the memory with names. */
const sensorsMax = 10_000;

interface Sensor {
  readonly tally: Tally;
  hottest: number;
}

/** Collects until `context` ends; reports every `reportMs`, and at the end. */
export async function collect(
  socket: UdpSocket,
  context: Context,
  { reportMs, output }: { readonly reportMs: number; readonly output: (line: string) => void },
): Promise<void> {
  const readings = new JsonDatagrams(socket, { schema: readingSchema });
  const sensors = new Map<string, Sensor>();
  const report = (title: string): void => {
    output(`${title}: ${readings.invalidCount} datagrams were no readings, ${socket.droppedCount} came too fast`);
    for (const [name, sensor] of [...sensors].sort()) output(lineOf(name, sensor));
  };

  await using group = new TaskGroup(context);
  const ticker = new Ticker(reportMs, context);
  // The reporter shares the map with the loop below. Both run on one thread, and neither waits in the middle of using
  // it: that is all the locking there is to do.
  await group.go(async () => {
    for await (const _ of ticker.ticks) report("so far");
  });
  context.onEnd(() => void socket.close());
  for await (const { message } of readings) count(sensors, message);
  report("at the end");
}

function count(sensors: Map<string, Sensor>, { sensor: name, number, celsius }: Reading): void {
  let sensor = sensors.get(name);
  if (sensor === undefined) {
    if (sensors.size === sensorsMax) return;
    sensor = { tally: new Tally(), hottest: celsius };
    sensors.set(name, sensor);
  }
  sensor.tally.take(number);
  sensor.hottest = Math.max(sensor.hottest, celsius);
}

function lineOf(name: string, { tally, hottest }: Sensor): string {
  const { receivedCount, lostCount, doubledCount, lateCount } = tally;
  const share = ((100 * lostCount) / (receivedCount + lostCount)).toFixed(1);
  const counts = `${receivedCount} received, ${lostCount} lost (${share} %), ${doubledCount} doubled, ${lateCount} late`;
  return `  ${name}: ${counts}, up to ${hottest.toFixed(1)} °C`;
}
