export { HttpServer, type HttpServerOptions, type ObservedNode } from "./http-server.ts";
