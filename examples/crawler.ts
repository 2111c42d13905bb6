/**
 * A crawler with a pool of workers, on a site that it serves itself: it finds every page, meets one that is missing and
 * one that never answers, and is done many times sooner than a single worker.
 *
 *     npm run example -- crawler       or with another number of workers:  npm run example -- crawler 1
 */
import { background } from "coterie/channels";
import { crawl } from "./crawler/crawl.ts";
import { startSite } from "./crawler/site.ts";

export async function main(output: (line: string) => void, workers = "8", pageTimeoutMs = "1500"): Promise<void> {
  // The whole crawl has to end within a minute.
  const [context, cancel] = background().withTimeout(60_000);
  const site = await startSite(context);
  const { clock } = context.runtime;
  const startedMs = clock.nowMs();
  try {
    const options = { workerCount: Number(workers), pageTimeoutMs: Number(pageTimeoutMs) };
    const pages = await crawl(site.url, options, context);
    const tookMs = clock.nowMs() - startedMs;
    for (const outcome of ["fetched", "missing", "too slow"] as const) {
      output(`${outcome}: ${pages.filter((page) => page.outcome === outcome).length}`);
    }
    const linkCount = pages.reduce((sum, page) => sum + page.links.length, 0);
    output(`links: ${linkCount}`);
    output(`most requests at once: ${site.mostAtOnce}`);
    output(`time: ${Math.round(tookMs)} ms`);
  } finally {
    site.close();
    cancel();
  }
}
