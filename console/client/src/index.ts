/** Chimera's API: `connect`, then one function per operation. The functions and shapes are generated from `openapi.json`. */
export * from "./door.js";
export * from "./generated/index.js";
export { type Fault, LOST, Problem, UNREADABLE } from "./problem.js";
