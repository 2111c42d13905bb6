import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { attachToDemo, controlFile, formatControlAddress } from "./demo-attachment.ts";
import { DemoControl } from "./demo-control.ts";

let folder = "";
let heard: string[] = [];
let onHeard: () => void = () => {};
let control: DemoControl;

function note(text: string): void {
  heard.push(text);
  onHeard();
}

/** Resolves once the demo has heard `text`. */
function hears(text: string): Promise<void> {
  return new Promise((resolve) => {
    onHeard = () => {
      if (heard.includes(text)) resolve();
    };
    onHeard();
  });
}

beforeEach(async () => {
  heard = [];
  folder = mkdtempSync(join(tmpdir(), "control-"));
  mkdirSync(join(folder, "n1"));
  control = await DemoControl.listen("secret token", ["n1", "n2"], {
    onAttached: ({ name, pid }) => note(`${name} attached ${pid}`),
    onMessage: ({ name }, message) => note(`${name} says ${JSON.stringify(message)}`),
    onDetached: ({ name, pid }) => note(`${name} detached ${pid}`),
  });
});

afterEach(() => {
  control.endAll();
  rmSync(folder, { recursive: true });
});

function node(name: string): { readonly name: string; readonly directory: string } {
  return { name, directory: join(folder, name) };
}

test("a node that the demo started attaches, reports, and is told the end", async () => {
  const attachment = await attachToDemo(node("n1"), formatControlAddress(control.address));
  attachment?.send({ type: "role", role: "leader", term: 2, leads: 1, shards: 1 });
  await hears('n1 says {"type":"role","role":"leader","term":2,"leads":1,"shards":1}');
  expect(control.attached()).toEqual([{ name: "n1", pid: process.pid }]);
  control.endAll();
  await attachment?.ended;
});

test("a node that was started by hand finds the demo by its directory", async () => {
  writeFileSync(controlFile(folder), JSON.stringify(control.address));
  expect(await attachToDemo(node("n1"), undefined)).toBeDefined();
  await hears(`n1 attached ${process.pid}`);
});

test("a node that closes its attachment is detached, and says nothing more", async () => {
  const attachment = await attachToDemo(node("n1"), formatControlAddress(control.address));
  await hears(`n1 attached ${process.pid}`);
  attachment?.close();
  attachment?.send({ type: "ready", redis: "127.0.0.1:7001" });
  await hears(`n1 detached ${process.pid}`);
  await attachment?.ended;
  expect(control.attached()).toEqual([]);
  expect(heard).toHaveLength(2);
});

test.for(["garbage", "70000:token", ":"])("a node that was told %j of its demo does not start", async (text) => {
  await expect(attachToDemo(node("n1"), text)).rejects.toMatchObject({ code: "DEMO_FAILED" });
});

test("without a demo in the folder above a node is by itself", async () => {
  expect(await attachToDemo(node("n1"), undefined)).toBeUndefined();
});

test("a file that a killed demo left does not keep a node from starting", async () => {
  writeFileSync(controlFile(folder), JSON.stringify(control.address));
  control.endAll();
  expect(await attachToDemo(node("n1"), undefined)).toBeUndefined();
});

test("a node whose demo has ended before it came does not start", async () => {
  control.endAll();
  await expect(attachToDemo(node("n1"), formatControlAddress(control.address))).rejects.toMatchObject({
    code: "DEMO_FAILED",
  });
});

test.for([
  { what: "a wrong token", node: "n1", token: "guess" },
  { what: "a node of another demo", node: "n7", token: "secret token" },
])("$what is turned away", async ({ node: name, token }) => {
  const address = formatControlAddress({ port: control.address.port, token });
  await expect(attachToDemo(node(name), address)).rejects.toMatchObject({ code: "DEMO_FAILED" });
  expect(heard).toEqual([]);
});

test.for(["GET / HTTP/1.1\r\n\r\n", "x".repeat(10_000)])("a stranger that sends garbage is cut off", async (text) => {
  const socket = connect({ host: "127.0.0.1", port: control.address.port });
  socket.on("error", () => {});
  socket.write(text);
  await new Promise((resolve) => socket.on("close", resolve));
  expect(heard).toEqual([]);
});
