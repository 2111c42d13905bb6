/**
 * What people, probes and monitoring ask of a node over HTTP:
 *
 * | path | answer |
 * |---|---|
 * | `GET /v1/cluster` | all nodes and shards, as `COTERIE STATUS` has them: JSON |
 * | `GET /livez` | 200 as long as the process answers |
 * | `GET /readyz`, `?verbose` | 200 while every shard can be served through this node, else 503; each check in a line |
 * | `GET /metrics` | for Prometheus; no key names |
 *
 * With a password the first and the last need it: `Authorization: Basic` with the user "default", or `Bearer`.
 */
import { serve } from "@hono/node-server";
import { Hono, type MiddlewareHandler } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { some } from "hono/combine";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import type { ClusterStatus, NodeInfo, NodeStatus, Topology } from "../cluster/index.ts";
import { type Logger, NetworkError, type SocketAddress } from "../platform/index.ts";
import { isPassword, ListenError, type ServerFigures, userName } from "../server/index.ts";
import { healthOf } from "./health.ts";
import { NodeMetrics } from "./metrics.ts";

/** What this server needs of the node that it tells about. */
export interface ObservedNode {
  info(): NodeInfo;
  nodeStatus(): NodeStatus;
  topology(): Topology;
  status(): Promise<ClusterStatus>;
}

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly node: ObservedNode;
  /** Of the node's Redis ports. */
  readonly figures: () => ServerFigures;
  /** Where to listen, e.g. "127.0.0.1". */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** As a byte string. By default nothing is asked for. */
  readonly password?: string | undefined;
}

export class HttpServer {
  /** @throws {ListenError} `LISTEN_FAILED` */
  static listen(options: HttpServerOptions): Promise<HttpServer> {
    const { host, port, logger } = options;
    const app = routes(options);
    return new Promise((resolve, reject) => {
      const server = serve({ fetch: app.fetch, hostname: host, port }, ({ address, port: real }) => {
        server.off("error", failed);
        server.on("error", (error) => logger.log("warn", "the HTTP server failed", { error: error.message }));
        resolve(new HttpServer({ host: address, port: real }, server));
      });
      const failed = (error: Error): void => {
        const code = "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
        reject(new ListenError({ host, port }, { cause: new NetworkError(code, error.message, { cause: error }) }));
      };
      server.once("error", failed);
    });
  }

  /** With the real port where 0 was asked for. */
  readonly address: SocketAddress;

  /** Stops to accept, and ends all connections. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      if ("closeAllConnections" in this.#server) this.#server.closeAllConnections();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #server: ReturnType<typeof serve>;
  #closing: Promise<void> | undefined;

  private constructor(address: SocketAddress, server: ReturnType<typeof serve>) {
    this.address = address;
    this.#server = server;
  }
}

function routes({ node, figures, password, logger }: HttpServerOptions): Hono {
  const app = new Hono();
  const metrics = new NodeMetrics(node, figures);
  app.use(secureHeaders());
  app.use(async ({ req, json }, next) => {
    if (req.method === "GET" || req.method === "HEAD") return next();
    return json(problem("METHOD_NOT_ALLOWED", "Everything here is asked for with GET."), 405, { Allow: "GET, HEAD" });
  });
  if (password !== undefined) {
    const guard = passwordGuard(password);
    app.use("/v1/*", guard);
    app.use("/metrics", guard);
  }
  app.get("/v1/cluster", async ({ json, header }) => {
    header("Cache-Control", "no-store");
    return json(await node.status());
  });
  app.get("/livez", ({ text }) => text("ok\n"));
  app.get("/readyz", ({ req, text }) => {
    const { isReady, lines } = healthOf(node);
    const summary = isReady ? "ok\n" : "not ready\n";
    return text(req.query("verbose") === undefined ? summary : `${lines.join("\n")}\n${summary}`, isReady ? 200 : 503);
  });
  app.get("/metrics", async ({ body }) => body(await metrics.text(), 200, { "Content-Type": metrics.contentType }));
  app.notFound(({ json, req }) =>
    json(
      problem("NOT_FOUND", `There is no ${req.path}; there is /v1/cluster, /livez, /readyz?verbose, /metrics.`),
      404,
    ),
  );
  app.onError((error, { json }) => {
    if (error instanceof HTTPException) return error.getResponse();
    logger.log("error", "an HTTP request failed", { error: error.stack ?? error.message });
    return json(problem("INTERNAL", "The request failed. See the log of this node."), 500);
  });
  return app;
}

/** Either of the two ways to say a password. */
function passwordGuard(password: string): MiddlewareHandler {
  const matches = (given: string): boolean => isPassword(Buffer.from(given, "utf8").toString("latin1"), password);
  // What the last one refuses is answered: 401, with the way to do it.
  return some(
    bearerAuth({ verifyToken: (token) => matches(token), realm: "coterie" }),
    basicAuth({ verifyUser: (user, given) => user === userName && matches(given), realm: "coterie" }),
  );
}

function problem(
  code: string,
  message: string,
): { readonly error: { readonly code: string; readonly message: string } } {
  return { error: { code, message } };
}
