import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

// The API serves what is built here from the wheel; in development, `npm run dev` forwards /v1 to a running fleet.
export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) },
    // The client as it was just generated, not as it was last built for others.
    conditions: ["chimera-source", ...defaultClientConditions],
  },
  build: {
    outDir: "dist",
    sourcemap: false,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/v1": process.env["CHIMERA_API"] ?? "http://127.0.0.1:8420" } },
});
