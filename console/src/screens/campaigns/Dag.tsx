/** The plan as it runs: every task a node, in stages by what waits for what, with the points where one hands over to the next or to a person. */
import { Background, Controls, Handle, MarkerType, Position, ReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { useMemo, type ReactElement } from "react";
import { useLocation } from "wouter";
import { Icon } from "@/parts/Icon";
import { State } from "@/parts/parts";
import { layoutOf, type Stage, type Step } from "@/screens/campaigns/layout";
import { momentOf, usOf } from "@/words/time";

type StepNode = Node<{ step: Step }, "step">;
type StageNode = Node<{ stage: Stage }, "stage">;

/** A step of a plan has a name of its own; an answer is known by when its question came, which its id begins with. */
function nameOf(step: Step): string {
  return step.input_id !== null && step.key === step.input_id ? `to what came ${momentOf(usOf(step.input_id))}` : step.key;
}

function graphOf(steps: readonly Step[]): { nodes: (StepNode | StageNode)[]; edges: Edge[] } {
  const { places, stages } = layoutOf(steps);
  const states = new Map(steps.map((step) => [step.id, step.state]));
  const heads: StageNode[] = stages.map((stage) => ({ id: stage.title, type: "stage", position: stage.place, data: { stage }, focusable: false, ariaLabel: `${stage.title}: ${stage.name}, ${String(stage.done)} of ${String(stage.count)} ended` }));
  const nodes: StepNode[] = steps.map((step) => ({ id: step.id, type: "step", position: places.get(step.id) ?? { x: 0, y: 0 }, data: { step }, ariaLabel: `${nameOf(step)}, ${step.spec}, ${step.state}` }));
  const edges = steps.flatMap((step) => step.after.filter((id) => states.has(id)).map((id) => {
    const isHandedOver = states.get(id) === "done";
    return { id: `${id}-${step.id}`, source: id, target: step.id, animated: step.state === "leased", style: isHandedOver ? { stroke: "var(--go)" } : { strokeDasharray: "4 4" }, markerEnd: { type: MarkerType.ArrowClosed, color: isHandedOver ? "var(--go)" : "var(--line-strong)" } };
  }));
  return { nodes: [...heads, ...nodes], edges };
}

function StepShown({ data }: NodeProps<StepNode>): ReactElement {
  const { step } = data;
  return (
    <div className="step" data-state={step.state}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="row"><b className="cut grow" title={nameOf(step)}>{step.spec}</b><State of={step.state} /></div>
      <div className="cut faint">{step.state === "held" ? <span className="hand"><Icon name="reviews" size={12} /> handed over to a person</span> : <>{nameOf(step)}{step.revision > 0 && ` · revision ${String(step.revision)}`}</>}</div>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

function StageShown({ data }: NodeProps<StageNode>): ReactElement {
  const { stage } = data;
  const isWhole = stage.done === stage.count;
  return (
    <div className="stage" data-done={isWhole || undefined}>
      <div><span className="faint">{stage.title}</span> <b>{stage.name}</b></div>
      <div className="faint">{stage.done} of {stage.count} ended{stage.waits > 0 && ` · ${String(stage.waits)} with a person`}</div>
      {stage.handsOver && <i title={isWhole ? "handed over" : "hands over what it has found to the next stage"}><Icon name={isWhole ? "check" : "right"} size={12} /></i>}
    </div>
  );
}

const TYPES = { step: StepShown, stage: StageShown };

export function Dag({ steps }: { steps: readonly Step[] }): ReactElement {
  const [, go] = useLocation();
  const { nodes, edges } = useMemo(() => graphOf(steps), [steps]);
  return (
    <div className="dag">
      <ReactFlow nodes={nodes} edges={edges} nodeTypes={TYPES} fitView fitViewOptions={{ maxZoom: 1, minZoom: 0.55 }} minZoom={0.15} nodesDraggable={false} nodesConnectable={false} edgesFocusable={false} elementsSelectable={false} onNodeClick={(_, node) => { if (node.type === "step") go(`/audit/task/${node.id}`); }} aria-label="The plan as a graph">
        <Background gap={22} color="var(--line)" />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}
