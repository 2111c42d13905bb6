import { expect, test } from "vitest";
import { SimulatedHost } from "../../../test/log/fixture.ts";
import type { Disk } from "../../platform/index.ts";
import { OverlayDisk } from "./overlay-disk.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

async function put(disk: Disk, path: string, content: string, position = 0): Promise<void> {
  const file = await disk.open(path, position === 0 ? "create" : "write");
  await new Promise<void>((resolve) => file.writeAndSync(Buffer.from(content), position, () => resolve()));
  await file.close();
}

async function made(): Promise<{ host: SimulatedHost; base: Disk; disk: OverlayDisk }> {
  const host = new SimulatedHost();
  const base = host.platform.disk;
  await host.until(base.makeDirectory("/d"));
  await host.until(put(base, "/d/a", "below"));
  await host.until(put(base, "/d/b", "other"));
  return { host, base, disk: new OverlayDisk(base) };
}

test("what is written, renamed, removed or cut is so above, and as it was below", async () => {
  const { host, base, disk } = await made();
  await host.until(put(disk, "/d/a", "LOW", 2));
  await host.until(disk.rename("/d/a", "/d/c"));
  await host.until(disk.remove("/d/b"));
  await host.until(put(disk, "/d/new", "made"));
  const file = await host.until(disk.open("/d/new", "write"));
  await host.until(file.truncate(2));
  await host.until(new Promise<void>((resolve) => file.write(Buffer.from("x"), 4, () => resolve())));
  expect(await host.until(file.sizeBytes())).toBe(5);
  expect(text(await host.until(file.read(0, 100)))).toBe("ma\0\0x");
  expect(await host.until(disk.list("/d"))).toEqual(["c", "new"]);
  expect(text(await host.until(disk.readFile("/d/c")))).toBe("beLOW");
  for (const gone of ["/d/a", "/d/b"]) {
    await expect(host.until(disk.readFile(gone))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(host.until(disk.open(gone, "read"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(host.until(disk.remove(gone))).rejects.toMatchObject({ code: "ENOENT" });
  }
  expect(await host.until(base.list("/d"))).toEqual(["a", "b"]);
  expect(text(await host.until(base.readFile("/d/a")))).toBe("below");
});

test("a name that was removed can be made anew; one that is there cannot", async () => {
  const { host, disk } = await made();
  await expect(host.until(disk.open("/d/a", "create"))).rejects.toMatchObject({ code: "EEXIST" });
  await host.until(disk.removeTree("/d"));
  expect(await host.until(disk.list("/d"))).toEqual([]);
  await host.until(put(disk, "/d/a", "anew"));
  expect(text(await host.until(disk.readFile("/d/a")))).toBe("anew");
  await expect(host.until(disk.open("/d/a", "create"))).rejects.toMatchObject({ code: "EEXIST" });
});
