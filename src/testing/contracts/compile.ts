// Compiles the contracts of this folder into artifacts.gen.ts:
//   node src/testing/contracts/compile.ts           writes it
//   node src/testing/contracts/compile.ts --check   exits 1 if it is not what the sources say
import { readFileSync, writeFileSync } from "node:fs";
import solc from "solc";

const CONTRACTS = ["Multicall3", "TestUSDC"];
const HEADER =
  "// Generated from Multicall3.sol and TestUSDC.sol by `node src/testing/contracts/compile.ts`: do not edit.";
const artifacts = new URL("./artifacts.gen.ts", import.meta.url);

interface Compiled {
  errors?: { severity: string; formattedMessage: string }[];
  contracts?: Record<string, Record<string, Contract | undefined> | undefined>;
}

interface Contract {
  abi: unknown[];
  evm: { bytecode: { object: string }; deployedBytecode: { object: string; immutableReferences: object } };
}

/** The text that artifacts.gen.ts must have: the same on every machine for the same sources and the pinned solc. */
export function renderArtifacts(): string {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(
      CONTRACTS.map((name) => [
        name,
        { content: readFileSync(new URL(`./${name}.sol`, import.meta.url), "utf8") },
      ]),
    ),
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: "paris",
      // No hash of sources and settings at the end of the code: a comment must not change the bytes.
      metadata: { appendCBOR: false, bytecodeHash: "none" },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode"] } },
    },
  };
  const compiled: Compiled = JSON.parse(solc.compile(JSON.stringify(input)));
  if (compiled.errors?.length) throw new Error(compiled.errors.map((e) => e.formattedMessage).join("\n"));
  const bodies = CONTRACTS.map((name) => renderContract(name, compiled.contracts?.[name]?.[name]));
  return `${HEADER}\n${bodies.join("")}`;
}

function renderContract(name: string, contract: Contract | undefined): string {
  if (!contract) throw new Error(`${name}.sol has no contract of its own name.`);
  const { bytecode, deployedBytecode } = contract.evm;
  if (Object.keys(deployedBytecode.immutableReferences).length > 0) {
    throw new Error(`${name}.sol has immutables, which a constructor would have to fill in; use constants.`);
  }
  return `
export const ${name} = {
  abi: [
${contract.abi.map((entry) => `    ${JSON.stringify(entry)},`).join("\n")}
  ],
  bytecode: "0x${bytecode.object}",
  deployedBytecode: "0x${deployedBytecode.object}",
} as const;
`;
}

if (import.meta.main) {
  const expected = renderArtifacts();
  if (!process.argv.includes("--check")) {
    writeFileSync(artifacts, expected);
  } else if (readFileSync(artifacts, "utf8") !== expected) {
    process.stderr.write(
      "artifacts.gen.ts is not what the contracts say. Run: node src/testing/contracts/compile.ts\n",
    );
    process.exitCode = 1;
  }
}
