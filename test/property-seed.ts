import { configureGlobal } from "fast-check";

/** The properties draw the same cases in every run; PROPERTY_SEED draws others. */
configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 1) });
