/** The package as `npm pack` would make it, in an empty folder, beside the dependencies that it asks for and no others. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ask, cleanUp, DemoRun, portOf, temporaryFolder } from "./processes.ts";

const root = join(import.meta.dirname, "..", "..");

afterEach(cleanUp);

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** What would be packed. */
function packed(): readonly string[] {
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const words = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const text = execFileSync(npm, words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [pack]: readonly { readonly files: readonly { readonly path: string }[] }[] = JSON.parse(text);
  return pack?.files.map(({ path }) => path) ?? [];
}

/** A folder in which the package is installed. */
function installed(files: readonly string[]): string {
  const folder = temporaryFolder();
  const place = join(folder, "node_modules", manifest.name);
  for (const file of files) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    cpSync(join(root, file), join(place, file));
  }
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link, "junction");
  }
  return folder;
}

test("what is packed is enough: every face loads, with its types, and the demo serves", async () => {
  const files = packed();
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  expect(targets.map((target) => target.slice(2)).filter((target) => !files.includes(target))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(["README.md", "LICENSE", "CHANGELOG.md", "docs/errors.md"]));
  expect(files.filter((file) => /\.test\.|^src\/|^test\//.test(file))).toEqual([]);
  const folder = installed(files);
  const faces = Object.keys(manifest.exports).filter((face) => !face.endsWith(".json"));
  const script = `for (const face of ${JSON.stringify(faces)}) {
    const loaded = await import("coterie" + face.slice(1));
    if (Object.keys(loaded).length === 0) throw new Error(face + " is empty");
  }`;
  const load = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: folder, encoding: "utf8" });
  expect(load).toMatchObject({ status: 0, stderr: "" });
  const program = join(folder, "node_modules", manifest.name, "bin", "coterie");
  const demo = new DemoRun(["--nodes", "1"], {}, { program });
  const [node] = await demo.ready();
  const replies = await ask(portOf(node?.redis ?? ""), [
    ["SET", "hello", "world"],
    ["GET", "hello"],
  ]);
  expect(replies).toMatchObject([{ text: "OK" }, "world"]);
  demo.child.kill("SIGINT");
  expect(await demo.done).toMatchObject({ code: 0, stderr: "" });
}, 120_000);
