/** A package's manifest: written or dropped in, checked with every fault and its line, compared, then installed. */
import { Button, Checkbox, FileButton, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { Hunks } from "@/parts/Hunks";
import { Chip, Money, Panel, ProblemNote } from "@/parts/parts";

type Shown = api.PermissionShown;
const MANIFEST = "manifest.yaml";

const BLANK = `identity:
  name: studio.newcomer
  version: "1.0.0"
  title: What this agent is for, in a line
  owner: Your studio

persona:
  name: Newcomer
  voice: |
    Short sentences. Friendly, never familiar.
  disclosure: "[AI persona]"
  interests: [games]
  avoid: [politics, health advice]

goals:
  - One thing that it tries to do.

capabilities: [trends, copy]

permissions:
  - trends.read
  - post.publish

accounts:
  - {platform: sandbox, handle: "@newcomer"}

models:
  copy.post: [offline]

budget:
  day: "1.00"
  currency: USD
`;

export function Permissions({ of, tone, note }: { of: readonly Shown[]; tone: "go" | "stop" | "plain" | "wait"; note?: string }): ReactElement {
  return <ul className="plain-list">{of.map((one) => <li key={one.name} className="row" style={{ alignItems: "baseline" }}><Chip tone={tone}>{one.name}</Chip><span>{one.meaning}{note && <span className="faint"> · {note}</span>}</span></li>)}</ul>;
}

function Faults({ of }: { of: readonly api.ProblemFault[] }): ReactElement {
  return <Panel title="What is wrong with it" bare><ul className="plain-list">{of.map((fault, index) => <li key={index}><Chip tone="stop">{fault.line ? `line ${String(fault.line)}` : fault.where || "package"}</Chip> {fault.message}{fault.remedy && <span className="soft"> – {fault.remedy}</span>}</li>)}</ul></Panel>;
}

interface Props {
  name: string;
  installed?: api.AgentItem | undefined;
  /** What to begin with: the manifest in force, or nothing that is known. */
  manifest?: string;
  onDone: (id: string) => void;
}

export function Editor({ name: given, installed, manifest = "", onDone }: Props): ReactElement {
  const client = useQueryClient();
  const [name, setName] = useState(given);
  const [files, setFiles] = useState<Record<string, string>>({ [MANIFEST]: manifest || BLANK });
  const [began, setBegan] = useState(manifest || BLANK);
  const [isAccepted, setAccepted] = useState(false);
  const text = files[MANIFEST] ?? "";
  const check = useMutation({ mutationFn: () => api.agentsValidate({ body: { name, files } }) });
  const install = useMutation({
    mutationFn: () => api.agentsInstall({ body: { name, files, accept_permissions: isAccepted, accept_budget: isAccepted } }),
    onSuccess: (done) => { void client.invalidateQueries({ queryKey: ["agents"] }); onDone(done.id); },
  });
  const load = async (chosen: File[]): Promise<void> => {
    const read = await Promise.all(chosen.map(async (file) => [(file.webkitRelativePath || file.name).split("/").slice(-1)[0] ?? file.name, await file.text()] as const));
    setFiles(Object.fromEntries(read));
    const opened = read.find(([file]) => file === MANIFEST)?.[1] ?? "";
    setBegan(manifest || opened);
    setName(/^\s+name:\s*([a-z][a-z0-9.-]*)/m.exec(opened)?.[1] ?? name);
    check.reset();
  };
  const has = new Set(installed?.permissions.map((one) => one.name));
  const found = check.data;
  const gained = found?.permissions.filter((one) => installed && !has.has(one.name)) ?? [];
  const lost = installed?.permissions.filter((one) => found && !found.permissions.some((next) => next.name === one.name)) ?? [];
  const others = Object.keys(files).filter((file) => file !== MANIFEST);
  return (
    <div className="grid two">
      <Panel title="Package" acts={<FileButton multiple onChange={(chosen) => void load(chosen)}>{(props) => <Button {...props} variant="default">Open files…</Button>}</FileButton>}>
        <form className="stack" onSubmit={(event) => { event.preventDefault(); check.mutate(); }}>
          <TextInput label="Name of the package" value={name} onChange={(event) => { setName(event.currentTarget.value); check.reset(); }} />
          <Textarea label={MANIFEST} autosize minRows={18} maxRows={32} spellCheck={false} styles={{ input: { fontFamily: "var(--font-code)", fontSize: 12.5, lineHeight: 1.55 } }} value={text} onChange={(event) => { setFiles({ ...files, [MANIFEST]: event.currentTarget.value }); check.reset(); }} />
          {others.length > 0 && <div className="faint">With {others.join(", ")}</div>}
          <div className="row"><Button type="submit" loading={check.isPending}>Check it</Button><span className="faint">Nothing is installed by checking.</span></div>
        </form>
      </Panel>
      <div className="stack">
        {check.isError && <ProblemNote error={check.error} />}
        {!found && !check.isError && <Panel title="What would change"><p className="soft" style={{ margin: 0 }}>Check the package to see every fault with its line, what it would permit in plain words, and what that adds to what is installed.</p></Panel>}
        {found && !found.ok && <Faults of={found.faults} />}
        {found?.ok && (
          <>
            <Panel title={<>Sound: version {found.package_version}</>} note={<>may spend <Money micros={found.budget_micros_day} /> a day</>} bare>
              {gained.length > 0 && <Permissions of={gained} tone="wait" note="new" />}
              {lost.length > 0 && <Permissions of={lost} tone="stop" note="no longer" />}
              <Permissions of={found.permissions.filter((one) => !gained.includes(one))} tone="go" />
            </Panel>
            <Panel title="Install it">
              <div className="stack">
                <Checkbox label="I accept these permissions and this budget" checked={isAccepted} onChange={(event) => { setAccepted(event.currentTarget.checked); }} />
                {install.isError && <ProblemNote error={install.error instanceof api.Problem ? install.error : String(install.error)} />}
                <div><Button disabled={!isAccepted} loading={install.isPending} onClick={() => { install.mutate(); }}>{installed ? "Install this version" : "Install the agent"}</Button></div>
              </div>
            </Panel>
          </>
        )}
        {text !== began && <Panel title="What you changed" note={manifest ? "from the manifest in force" : "from the beginning"} bare><Hunks before={began} after={text} /></Panel>}
      </div>
    </div>
  );
}
