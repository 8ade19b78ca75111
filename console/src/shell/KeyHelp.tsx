/** What can be done with keys, here and everywhere. */
import { Modal } from "@mantine/core";
import type { ReactElement } from "react";
import { useAllKeys } from "@/shell/keys";

export function KeyHelp({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  const all = useAllKeys();
  const groups = new Map<string, Map<string, string>>();
  if (isOpen) {
    for (const key of all()) {
      const group = key.group ?? "Everywhere";
      groups.set(group, (groups.get(group) ?? new Map<string, string>()).set(key.keys, key.says));
    }
  }
  return (
    <Modal opened={isOpen} onClose={onClose} title="Keys" size="lg">
      <div className="grid two">
        {[...groups].reverse().map(([group, keys]) => (
          <section key={group}>
            <h3 style={{ fontSize: 13, fontWeight: 600, marginBottom: 6 }}>{group}</h3>
            {[...keys].map(([key, says]) => (
              <div className="row" key={key} style={{ padding: "3px 0" }}><span style={{ width: 62 }}>{key.split(" ").map((one) => <kbd key={one} style={{ marginRight: 3 }}>{one}</kbd>)}</span>{says}</div>
            ))}
          </section>
        ))}
      </div>
      <p className="faint"><kbd>⌘K</kbd> or <kbd>Ctrl K</kbd> opens the palette from anywhere.</p>
    </Modal>
  );
}
