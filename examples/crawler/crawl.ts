/**
 * The crawler: a coordinator and a pool of workers. The coordinator alone knows which pages have been seen; the workers
 * only fetch. Two channels run between them:
 *
 *     coordinator ── urls to fetch ──▶ workers ── what they found ──▶ coordinator
 */
import { Channel, type Context, closed, receiving, select, sending, TaskGroup } from "coterie/channels";

/** What became of one page. */
export interface Page {
  readonly url: string;
  readonly outcome: "fetched" | "missing" | "too slow";
  readonly links: readonly string[];
}

export interface CrawlOptions {
  readonly workerCount: number;
  /** How long one page may take. */
  readonly pageTimeoutMs: number;
}

/** Fetches `start` and all that can be reached from it, each page once. Ends early, with an error, if `context` does. */
export async function crawl(start: string, options: CrawlOptions, context: Context): Promise<readonly Page[]> {
  const jobs = new Channel<string>();
  const results = new Channel<Page>();
  // Whatever happens in here, no worker outlives the group: the first error ends all, and so does `context`.
  await using group = new TaskGroup(context);
  for (let worker = 0; worker < options.workerCount; worker++) {
    await group.go((inner) => work(jobs, results, options.pageTimeoutMs, inner));
  }
  const pages = await coordinate(start, jobs, results, group.context);
  jobs.close();
  await group.wait();
  return pages;
}

async function coordinate(
  start: string,
  jobs: Channel<string>,
  results: Channel<Page>,
  context: Context,
): Promise<readonly Page[]> {
  const seen = new Set([start]);
  const waiting = [start];
  const pages: Page[] = [];
  while (pages.length < seen.size) {
    // A worker takes the next page, or another brings one back: whichever comes first. Without pages that wait there is
    // nothing to send, and a case whose channel is null never happens.
    await select(
      [
        sending(waiting.length > 0 ? jobs : null, waiting[0] ?? "", () => void waiting.shift()),
        receiving(results, (page) => {
          if (page === closed) return;
          pages.push(page);
          for (const link of page.links) {
            if (seen.has(link)) continue;
            seen.add(link);
            waiting.push(link);
          }
        }),
      ],
      context,
    );
  }
  return pages;
}

async function work(
  jobs: Channel<string>,
  results: Channel<Page>,
  pageTimeoutMs: number,
  context: Context,
): Promise<void> {
  for (let url = await jobs.receive(context); url !== closed; url = await jobs.receive(context)) {
    await results.send(await fetchPage(url, pageTimeoutMs, context), context);
  }
}

async function fetchPage(url: string, timeoutMs: number, context: Context): Promise<Page> {
  // A page's patience ends with the crawler's, so that one signal is enough.
  const [patience, cancel] = context.withTimeout(timeoutMs);
  try {
    const response = await fetch(url, { signal: patience.signal });
    if (!response.ok) return { url, outcome: "missing", links: [] };
    return { url, outcome: "fetched", links: linksIn(await response.text(), url) };
  } catch (error) {
    context.throwIfDone();
    if (patience.isDone) return { url, outcome: "too slow", links: [] };
    throw error;
  } finally {
    cancel();
  }
}

function linksIn(html: string, url: string): readonly string[] {
  return Array.from(html.matchAll(/href="([^"]+)"/g), ([, target]) => new URL(target ?? "", url).href);
}
