/** Who else is told what changed: addresses, each with its topics, its secret shown once, and how it goes. */
import { Button, Checkbox, Menu, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue, Secret } from "@/parts/Dialogue";
import { Icon } from "@/parts/Icon";
import { Chip, Empty, Found, Panel, ProblemNote, State, When } from "@/parts/parts";
import { countOf } from "@/words/money";

type Hook = api.WebhookShown;

const TOPICS = ["review", "effect", "halt", "campaign", "conversation", "agent", "money", "policy", "tool", "person"];
type Command = api.WebhooksChangeData["body"]["command"];
const NEXT: Record<string, readonly { command: Command; says: string }[]> = {
  active: [{ command: "pause", says: "Pause it" }, { command: "remove", says: "Remove it" }],
  paused: [{ command: "resume", says: "Let it go on where it was" }, { command: "remove", says: "Remove it" }],
};

function Adding({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const [url, setUrl] = useState("https://");
  const [topics, setTopics] = useState<string[]>(["review", "halt"]);
  const add = useMutation({
    mutationFn: () => api.webhooksSet({ body: { url: url.trim(), topics } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  if (add.data) {
    return (
      <Dialogue title="Its secret" isOpen={isOpen} onClose={onClose} onDone={onClose} does="I have kept it" leave="Close" isReady isBusy={false} error={null}>
        <Secret label="Signs every message" text={add.data.secret} />
        <p className="soft" style={{ margin: 0 }}>Whoever receives them checks the signature with it before believing a word.</p>
      </Dialogue>
    );
  }
  return (
    <Dialogue title="Tell an address" isOpen={isOpen} onClose={onClose} does="Tell it from now on" isReady={url.trim().length > 8} isBusy={add.isPending} error={add.error} onDone={() => { add.mutate(); }}>
      <TextInput label="Address" type="url" required data-autofocus maxLength={500} value={url} onChange={(event) => { setUrl(event.currentTarget.value); }} />
      <Checkbox.Group label="About" description="None chosen means everything that this page’s stream says" value={[...topics]} onChange={setTopics}><div className="choices across">{TOPICS.map((topic) => <Checkbox key={topic} value={topic} label={topic} />)}</div></Checkbox.Group>
    </Dialogue>
  );
}

export function Webhooks(): ReactElement {
  const client = useQueryClient();
  const [isAdding, setAdding] = useState(false);
  const hooks = useRead(["webhooks"], (asked) => api.webhooksList(asked), { everyMs: 10_000 });
  const change = useMutation({
    mutationFn: ({ hook, command }: { hook: Hook; command: Command }) => api.webhooksChange({ path: { webhook_id: hook.id }, headers: api.from(hook.version), body: { command } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  const act = <Button variant="default" onClick={() => { setAdding(true); }}>Tell an address…</Button>;
  return (
    <>
      <Panel title="Webhooks" note="who else is told what changed" acts={act} bare>
        {change.isError && <ProblemNote error={change.error} />}
        <Found query={hooks}>{(found) => { const shown = found.items.filter((one) => one.state !== "removed"); return shown.length === 0 ? <Empty title="Nobody else is told" act={act}>A webhook sends what changed to an address of yours, signed, and tries again until it is taken.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Address</th><th>About</th><th>State</th><th className="num">Told</th><th>Last</th><th /></tr></thead>
            <tbody>{shown.map((one) => <tr key={one.id}><td className="cut" style={{ maxWidth: 380 }}><bdi>{one.url}</bdi></td><td className="soft">{one.topics.join(", ") || "everything"}</td><td><State of={one.state} />{one.failures > 0 && <> <Chip tone="stop">{one.failures} failed in a row</Chip></>}</td><td className="num">{countOf(one.told)}</td><td className="soft">{one.told_at_us ? <When us={one.told_at_us} age /> : "–"}{one.last_answer && ` · ${one.last_answer}`}</td><td className="num">{NEXT[one.state] && <Menu position="bottom-end"><Menu.Target><Button size="compact-sm" variant="default" aria-label={`Change ${one.url}`}><Icon name="more" /></Button></Menu.Target><Menu.Dropdown>{NEXT[one.state]?.map((next) => <Menu.Item key={next.command} onClick={() => { change.mutate({ hook: one, command: next.command }); }}>{next.says}</Menu.Item>)}</Menu.Dropdown></Menu>}</td></tr>)}</tbody></table></div>
        ); }}</Found>
      </Panel>
      <Adding key={String(isAdding)} isOpen={isAdding} onClose={() => { setAdding(false); }} />
    </>
  );
}
