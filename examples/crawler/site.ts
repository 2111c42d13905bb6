/** A small web site on this machine, slow as sites are, with a page that is missing and one that never answers. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Context, sleep } from "coterie/channels";

export interface Site {
  readonly url: string;
  /** The most requests that it has seen at one time. */
  readonly mostAtOnce: number;
  close(): void;
}

const pageCount = 60;
const answerMs = 10;

export async function startSite(context: Context): Promise<Site> {
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = createServer(async (request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    response.on("close", () => atOnce--);
    const number = Number(request.url?.slice("/page/".length));
    if (number === pageCount - 1) return;
    await sleep(answerMs, context).catch(() => {});
    if (!(number >= 0 && number < pageCount)) response.writeHead(404).end();
    else response.end(pageOf(number));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/page/0`,
    get mostAtOnce() {
      return mostAtOnce;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Each page leads to two others further on, and back to the first; the last but one to a page that is not there. */
function pageOf(number: number): string {
  const targets = [2 * number + 1, 2 * number + 2].filter((target) => target < pageCount);
  const missing = number === pageCount - 2 ? [pageCount + 100] : [];
  const links = [0, ...targets, ...missing].map((target) => `<a href="/page/${target}">${target}</a>`);
  return `<title>Page ${number}</title>\n${links.join("\n")}\n`;
}
