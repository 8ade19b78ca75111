/** The rules that an agent gives itself, and how it works: its constitution, hours, models and hand-over points, from the manifest in force. */
import type { ReactElement } from "react";
import type { Schemas } from "@/api/types";
import { Empty, Found, Panel } from "@/parts/parts";
import { textOfEdition, useEditions } from "@/screens/agents/Versions";
import { fieldsOf, textOf } from "@/words/plain";

function Part({ title, note, value }: { title: string; note: string; value: unknown }): ReactElement | null {
  const list = Array.isArray(value) ? value : Object.entries(fieldsOf(value)).map(([name, one]) => ({ [name]: one }));
  if (!list.length) return null;
  return (
    <Panel title={title} note={note} bare>
      <ul className="plain-list small">{list.map((one: unknown, index) => <li key={index}>{typeof one === "object" && one !== null ? <dl className="facts">{Object.entries(fieldsOf(one)).filter(([, value_]) => textOf(value_) !== "" && textOf(value_) !== "[]").map(([name, value_]) => <div key={name} style={{ display: "contents" }}><dt>{name.replaceAll("_", " ")}</dt><dd><bdi>{Array.isArray(value_) ? value_.map(textOf).join(", ") : textOf(value_)}</bdi></dd></div>)}</dl> : <bdi>{textOf(one)}</bdi>}</li>)}</ul>
    </Panel>
  );
}

export function Manifest({ item }: { item: Schemas["AgentItem"] }): ReactElement {
  const editions = useEditions(item.id);
  return (
    <Found query={editions}>{({ items }) => {
      const edition = items.find((one) => one.in_force);
      if (!edition) return <Panel bare><Empty title="Its manifest is not on record">It was installed before manifests were kept. Install its package again under a higher version, and it stands here.</Empty></Panel>;
      const manifest = fieldsOf(edition.manifest);
      return (
        <div className="grid two">
          <div className="stack">
            <Part title="Constitution" note="what it holds itself to" value={manifest["constitution"]} />
            <Part title="Hand-over points" note="stages that wait for a person" value={manifest["handover"]} />
            <Part title="When it works" note="in its own zone" value={manifest["schedule"]} />
            <Part title="Models" note="the first that answers is used" value={manifest["models"]} />
            <Part title="Memory" note="what it may keep, and for how long" value={manifest["memory"]} />
          </div>
          <Panel title="manifest.yaml" note="as it is in force" bare><pre className="bytes whole" tabIndex={0}>{textOfEdition(edition)}</pre></Panel>
        </div>
      );
    }}</Found>
  );
}
