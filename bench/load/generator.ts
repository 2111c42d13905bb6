/**
 * The load generator: a process of its own that reads one {@link LoadJob} as JSON from its standard input, carries it
 * out, writes one {@link LoadResult} to its standard output and ends.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { EtcdConnection } from "./etcd-connection.ts";
import { encodePut, encodePuts, encodeRange, etcdMethod } from "./etcd-requests.ts";
import type { LoadJob, LoadResult } from "./job.ts";
import { type LoadConnection, Meter, type RequestSource, randomSource, sequentialSource } from "./meter.ts";
import { cpuSeconds, machineCpuSeconds } from "./process-cpu.ts";
import { RespConnection } from "./resp-connection.ts";
import { commandLength, encodeRespRequests, writeCommand } from "./resp-requests.ts";

/** How long the last replies may take after the end of the measurement. */
const drainMsMax = 10_000;

async function run(job: LoadJob): Promise<LoadResult> {
  const meter = new Meter();
  const connections = connectAll(job, meter);
  await Promise.all(connections.map((connection) => connection.opened));
  const finished = Promise.all(connections.map((connection) => connection.finished));

  if (job.operation !== "fill") {
    for (const connection of connections) connection.start();
    await sleep(job.warmUpMs);
  }
  meter.clear();
  const startMs = performance.now();
  const machineCpuStart = machineCpuSeconds();
  const serverCpuStarts = job.serverPids.map((pid) => cpuSeconds([pid]));
  const ownCpuStart = process.cpuUsage();
  if (job.operation === "fill") {
    for (const connection of connections) connection.start();
    await finished;
  } else {
    await sleep(job.measureMs);
  }
  const ownCpu = process.cpuUsage(ownCpuStart);
  const serverCpus = job.serverPids.map((pid, place) => cpuSeconds([pid]) - serverCpuStarts[place]!);
  const serverCpu = serverCpus.reduce((sum, each) => sum + each, 0);
  const machineCpu = machineCpuSeconds() - machineCpuStart;
  const ownCpuSeconds = (ownCpu.user + ownCpu.system) / 1e6;
  const seconds = (performance.now() - startMs) / 1000;
  const measured = {
    operations: meter.operationCount,
    seconds,
    operationsPerSecond: meter.operationCount / seconds,
    latencyMsP50: meter.histogram.percentileUs(0.5) / 1000,
    latencyMsP99: meter.histogram.percentileUs(0.99) / 1000,
    latencyMsMax: meter.histogram.maxUs / 1000,
    generatorCores: ownCpuSeconds / seconds,
    serverCores: serverCpu / seconds,
    otherCores: Math.max(0, machineCpu - serverCpu - ownCpuSeconds) / seconds,
    serverCpuUsPerOperation: (serverCpu * 1e6) / Math.max(1, meter.operationCount),
    busiestServerCpuUsPerOperation: (Math.max(0, ...serverCpus) * 1e6) / Math.max(1, meter.operationCount),
    missCount: meter.missCount,
  };

  meter.isStopping = true;
  const drained = await Promise.race([finished.then(() => true), sleep(drainMsMax, false, { ref: false })]);
  if (!drained) meter.fail(`replies were missing ${drainMsMax} ms after the last request`);
  for (const connection of connections) connection.close();
  return { ...measured, errorCount: meter.errorCount, firstError: meter.firstError };
}

function connectAll(job: LoadJob, meter: Meter): LoadConnection[] {
  const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);
  const make =
    job.protocol === "etcd" ? etcdConnections(job, meter, readBuffer) : respConnections(job, meter, readBuffer);
  return Array.from({ length: job.connections }, (_, place) => make(place));
}

function respConnections(job: LoadJob, meter: Meter, readBuffer: Buffer): (place: number) => LoadConnection {
  const { operation, seed, pipeline } = job;
  let sources: readonly RequestSource[];
  let repliesPerRequest = pipeline;
  if (operation === "fill") {
    const shape = { operation: "set", valueBytes: job.valueBytes, seed } as const;
    const source = sequentialSource(fillRequestCount(job), (request) => {
      const bytes = Buffer.allocUnsafe(commandLength(shape) * pipeline);
      let at = 0;
      for (let place = 0; place < pipeline; place++) at = writeCommand(bytes, at, shape, request * pipeline + place);
      return bytes;
    });
    sources = [source];
  } else {
    const kinds = job.targetSlots ?? [undefined];
    const encoded = kinds.map((slots) => encodeRespRequests({ ...job, operation, slots }));
    sources = encoded.map(({ requests }) => randomSource(requests, seed));
    repliesPerRequest = encoded[0]!.repliesPerRequest;
  }
  return (place) =>
    new RespConnection({
      target: job.targets[place % job.targets.length]!,
      source: sources[(place % job.targets.length) % sources.length]!,
      operationsPerRequest: pipeline,
      repliesPerRequest,
      waitReplicas: operation === "fill" ? 0 : job.waitReplicas,
      meter,
      readBuffer,
    });
}

function etcdConnections(job: LoadJob, meter: Meter, readBuffer: Buffer): (place: number) => LoadConnection {
  const { operation, seed, valueBytes, pipeline } = job;
  if (operation !== "fill" && pipeline !== 1) throw new Error("etcd has no pipeline");
  const source =
    operation === "fill"
      ? sequentialSource(fillRequestCount(job), (request) => encodePuts(request * pipeline, pipeline, valueBytes, seed))
      : randomSource(
          Array.from({ length: job.keyCount }, (_, index) =>
            operation === "set" ? encodePut(index, valueBytes, seed) : encodeRange(index, seed),
          ),
          seed,
        );
  return (place) =>
    new EtcdConnection({
      target: job.targets[place % job.targets.length]!,
      method: etcdMethod[operation],
      streams: job.streams,
      source,
      operationsPerRequest: operation === "fill" ? pipeline : 1,
      responseBytesMin: operation === "get" ? valueBytes : 0,
      meter,
      readBuffer,
    });
}

function fillRequestCount(job: LoadJob): number {
  if (job.keyCount % job.pipeline !== 0) throw new Error(`${job.keyCount} keys do not divide into ${job.pipeline}`);
  return job.keyCount / job.pipeline;
}

async function readJob(): Promise<LoadJob> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as LoadJob;
}

run(await readJob()).then(
  (result) => process.stdout.write(`${JSON.stringify(result)}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
