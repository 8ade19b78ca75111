import * as api from "chimera-client";
/** Where the steps of a plan stand on the page: by what waits for what, in stages from left to right. */

export type Step = api.Node;
export interface Place { x: number; y: number }
/** `title` stands before its name: which stage of the plan it is, or that it is none. */
export interface Stage { title: string; name: string; done: number; waits: number; count: number; place: Place; handsOver: boolean }

const COLUMN_PX = 248;
const ROW_PX = 92;
const HEAD_PX = 74;
const BLOCK_COLUMNS_MIN = 4;
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

function headOf(title: string, members: readonly Step[], place: Place, handsOver: boolean): Stage {
  return {
    title, name: nameOf(members), count: members.length, place: { x: place.x, y: place.y - HEAD_PX }, handsOver,
    done: members.filter((step) => ENDED.has(step.state)).length, waits: members.filter((step) => step.state === "held").length,
  };
}

function stagesOf(steps: readonly Step[], depths: ReadonlyMap<string, number>): Stage[] {
  const byDepth = [...Map.groupBy(steps, (step) => depths.get(step.id) ?? 0)].sort(([a], [b]) => a - b);
  return byDepth.map(([depth, members], index) => headOf(`Stage ${String(depth + 1)}`, members, { x: depth * COLUMN_PX, y: 0 }, index < byDepth.length - 1));
}

/** The steps of the plan: each to the right of what it waits for. */
function placePlan(steps: readonly Step[], depths: ReadonlyMap<string, number>, places: Map<string, Place>): void {
  const rows = new Map<number, number>();
  const parent = (step: Step): number => Math.max(-1, ...step.after.map((id) => places.get(id)?.y ?? -1));
  for (const step of [...steps].sort((a, b) => (depths.get(a.id) ?? 0) - (depths.get(b.id) ?? 0) || a.key.localeCompare(b.key, undefined, { numeric: true }))) {
    const column = depths.get(step.id) ?? 0;
    const row = Math.max(rows.get(column) ?? 0, parent(step) >= 0 ? Math.round(parent(step) / ROW_PX) : 0);
    rows.set(column, row + 1);
    places.set(step.id, { x: column * COLUMN_PX, y: row * ROW_PX });
  }
}

/** What waits for nothing and nobody waits for fills a block, so that a long list is no tower. */
function placeBlock(steps: readonly Step[], top: number, columns: number, places: Map<string, Place>): void {
  steps.forEach((step, index) => places.set(step.id, { x: (index % columns) * COLUMN_PX, y: top + Math.floor(index / columns) * ROW_PX }));
}

/** The plan in its stages; beneath it, newest first, the answers to what came in meanwhile. */
export function layoutOf(steps: readonly Step[]): { places: ReadonlyMap<string, Place>; stages: Stage[] } {
  const awaited = new Set(steps.flatMap((step) => step.after));
  const isAnswer = (step: Step): boolean => step.input_id !== null && step.after.length === 0 && !awaited.has(step.id);
  const planned = steps.filter((step) => !isAnswer(step));
  const answers = steps.filter(isAnswer).sort((a, b) => b.key.localeCompare(a.key));
  const depths = depthsOf(planned);
  const places = new Map<string, Place>();
  const stages = stagesOf(planned, depths);
  const columns = Math.max(BLOCK_COLUMNS_MIN, stages.length, Math.ceil(Math.sqrt(1.5 * Math.max(answers.length, stages.length === 1 ? planned.length : 0))));
  if (stages.length === 1) placeBlock(planned, 0, columns, places);
  else placePlan(planned, depths, places);
  if (answers.length) {
    const top = planned.length ? Math.max(...[...places.values()].map(({ y }) => y)) + ROW_PX + HEAD_PX : 0;
    placeBlock(answers, top, columns, places);
    stages.push(headOf("Answers", answers, { x: 0, y: top }, false));
  }
  return { places, stages };
}
