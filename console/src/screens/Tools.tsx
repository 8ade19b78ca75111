/** The tools that agents may be permitted: our own, and those of other servers, which count only as somebody has pinned them. */
import { Button, NativeSelect } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { usePages, useRead } from "@/api/queries";
import { Chip, Empty, Found, Hash, Head, NoRows, Panel, ProblemNote, State, When, type Tone } from "@/parts/parts";
import { Untrusted, UntrustedLine } from "@/parts/Untrusted";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";
import { plural } from "@/words/money";

type Pin = api.ToolPin;
type Waiting = api.ToolWaiting;
const KINDS: Record<string, Tone> = { read: "go", write: "wait", destructive: "stop" };

function prettyOf(schema: string): string {
  try {
    return JSON.stringify(JSON.parse(schema), null, 2);
  } catch {
    return schema;
  }
}

function PinShown({ pin }: { pin: Pin }): ReactElement {
  const may = useMay();
  const { definition } = pin;
  return (
    <li>
      <details>
        <summary className="row">
          <code>{definition.name}</code><Chip tone={KINDS[pin.kind] ?? "plain"}>{pin.kind}</Chip><State of={pin.state} />
          <span className="grow soft" style={{ minWidth: 0 }}><UntrustedLine text={definition.description} /></span>
          <span className="faint">{pin.pinned_by}, <When us={pin.pinned_at_us} /></span>
        </summary>
        <dl className="facts" style={{ margin: "10px 0" }}>
          <dt>Says of itself</dt><dd><Untrusted text={definition.description} /></dd>
          <dt>Claims</dt><dd>{[definition.says_read_only && "to read only", definition.says_destructive && "to destroy"].filter(Boolean).join(", ") || "nothing"} <span className="faint">– a claim; what counts is the kind that a person gave it</span></dd>
          <dt>Pinned to</dt><dd><Hash of={pin.digest} length={32} /></dd>
        </dl>
        <pre className="bytes" tabIndex={0}>{prettyOf(definition.schema)}</pre>
        {may("halt.set") && <Button mt={8} size="compact-sm" variant="default" onClick={() => { openHalt(`tool:${definition.server}/${definition.name}`); }}>Halt it…</Button>}
      </details>
    </li>
  );
}

function Pins(): ReactElement {
  const pages = usePages(["tools", "pins"], (asked) => api.toolsPins(asked), { limit: 200 });
  const pins = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const servers = [...Map.groupBy(pins, (pin) => pin.definition.server)];
  return (
    <>
      {pages.isError && <ProblemNote error={pages.error} />}
      {!pins.length && <Panel title="Tools of other servers" bare><NoRows pages={pages}><Empty title="None is pinned">A server’s tool can be used once a person has looked at its definition and pinned it: <code>chimera tools pin</code>. When the server changes a word of it, it is out of use until it is pinned again.</Empty></NoRows></Panel>}
      {servers.map(([server, members]) => <Panel key={server} title={server} note={plural(members.length, "pinned tool")} bare><ul className="plain-list">{members.map((pin) => <PinShown key={pin.id} pin={pin} />)}</ul></Panel>)}
      {pages.hasNextPage && <div><Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button></div>}
    </>
  );
}

const STANDS: Record<string, { tone: Tone; says: string }> = {
  new: { tone: "info", says: "nobody has looked at it yet" },
  changed: { tone: "wait", says: "its server has changed it since it was pinned: out of use" },
  revoked: { tone: "plain", says: "its approval was taken back" },
  hostile: { tone: "stop", says: "its own words give orders to whoever reads them: it cannot be pinned" },
};
const KIND_CHOICES: api.ToolKind[] = ["read", "write", "publish", "message", "spend", "admin"];

/** A word as a kind; a word that is none is the strictest. */
const kindOf = (word: string): api.ToolKind => KIND_CHOICES.find((one) => one === word) ?? "admin";

/** One tool in quarantine: what it is now against what was approved, and approving exactly that. */
function WaitingShown({ tool }: { tool: Waiting }): ReactElement {
  const may = useMay();
  const client = useQueryClient();
  const [kind, setKind] = useState(kindOf(tool.kind));
  const pin = useMutation({
    mutationFn: () => api.toolsPin({ body: { tool: tool.tool, digest: tool.digest, kind } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["tools"] }),
  });
  const stands = STANDS[tool.standing] ?? { tone: "plain" as Tone, says: "" };
  return (
    <li>
      <details>
        <summary className="row"><code>{tool.tool}</code><Chip tone={stands.tone}>{tool.standing}</Chip><span className="grow soft">{stands.says}</span></summary>
        {tool.changed.map((part) => (
          <section key={part.part} style={{ margin: "10px 0" }}>
            <h3 className="faint" style={{ fontSize: 12.5 }}>{part.part}</h3>
            <pre className="bytes hunks" tabIndex={0}>{part.before && <del>{part.part === "schema" ? prettyOf(part.before) : part.before}</del>}<ins>{part.part === "schema" ? prettyOf(part.after) : part.after}</ins></pre>
          </section>
        ))}
        {may("system.change") && tool.standing !== "hostile" && (
          <div className="row" style={{ marginTop: 8 }}>
            <NativeSelect size="xs" aria-label={`What calling ${tool.tool} does`} data={KIND_CHOICES} value={kind} onChange={(event) => { setKind(kindOf(event.currentTarget.value)); }} />
            <Button size="compact-sm" loading={pin.isPending} onClick={() => { pin.mutate(); }}>Pin exactly this</Button>
            <Hash of={tool.digest} length={16} />
          </div>
        )}
        {pin.isError && <ProblemNote error={pin.error} />}
      </details>
    </li>
  );
}

/** Whether the servers answer, as they were last asked, and what of their tools waits for a person. */
function Servers(): ReactElement {
  const may = useMay();
  const client = useQueryClient();
  const found = useRead(["tools", "servers"], (asked) => api.toolsServers(asked));
  const look = useMutation({
    mutationFn: () => api.toolsLook(),
    onSuccess: (seen) => { client.setQueryData(["tools", "servers"], seen); },
  });
  const ask = may("system.change") && <Button size="compact-sm" variant="default" loading={look.isPending} onClick={() => { look.mutate(); }}>Ask them now</Button>;
  return (
    <Found query={found}>{({ looked_at_us: at, servers, waiting, refused }) => (
      <>
        <Panel title="Servers" note={at ? <>asked <When us={at} /></> : "not asked yet"} acts={ask} bare>
          {look.isError && <ProblemNote error={look.error} />}
          {servers.length === 0 ? <Empty title={at ? "None is configured" : "Nobody has asked them yet"}>{at ? <>Name servers in <code>tools.toml</code> of this home.</> : "Asking starts those that are programs, reads what they offer, and ends them again. Nothing is called."}</Empty> : (
            <table className="list"><thead><tr><th>Server</th><th>Health</th><th className="num">Tools</th><th className="num">Pinned</th></tr></thead>
              <tbody>{servers.map((one) => <tr key={one.name}><td><bdi>{one.name}</bdi></td><td>{one.answers ? <Chip tone="go">answers</Chip> : <><Chip tone="stop">silent</Chip> <span className="soft"><UntrustedLine text={one.why} /></span></>}</td><td className="num">{one.tools}</td><td className="num">{one.pinned}</td></tr>)}</tbody></table>
          )}
        </Panel>
        {waiting.length > 0 && <Panel title="In quarantine" note={`${plural(waiting.length, "tool")} that nobody may call`} bare><ul className="plain-list">{waiting.map((tool) => <WaitingShown key={tool.tool + tool.digest} tool={tool} />)}</ul></Panel>}
        {Object.keys(refused).length > 0 && <Panel title="Not taken over" bare><ul className="plain-list">{Object.entries(refused).map(([name, why]) => <li key={name}><code>{name}</code> <span className="soft"><UntrustedLine text={why} /></span></li>)}</ul></Panel>}
      </>
    )}</Found>
  );
}

export default function Tools(): ReactElement {
  const may = useMay();
  const tools = useRead(["tools"], (asked) => api.toolsList(asked));
  return (
    <div className="page">
      <Head title="Tools">Read tools, as workers reach them. A tool that writes is reached by effects alone, under a grant.</Head>
      <div className="stack">
        <Found query={tools}>{(found) => (
          <Panel title="Our own" note={plural(found.items.length, "tool")} bare>
            {found.items.length === 0 ? <Empty title="No tools">None is configured.</Empty> : (
              <table className="list"><thead><tr><th>Tool</th><th>Needs</th><th><span className="hidden-title">Halt</span></th></tr></thead>
                <tbody>{found.items.map((tool) => <tr key={tool.name}><td><code>{tool.name}</code></td><td><Chip>{tool.permission}</Chip></td><td className="num">{may("halt.set") && <Button size="compact-sm" variant="default" onClick={() => { openHalt(`tool:${tool.name}`); }}>Halt it…</Button>}</td></tr>)}</tbody></table>
            )}
          </Panel>
        )}</Found>
        <Servers />
        <Pins />
      </div>
    </div>
  );
}
