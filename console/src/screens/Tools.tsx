/** The tools that agents may be permitted: our own, and those of other servers, which count only as somebody has pinned them. */
import { Button } from "@mantine/core";
import type { ReactElement } from "react";
import { usePages, useRead } from "@/api/queries";
import type { Schemas } from "@/api/types";
import { Chip, Empty, Found, Hash, Head, Panel, ProblemNote, State, When, type Tone } from "@/parts/parts";
import { Untrusted, UntrustedLine } from "@/parts/Untrusted";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";
import { plural } from "@/words/money";

type Pin = Schemas["ToolPin"];
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
  const pages = usePages<Pin>(["tools", "pins"], "tools/pins", { limit: 200 });
  const pins = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const servers = [...Map.groupBy(pins, (pin) => pin.definition.server)];
  return (
    <>
      {pages.isError && <ProblemNote error={pages.error} />}
      {pages.data && !pins.length && <Panel title="Tools of other servers" bare><Empty title="None is pinned">A server’s tool can be used once a person has looked at its definition and pinned it: <code>chimera tools pin</code>. When the server changes a word of it, it is out of use until it is pinned again.</Empty></Panel>}
      {servers.map(([server, members]) => <Panel key={server} title={server} note={plural(members.length, "pinned tool")} bare><ul className="plain-list">{members.map((pin) => <PinShown key={pin.id} pin={pin} />)}</ul></Panel>)}
      {pages.hasNextPage && <div><Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button></div>}
    </>
  );
}

export default function Tools(): ReactElement {
  const may = useMay();
  const tools = useRead<Schemas["Tools"]>(["tools"], "tools");
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
        <Pins />
      </div>
    </div>
  );
}
