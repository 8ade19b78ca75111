// Compiles PaymentToken.sol to PaymentToken.json.  npm install --ignore-scripts solc@0.8.30 && node compile.js
const solc = require("solc"), fs = require("fs");
const input = {language: "Solidity", sources: {"PaymentToken.sol": {content: fs.readFileSync("PaymentToken.sol", "utf8")}},
  settings: {optimizer: {enabled: true, runs: 200}, evmVersion: "paris", metadata: {bytecodeHash: "none", appendCBOR: false},
    outputSelection: {"*": {"*": ["abi", "evm.bytecode.object"]}}}};
const out = JSON.parse(solc.compile(JSON.stringify(input)));
if (out.errors) { for (const e of out.errors) console.error(e.formattedMessage); if (out.errors.some(e => e.severity === "error")) process.exit(1); }
const made = out.contracts["PaymentToken.sol"].PaymentToken;
fs.writeFileSync("PaymentToken.json", JSON.stringify({compiler: solc.version(), bytecode: "0x" + made.evm.bytecode.object, abi: made.abi}, null, 1) + "\n");
