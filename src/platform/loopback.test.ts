import { expect, test } from "vitest";
import { isLoopback } from "./loopback.ts";

test.for(["127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost", "::ffff:127.0.0.1"])("%s is loopback", (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.for(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example", "localhost.example", "1127.0.0.1", "db1"])(
  "%s is open to others",
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);
