/** The frame around every screen, and which screen it is. */
import { useQueryClient } from "@tanstack/react-query";
import { Component, Suspense, useEffect, type ErrorInfo, type ReactElement, type ReactNode } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { useFleet } from "@/api/queries";
import { follow } from "@/live/stream";
import { Empty, Loading, ProblemNote } from "@/parts/parts";
import { KeysProvider } from "@/shell/keys";
import { SCREENS } from "@/shell/screens";
import { Shell } from "@/shell/Shell";
import { useMay } from "@/session";

class Guarded extends Component<{ children: ReactNode; place: string }, { error: Error | null; place: string }> {
  override state = { error: null as Error | null, place: this.props.place };
  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }
  static getDerivedStateFromProps(props: { place: string }, state: { place: string }): object | null {
    return props.place === state.place ? null : { error: null, place: props.place };
  }
  override componentDidCatch(error: Error, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }
  override render(): ReactNode {
    return this.state.error ? <div className="page"><ProblemNote error={this.state.error} /></div> : this.props.children;
  }
}

/** An empty installation begins with the guide, a running one with its work. */
function Home(): ReactElement {
  const fleet = useFleet();
  const may = useMay();
  if (fleet.data === undefined && !fleet.isError) return <Loading />;
  const agents = Object.values(fleet.data?.agents ?? {}).reduce((sum, count) => sum + count, 0);
  if (agents === 0) return <Redirect to="/start" replace />;
  return <Redirect to={may("review.look") ? "/reviews" : "/fleet"} replace />;
}

export function App(): ReactElement {
  const client = useQueryClient();
  const [place] = useLocation();
  useEffect(() => follow(client), [client]);
  return (
    <KeysProvider>
      <Shell>
        <Guarded place={place}>
          <Suspense fallback={<Loading />}>
            <Switch>
              <Route path="/"><Home /></Route>
              {SCREENS.map((screen) => <Route key={screen.path} path={screen.route} component={screen.component} />)}
              <Route><Empty title="There is nothing at this address">Choose a screen on the left, or press <kbd>⌘K</kbd>.</Empty></Route>
            </Switch>
          </Suspense>
        </Guarded>
      </Shell>
    </KeysProvider>
  );
}
