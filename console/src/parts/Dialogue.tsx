/** A question in a window: a form, what went wrong with it, and two buttons. Escape and the first button change nothing. */
import { Button, Modal } from "@mantine/core";
import type { ReactElement, ReactNode } from "react";
import { ProblemNote } from "@/parts/parts";

interface Props {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  /** What is done, once it is ready. */
  onDone: () => void;
  does: string;
  leave?: string;
  isReady: boolean;
  isBusy: boolean;
  error: unknown;
  grave?: boolean;
  size?: string;
  children: ReactNode;
}

export function Dialogue({ title, isOpen, onClose, onDone, does, leave = "Cancel", isReady, isBusy, error, grave = false, size = "md", children }: Props): ReactElement {
  return (
    <Modal opened={isOpen} onClose={onClose} title={title} size={size}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); if (isReady && !isBusy) onDone(); }}>
        {children}
        {error !== null && error !== undefined && <ProblemNote error={error} />}
        <div className="row" style={{ justifyContent: "flex-end" }}>
          <Button variant="default" onClick={onClose}>{leave}</Button>
          <Button type="submit" color={grave ? "vermilion" : "verdigris"} loading={isBusy} disabled={!isReady}>{does}</Button>
        </div>
      </form>
    </Modal>
  );
}

/** Shown once and never again: to be copied now. */
export function Secret({ text, label }: { text: string; label: string }): ReactElement {
  return (
    <div className="secret">
      <div className="row"><b className="grow">{label}</b><Button size="compact-sm" variant="default" onClick={() => void navigator.clipboard.writeText(text)}>Copy</Button></div>
      <code tabIndex={0}>{text}</code>
      <p className="soft">Keep it now: it is not shown again, and nobody here can look it up.</p>
    </div>
  );
}
