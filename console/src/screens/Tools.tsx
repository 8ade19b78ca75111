/** The tools that agents may be permitted, and which permission each needs. */
import type { ReactElement } from "react";
import { useRead } from "@/api/queries";
import type { Schemas } from "@/api/types";
import { Chip, Empty, Found, Head, Panel } from "@/parts/parts";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";

export default function Tools(): ReactElement {
  const may = useMay();
  const tools = useRead<Schemas["Tools"]>(["tools"], "tools");
  return (
    <div className="page">
      <Head title="Tools">Read tools, as workers reach them. A tool that writes is reached by effects alone, under a grant.</Head>
      <Found query={tools}>{(found) => (
        <Panel bare label="Tools">
          {found.items.length === 0 ? <Empty title="No tools">None is configured.</Empty> : (
            <table className="list"><thead><tr><th>Tool</th><th>Needs</th><th /></tr></thead>
              <tbody>{found.items.map((tool) => <tr key={tool.name}><td><code>{tool.name}</code></td><td><Chip>{tool.permission}</Chip></td><td className="num">{may("halt.set") && <button type="button" className="bare soft" onClick={() => { openHalt(`tool:${tool.name}`); }}>Halt it…</button>}</td></tr>)}</tbody></table>
          )}
        </Panel>
      )}</Found>
    </div>
  );
}
