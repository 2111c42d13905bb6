/** What every contract of the platform is run against, Node's own and the simulated one, and how its tests look at it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe } from "vitest";
import { createNodePlatform, type DiskError, type NetworkError, type Platform } from "../../src/platform/index.ts";
import { SimulatedWorld } from "../../src/simulation/index.ts";

/** One implementation of the platform. */
export interface Host {
  readonly platform: Platform;
  /** Empty, and only this test's. */
  readonly directory: string;
  readonly address: string;
  /** Lets time pass until `promise` settles. */
  until<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

async function nodeHost(): Promise<Host> {
  const directory = await mkdtemp(join(tmpdir(), "coterie-contract-"));
  return {
    platform: createNodePlatform(),
    directory,
    address: "127.0.0.1",
    until: (promise) => promise,
    close: () => rm(directory, { recursive: true }),
  };
}

async function simulatedHost(): Promise<Host> {
  const world = new SimulatedWorld({ seed: 1 });
  const platform = world.machine("n1").start();
  await world.until(platform.disk.makeDirectory("/data"));
  return {
    platform,
    directory: "/data",
    address: "127.0.0.1",
    until: (promise) => world.until(promise),
    close: async () => {},
  };
}

const implementations: readonly { readonly name: string; readonly make: () => Promise<Host> }[] = [
  { name: "platform contract, Node", make: nodeHost },
  { name: "platform contract, simulated", make: simulatedHost },
];

/** Declares the tests of a contract once for each implementation; each test has a host of its own. */
export function onEachPlatform(contract: (host: () => Host) => void): void {
  describe.for(implementations)("$name", ({ make }) => {
    let host: Host;
    beforeEach(async () => {
      host = await make();
    });
    afterEach(() => host.close());
    contract(() => host);
  });
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: DiskError | NetworkError) => `${error.name} ${error.code}`,
  );
}

/** The outcome of an operation with a callback, which must not come within the call. */
export function called(start: (done: (error: DiskError | undefined) => void) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let isWithin = true;
    let count = 0;
    start((error) => {
      if (isWithin) reject(new Error("called back within the call"));
      if (++count > 1) reject(new Error("called back twice"));
      resolve(error === undefined ? "done" : `${error.operation} ${error.code}`);
    });
    isWithin = false;
  });
}
