/** What we tell clients that we are, since libraries switch features on by it. Newer commands are not there yet. */
export const redisVersion = "7.0.15";
