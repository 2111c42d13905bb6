/** What the contract of threads runs in them: it does what it is told, and answers. */
import { threadHost } from "coterie/platform";

let servedCount = 0;

export function serve(host = threadHost()) {
  servedCount++;
  const port = host.connect(async ({ kind, ...given }) => {
    if (kind === "echo") port.post(given, given.bytes === undefined ? [] : [given.bytes]);
    if (kind === "fail") {
      host.clock.setTimer(1, () => {
        throw new RangeError(given.text);
      });
    }
    if (kind === "sleep") host.clock.setTimer(given.delayMs, () => port.post({ sleptMs: given.delayMs }));
    if (kind === "uncloneable") {
      try {
        port.post(() => {});
      } catch (error) {
        port.post({ name: error.name });
      }
    }
    if (kind === "count") {
      const own = await host.load(import.meta.url);
      port.post({ count: own.next(), again: (await host.load(import.meta.url)).next(), isServed: servedCount > 0 });
    }
    if (kind === "load") {
      const outcome = await host.load(given.module).then(
        () => "loaded",
        (error) => error.code,
      );
      port.post({ outcome });
    }
  });
}

let count = 0;
export function next() {
  return ++count;
}
