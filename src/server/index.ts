export { clusterAddressAttribute } from "./cluster-door.ts";
export { userName } from "./connection-commands.ts";
export { isPassword } from "./password.ts";
export { ListenError, RedisServer, type RedisServerOptions, type ServerFigures } from "./redis-server.ts";
export type { CommandStream, ServedNode } from "./served-node.ts";
export { type ServerLimits, serverLimitDefaults } from "./server-limits.ts";
export type { ShutdownRequest } from "./shutdown.ts";
