export type { CommandFlag, CommandGroup, CommandSpec, KeyPositions, KeySpecification } from "./command.ts";
