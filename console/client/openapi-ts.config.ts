import { defineConfig } from "@hey-api/openapi-ts";

// Every operation as a function that answers with its data or throws; nothing of it is written by hand or committed.
export default defineConfig({
  input: "../openapi.json",
  output: { path: "src/generated", clean: true, importFileExtension: ".js" },
  plugins: [
    { name: "@hey-api/client-fetch", throwOnError: true, runtimeConfigPath: "" },
    "@hey-api/typescript",
    { name: "@hey-api/sdk", responseStyle: "data", auth: false },
  ],
});
