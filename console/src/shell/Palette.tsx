/** ⌘K: every screen, every deed of the moment, and agents by name. */
import { Spotlight, spotlight, type SpotlightActionData } from "@mantine/spotlight";
import "@mantine/spotlight/styles.css";
import { useMantineColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState, type ReactElement } from "react";
import { useLocation } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Icon } from "@/parts/Icon";
import { useMay } from "@/session";
import { openHalt } from "@/shell/HaltControl";
import { SCREENS } from "@/shell/screens";

export const openPalette = (): void => { spotlight.open(); };
const LONG_ENOUGH = 2;

export function Palette(): ReactElement {
  const [, go] = useLocation();
  const may = useMay();
  const { toggleColorScheme } = useMantineColorScheme();
  const [words, setWords] = useState("");
  const [sought] = useDebouncedValue(words.trim(), 150);
  const agents = useRead(["agents", "palette"], (asked) => api.agentsList(asked), { query: { q: sought, limit: 6 }, when: sought.length >= LONG_ENOUGH && may("fleet.look") });
  const screens: SpotlightActionData[] = SCREENS.filter((screen) => may(screen.needs)).map((screen) => ({
    id: screen.path, label: screen.title, leftSection: <Icon name={screen.icon} />, rightSection: screen.keys ? <kbd>{screen.keys}</kbd> : undefined, onClick: () => { go(screen.path); },
  }));
  const deeds: SpotlightActionData[] = [
    ...(may("goal.give") ? [{ id: "new-campaign", label: "New campaign", leftSection: <Icon name="campaigns" />, onClick: () => { go("/campaigns?new"); } }] : []),
    ...(may("halt.set") ? [{ id: "halt", label: "Halt the fleet, a network, an agent…", keywords: ["stop", "kill"], leftSection: <Icon name="halt" />, onClick: openHalt }, { id: "pause", label: "Pause the fleet, a network, an agent…", keywords: ["rest", "wait"], leftSection: <Icon name="halt" />, onClick: () => { openHalt("fleet", "pause"); } }] : []),
    { id: "verify", label: "Verify history in this browser", keywords: ["audit", "chain", "hash"], leftSection: <Icon name="audit" />, onClick: () => { go("/audit/verify"); } },
    { id: "colours", label: "Switch between dark and light", leftSection: <Icon name="moon" />, onClick: () => { toggleColorScheme(); } },
  ];
  const found: SpotlightActionData[] = (sought.length >= LONG_ENOUGH ? (agents.data?.items ?? []) : []).map((agent) => ({
    id: agent.id, label: agent.persona, description: agent.name, keywords: [sought], leftSection: <Icon name="agents" />, onClick: () => { go(`/agents/${agent.id}`); },
  }));
  return (
    <Spotlight
      actions={[{ group: "Go to", actions: screens }, { group: "Do", actions: deeds }, ...(found.length ? [{ group: "Agents", actions: found }] : [])]}
      query={words}
      onQueryChange={setWords}
      shortcut={["mod + K"]}
      tagsToIgnore={[]}
      nothingFound="Nothing by that name"
      scrollable
      maxHeight={460}
      searchProps={{ leftSection: <Icon name="search" />, placeholder: "Go to, or do", "aria-label": "Go to, or do" }}
    />
  );
}
