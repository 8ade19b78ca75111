/** An agent's versions: who installed each and what it gained, one beside what is in force, and going back to it. */
import { Button, Checkbox } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue } from "@/parts/Dialogue";
import { Hunks } from "@/parts/Hunks";
import { Chip, Empty, Found, Hash, Panel, When } from "@/parts/parts";
import { useMay } from "@/session";
import { yamlOf } from "@/words/yaml";

type Item = api.AgentItem;
type Edition = api.EditionShown;

export const useEditions = (id: string) => useRead(["agents", id, "versions"], (asked) => api.agentsEditions({ ...asked, path: { agent_id: id } }));

export const textOfEdition = (edition: Edition | undefined): string => (edition ? yamlOf(edition.manifest) : "");

function GoBack({ item, edition, onClose }: { item: Item; edition: Edition; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const [isAccepted, setAccepted] = useState(false);
  const back = useMutation({
    mutationFn: () => api.agentsRollBack({ path: { agent_id: item.id }, headers: api.from(item.version), body: { digest: edition.digest, accept_permissions: isAccepted, accept_budget: isAccepted } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["agents"] }); onClose(); },
  });
  return (
    <Dialogue title={`Back to version ${edition.package_version}`} isOpen onClose={onClose} does="Go back to it" leave="Stay" isReady isBusy={back.isPending} error={back.error} onDone={() => { back.mutate(); }}>
      <p style={{ margin: 0 }}>{item.persona.name} is as it was then from the next decision on. Its accounts, money and history stay. Going forward again is the same step.</p>
      <Checkbox label="I accept what it gains by that: permissions and budget" checked={isAccepted} onChange={(event) => { setAccepted(event.currentTarget.checked); }} />
    </Dialogue>
  );
}

function Kept({ item, editions }: { item: Item; editions: readonly Edition[] }): ReactElement {
  const may = useMay();
  const [beside, setBeside] = useState<Edition | null>(null);
  const [back, setBack] = useState<Edition | null>(null);
  const current = editions.find((one) => one.in_force);
  return (
    <div className="stack">
      <Panel title="Kept versions" note="with their manifests; any can be gone back to" bare>
        {editions.length === 0 ? <Empty title="No manifest is on record">Versions that were installed before manifests were kept cannot be gone back to. The next one can.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Version</th><th>Installed first</th><th>By</th><th>Package</th><th /></tr></thead>
            <tbody>{[...editions].reverse().map((one) => <tr key={one.digest}><td>{one.package_version} {one.in_force && <Chip tone="go">in force</Chip>}</td><td><When us={one.installed_at_us} /></td><td>{one.installed_by}</td><td><Hash of={one.digest} /></td><td className="num">{!one.in_force && <div className="row" style={{ justifyContent: "flex-end" }}><Button size="compact-sm" variant="default" onClick={() => { setBeside(beside?.digest === one.digest ? null : one); }}>{beside?.digest === one.digest ? "Hide" : "Compare"}</Button>{may("agent.change") && <Button size="compact-sm" variant="default" onClick={() => { setBack(one); }}>Go back…</Button>}</div>}</td></tr>)}</tbody></table></div>
        )}
      </Panel>
      {beside && <Panel title={`From ${beside.package_version} to what is in force`} bare><Hunks before={textOfEdition(beside)} after={textOfEdition(current)} /></Panel>}
      {back && <GoBack item={item} edition={back} onClose={() => { setBack(null); }} />}
    </div>
  );
}

export function Versions({ item }: { item: Item }): ReactElement {
  const editions = useEditions(item.id);
  return (
    <div className="stack">
      <Found query={editions}>{(found) => <Kept item={item} editions={found.items} />}</Found>
      <Panel title="Installations" note="as the chain has them" bare>
        {item.versions.length === 0 ? <Empty title="None since the chain began" /> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Version</th><th>Before</th><th>By</th><th>When</th><th>Gained</th><th>Package</th></tr></thead>
            <tbody>{item.versions.map((one) => <tr key={one.digest + String(one.at_us)}><td>{one.package_version}</td><td>{one.previous || "–"}</td><td>{one.by}</td><td><When us={one.at_us} /></td><td>{one.gained.join(", ") || "–"}</td><td><Hash of={one.digest} /></td></tr>)}</tbody></table></div>
        )}
      </Panel>
    </div>
  );
}
