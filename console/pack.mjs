// Packs every text file of the build beside itself (.br, .gz): the API serves what the browser takes, and packs nothing.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const WORTH_BYTES = 1024;

for (const entry of readdirSync("dist", { recursive: true })) {
  const path = join("dist", entry);
  if (!statSync(path).isFile() || !/\.(js|css|html|svg)$/.test(path)) continue;
  const bytes = readFileSync(path);
  if (bytes.length < WORTH_BYTES) continue;
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}
