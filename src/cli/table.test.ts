import { expect, test } from "vitest";
import { formatTable } from "./table.ts";

test("columns are as wide as their widest cell, numbers stand to the right", () => {
  const lines = formatTable(
    [{ title: "node" }, { title: "term", rightAligned: true }, { title: "role" }],
    [
      ["n1", "7", "leader"],
      ["west-2", "12345", ""],
    ],
  );
  expect(lines).toEqual([
    "node     term  role", //
    "n1          7  leader",
    "west-2  12345",
  ]);
});
