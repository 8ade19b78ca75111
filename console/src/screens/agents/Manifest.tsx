/** The rules that an agent gives itself, and how it works: its constitution, hours, models and hand-over points, from the manifest in force. */
import type { ReactElement } from "react";
import * as api from "chimera-client";
import { Chip, Empty, Found, Panel } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
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

const FOLLOWS: Record<string, { tone: "stop" | "wait" | "plain"; says: string }> = {
  refuse: { tone: "stop", says: "refused" },
  revise: { tone: "wait", says: "written anew" },
  prefer: { tone: "plain", says: "another is preferred" },
};

/** The rules that its work is criticised by, and what follows when one is broken. */
function Constitution({ rules }: { rules: api.Rule[] }): ReactElement {
  return (
    <Panel title="Constitution" note="what its own work is criticised by" bare>
      {rules.length === 0 ? <Empty title="It has no rules of its own">The fleet’s policy and house rules hold for it all the same. A package may name a file of rules under <code>constitution</code>.</Empty> : (
        <ul className="plain-list small">{rules.map((rule) => (
          <li key={rule.id}>
            <div className="row"><b><bdi>{rule.id}</bdi></b><span className="grow" /><Chip tone={FOLLOWS[rule.severity]?.tone ?? "plain"}>if broken: {FOLLOWS[rule.severity]?.says ?? rule.severity}</Chip></div>
            <Untrusted text={rule.rule} />
            {(rule.good ?? []).map((text) => <div key={text} className="soft">Keeps it: <Untrusted text={text} inline /></div>)}
            {(rule.bad ?? []).map((text) => <div key={text} className="soft">Breaks it: <Untrusted text={text} inline /></div>)}
          </li>
        ))}</ul>
      )}
    </Panel>
  );
}

export function Manifest({ item }: { item: api.AgentItem }): ReactElement {
  const editions = useEditions(item.id);
  return (
    <Found query={editions}>{({ items }) => {
      const edition = items.find((one) => one.in_force);
      if (!edition) return <Panel bare><Empty title="Its manifest is not on record">It was installed before manifests were kept. Install its package again under a higher version, and it stands here.</Empty></Panel>;
      const manifest = fieldsOf(edition.manifest);
      return (
        <div className="grid two">
          <div className="stack">
            <Constitution rules={item.persona.rules ?? []} />
            <Part title="Hand-over points" note="stages that wait for a person" value={manifest["handover"]} />
            <Part title="When it works" note="in its own zone" value={manifest["schedule"]} />
            <Part title="Models" note="the first that answers is used" value={manifest["models"]} />
          </div>
          <Panel title="manifest.yaml" note="as it is in force" bare><pre className="bytes whole" tabIndex={0}>{textOfEdition(edition)}</pre></Panel>
        </div>
      );
    }}</Found>
  );
}
