/** What the tests of threads run in them: it answers by what it is told. */
import { parentPort } from "node:worker_threads";

export function serve() {
  parentPort.on("message", (message) => {
    if (message === "exit") process.exit(3);
    if (message === "throw") throw new RangeError("broken");
    if (message === "never") for (;;);
    if (message instanceof Uint8Array) parentPort.postMessage(message, [message.buffer]);
    else parentPort.postMessage({ echo: message });
  });
}
