import "@fontsource/ibm-plex-sans/latin-400.css";
import "@fontsource/ibm-plex-sans/latin-500.css";
import "@fontsource/ibm-plex-sans/latin-600.css";
import "@fontsource/ibm-plex-mono/latin-400.css";
import "@fontsource/ibm-plex-serif/latin-500.css";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@/styles/theme.css";
import "@/styles/shell.css";
import "@/styles/parts.css";
import "@/styles/screens.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Door } from "@/Door";
import { makeClient } from "@/live/busy";
import { theme } from "@/theme";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <QueryClientProvider client={makeClient()}>
          <Notifications position="bottom-center" limit={4} />
          <Door />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
