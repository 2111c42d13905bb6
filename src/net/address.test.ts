import fc from "fast-check";
import { expect, test } from "vitest";
import { addressFrom, formatAddress, InvalidAddressError, parseAddress } from "./address.ts";

test.for([
  { text: "localhost:8080", host: "localhost", port: 8080 },
  { text: "127.0.0.1:0", host: "127.0.0.1", port: 0 },
  { text: ":65535", host: "", port: 65_535 },
  { text: "[::1]:80", host: "::1", port: 80 },
  { text: "[fe80::1%eth0]:80", host: "fe80::1%eth0", port: 80 },
])("$text is read and printed", ({ text, host, port }) => {
  expect(parseAddress(text)).toEqual({ host, port });
  expect(formatAddress({ host, port })).toBe(text);
});

test.for([
  "",
  "localhost",
  "localhost:",
  "localhost:http",
  "localhost:65536",
  "localhost:-1",
  "localhost:1.5",
  "::1:80",
  "[localhost]:80",
  "[::1]",
  "[::1]80",
  "a b:80",
  "a:80\n",
])("%j is refused", (text) => {
  expect(() => parseAddress(text)).toThrow(InvalidAddressError);
});

test("an address that was not text is looked at too", () => {
  expect(() => addressFrom({ host: "a", port: 70_000 })).toThrow(InvalidAddressError);
  expect(addressFrom({ host: "a", port: 7 })).toEqual({ host: "a", port: 7 });
});

test("whatever is read prints as something that reads the same", () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port });
    }),
  );
});
