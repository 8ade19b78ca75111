/** Everybody who may log in: with which roles, where, and by which way; adding, changing, shutting out. */
import { Button, Checkbox, Menu, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue } from "@/parts/Dialogue";
import { Icon } from "@/parts/Icon";
import { Avatar, Chip, Empty, Found, Panel, State, When } from "@/parts/parts";
import { passwordFault } from "@/screens/people/You";
import { useMay, useSession } from "@/session";
import { plural } from "@/words/money";
import { ROLES } from "@/words/verbs";

type Person = api.PersonShown;
type Asked = { what: "roles" | "disable"; person: Person } | null;

const NAME = /^[a-z0-9][a-z0-9._@-]{0,59}$/;

function RolePick({ value, onChange }: { value: readonly string[]; onChange: (roles: string[]) => void }): ReactElement {
  return (
    <Checkbox.Group label="Roles" description="What they permit adds up" value={[...value]} onChange={onChange}>
      <div className="choices">{ROLES.map((role) => <Checkbox key={role.value} value={role.value} label={<>{role.label} <span className="faint">{role.says}</span></>} />)}</div>
    </Checkbox.Group>
  );
}

function Adding({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [roles, setRoles] = useState<string[]>([]);
  const [password, setPassword] = useState("");
  const [within, setWithin] = useState("");
  const [provider, setProvider] = useState("");
  const fault = passwordFault(password, "");
  const add = useMutation({
    mutationFn: () => api.peopleAdd({ body: { name, roles, password, provider: provider.trim(), within: within.split(/[\s,]+/).filter(Boolean) } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["people"] }); onClose(); },
  });
  const isNamed = NAME.test(name);
  return (
    <Dialogue title="Somebody new" size="lg" isOpen={isOpen} onClose={onClose} does="Add them" isReady={isNamed && roles.length > 0 && fault === undefined} isBusy={add.isPending} error={add.error} onDone={() => { add.mutate(); }}>
      <TextInput label="Name" description="Small letters, digits and . _ @ -; it stays theirs for ever" required data-autofocus maxLength={60} error={name && !isNamed ? "small letters, digits and . _ @ - only" : undefined} value={name} onChange={(event) => { setName(event.currentTarget.value); }} />
      <RolePick value={roles} onChange={setRoles} />
      <PasswordInput label="First password" description="They change it under People › You. Without one, only a provider or a token lets them in" autoComplete="new-password" error={fault} value={password} onChange={(event) => { setPassword(event.currentTarget.value); }} />
      <details>
        <summary className="soft">Narrower, or by a provider</summary>
        <div className="stack" style={{ marginTop: 10 }}>
          <TextInput label="Only within" description="agent:ID or campaign:ID, one or more; empty means everywhere" value={within} onChange={(event) => { setWithin(event.currentTarget.value); }} />
          <TextInput label="Provider" description="“ISSUER SUBJECT” of the log-in that you have already" value={provider} onChange={(event) => { setProvider(event.currentTarget.value); }} />
        </div>
      </details>
    </Dialogue>
  );
}

function Roles({ person, onClose }: { person: Person; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const [roles, setRoles] = useState<string[]>(person.roles);
  const change = useMutation({
    mutationFn: () => api.peopleRoles({ path: { name: person.name }, body: { roles } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["people"] }); onClose(); },
  });
  return (
    <Dialogue title={`Roles of ${person.name}`} isOpen onClose={onClose} does="Change them" isReady={roles.length > 0} isBusy={change.isPending} error={change.error} onDone={() => { change.mutate(); }}>
      <RolePick value={roles} onChange={setRoles} />
      <p className="soft" style={{ margin: 0 }}>Effective with the next thing that {person.name} does. Open sessions stay.</p>
    </Dialogue>
  );
}

function Disable({ person, onClose }: { person: Person; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const disable = useMutation({
    mutationFn: () => api.peopleDisable({ path: { name: person.name } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["people"] }); onClose(); },
  });
  return (
    <Dialogue title={`Shut ${person.name} out`} isOpen onClose={onClose} does="Shut them out" leave="Leave them in" grave isReady isBusy={disable.isPending} error={disable.error} onDone={() => { disable.mutate(); }}>
      <p style={{ margin: 0 }}>All sessions and tokens of <b>{person.name}</b> end with the same commit. What they have ruled on stays, under their name, which nobody else can take.</p>
    </Dialogue>
  );
}

const waysOf = (person: Person): string => [person.has_password && (person.has_codes ? "password and code" : "password"), person.provider && "provider"].filter(Boolean).join(", ") || "token only";

export function Everybody(): ReactElement {
  const session = useSession();
  const may = useMay()("people.change");
  const people = useRead(["people"], (asked) => api.peopleList(asked));
  const [isAdding, setAdding] = useState(false);
  const [asked, setAsked] = useState<Asked>(null);
  const close = (): void => { setAsked(null); };
  const act = may ? <Button onClick={() => { setAdding(true); }}>Add somebody…</Button> : undefined;
  return (
    <>
      <Found query={people}>{(found) => (
        <Panel title="Everybody" note={plural(found.items.filter((one) => one.state === "active").length, "person", "people")} acts={act} bare>
          {found.items.length === 0 ? <Empty title="Nobody yet" act={act}>Add those who review, those who watch the money, those who audit: each with no more than they need.</Empty> : (
            <div className="scroll-x"><table className="list"><thead><tr><th>Name</th><th>Roles</th><th>Where</th><th>Comes in by</th><th>Added</th><th>State</th><th><span className="hidden-title">Change</span></th></tr></thead>
              <tbody>{found.items.map((person) => (
                <tr key={person.id}>
                  <td><div className="row"><Avatar name={person.name} of={person.id} /><b style={{ fontWeight: 500 }}><bdi>{person.name}</bdi></b>{person.name === session.name && <span className="faint">you</span>}</div></td>
                  <td><div className="row wrap">{person.roles.map((role) => <Chip key={role} tone={role === "owner" ? "wait" : "plain"}>{role}</Chip>)}</div></td>
                  <td className="soft">{person.within.join(", ") || "everywhere"}</td><td className="soft">{waysOf(person)}</td>
                  <td className="soft"><When us={person.added_at_us} />{person.added_by && <span className="faint"> by {person.added_by}</span>}</td><td><State of={person.state} /></td>
                  <td className="num">{may && person.state === "active" && (
                    <Menu position="bottom-end">
                      <Menu.Target><Button size="compact-sm" variant="default" aria-label={`Change ${person.name}`}><Icon name="more" /></Button></Menu.Target>
                      <Menu.Dropdown>
                        <Menu.Item onClick={() => { setAsked({ what: "roles", person }); }}>Other roles…</Menu.Item>
                        <Menu.Item color="var(--stop)" onClick={() => { setAsked({ what: "disable", person }); }}>Shut out…</Menu.Item>
                      </Menu.Dropdown>
                    </Menu>
                  )}</td>
                </tr>
              ))}</tbody></table></div>
          )}
        </Panel>
      )}</Found>
      <Adding key={String(isAdding)} isOpen={isAdding} onClose={() => { setAdding(false); }} />
      {asked?.what === "roles" && <Roles person={asked.person} onClose={close} />}
      {asked?.what === "disable" && <Disable person={asked.person} onClose={close} />}
    </>
  );
}
