/** The plan as it runs: every task a node, laid out by what waits for what. */
import { Background, Controls, Handle, Position, ReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { useMemo, type ReactElement } from "react";
import { useLocation } from "wouter";
import type { Schemas } from "@/api/types";
import { State } from "@/parts/parts";

type Step = Schemas["Node"];
type Shown = Node<{ step: Step }, "step">;

const COLUMN_PX = 236;
const ROW_PX = 92;
const BLOCK_ROWS = 7;

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

function layoutOf(steps: readonly Step[]): { nodes: Shown[]; edges: Edge[] } {
  const depths = depthsOf(steps);
  const deepest = Math.max(0, ...depths.values());
  const rows = new Map<number, number>();
  const place = new Map<string, { x: number; y: number }>();
  const parent = (step: Step): number => Math.max(-1, ...step.after.map((id) => place.get(id)?.y ?? -1));
  const ordered = [...steps].sort((a, b) => (depths.get(a.id) ?? 0) - (depths.get(b.id) ?? 0) || a.key.localeCompare(b.key, undefined, { numeric: true }));
  for (const step of ordered) {
    const column = depths.get(step.id) ?? 0;
    // Steps that wait for nothing and nobody waits for fill blocks, so that a long list is no tower.
    const row = Math.max(rows.get(column) ?? 0, parent(step) >= 0 ? Math.round(parent(step) / ROW_PX) : 0);
    rows.set(column, row + 1);
    place.set(step.id, { x: column * COLUMN_PX, y: row * ROW_PX });
  }
  if (deepest === 0) ordered.forEach((step, index) => place.set(step.id, { x: Math.floor(index / BLOCK_ROWS) * COLUMN_PX, y: (index % BLOCK_ROWS) * ROW_PX }));
  const known = new Set(steps.map((step) => step.id));
  return {
    nodes: steps.map((step) => ({ id: step.id, type: "step", position: place.get(step.id) ?? { x: 0, y: 0 }, data: { step }, ariaLabel: `${step.key}, ${step.spec}, ${step.state}` })),
    edges: steps.flatMap((step) => step.after.filter((id) => known.has(id)).map((id) => ({ id: `${id}-${step.id}`, source: id, target: step.id, animated: step.state === "leased" }))),
  };
}

function StepNode({ data }: NodeProps<Shown>): ReactElement {
  const { step } = data;
  return (
    <div className="step" data-state={step.state}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="row"><b className="cut grow" title={step.key}>{step.spec}</b><State of={step.state} /></div>
      <div className="cut faint">{step.key}{step.revision > 0 && ` · revision ${String(step.revision)}`}</div>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const TYPES = { step: StepNode };

export function Dag({ steps }: { steps: readonly Step[] }): ReactElement {
  const [, go] = useLocation();
  const { nodes, edges } = useMemo(() => layoutOf(steps), [steps]);
  return (
    <div className="dag">
      <ReactFlow nodes={nodes} edges={edges} nodeTypes={TYPES} fitView fitViewOptions={{ maxZoom: 1, minZoom: 0.55 }} minZoom={0.15} nodesDraggable={false} nodesConnectable={false} edgesFocusable={false} elementsSelectable={false} onNodeClick={(_, node) => { go(`/audit/task/${node.id}`); }} aria-label="The plan as a graph">
        <Background gap={22} color="var(--line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
