import * as api from "chimera-client";
/** Where the steps of a plan stand on the page: by what waits for what, in stages from left to right. */

export type Step = api.Node;
export interface Place { x: number; y: number }
export interface Stage { depth: number; name: string; done: number; waits: number; count: number; x: number }

export const COLUMN_PX = 248;
const ROW_PX = 92;
const BLOCK_ROWS = 7;
const ENDED = new Set(["done", "refused", "failed", "dropped"]);

/** How many steps stand before each: the longest way from the beginning. */
function depthsOf(steps: readonly Step[]): Map<string, number> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const depths = new Map<string, number>();
  const depth = (id: string, seen: ReadonlySet<string>): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const step = byId.get(id);
    if (!step || seen.has(id)) return -1;
    const deep = Math.max(-1, ...step.after.map((before) => depth(before, new Set([...seen, id])))) + 1;
    depths.set(id, deep);
    return deep;
  };
  steps.forEach((step) => depth(step.id, new Set()));
  return depths;
}

/** What a stage is about: the first words of its steps' kinds (`copy` of `copy.post`), the commonest first. */
function nameOf(steps: readonly Step[]): string {
  const counts = new Map<string, number>();
  steps.forEach((step) => { const word = step.spec.split(".")[0] ?? step.spec; counts.set(word, (counts.get(word) ?? 0) + 1); });
  return [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word).slice(0, 3).join(", ");
}

function stagesOf(steps: readonly Step[], depths: ReadonlyMap<string, number>): Stage[] {
  const byDepth = Map.groupBy(steps, (step) => depths.get(step.id) ?? 0);
  return [...byDepth].sort(([a], [b]) => a - b).map(([depth, members]) => ({
    depth, name: nameOf(members), count: members.length, x: depth * COLUMN_PX,
    done: members.filter((step) => ENDED.has(step.state)).length, waits: members.filter((step) => step.state === "held").length,
  }));
}

export function layoutOf(steps: readonly Step[]): { places: ReadonlyMap<string, Place>; stages: Stage[] } {
  const depths = depthsOf(steps);
  const rows = new Map<number, number>();
  const places = new Map<string, Place>();
  const parent = (step: Step): number => Math.max(-1, ...step.after.map((id) => places.get(id)?.y ?? -1));
  const ordered = [...steps].sort((a, b) => (depths.get(a.id) ?? 0) - (depths.get(b.id) ?? 0) || a.key.localeCompare(b.key, undefined, { numeric: true }));
  for (const step of ordered) {
    const column = depths.get(step.id) ?? 0;
    const row = Math.max(rows.get(column) ?? 0, parent(step) >= 0 ? Math.round(parent(step) / ROW_PX) : 0);
    rows.set(column, row + 1);
    places.set(step.id, { x: column * COLUMN_PX, y: row * ROW_PX });
  }
  const stages = stagesOf(steps, depths);
  // Steps that wait for nothing and nobody waits for fill blocks, so that a long list is no tower.
  if (stages.length === 1) ordered.forEach((step, index) => places.set(step.id, { x: Math.floor(index / BLOCK_ROWS) * COLUMN_PX, y: (index % BLOCK_ROWS) * ROW_PX }));
  return { places, stages };
}
