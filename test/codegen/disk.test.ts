import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { diskProblem, diskText } from "../../codegen/cli/disk.ts";
import { createProject, type Project } from "./project.ts";

/** An error as Node.js makes it, of those that a test cannot bring about everywhere. */
const thrown = (code: string, syscall: string, more: object = {}): Error =>
  Object.assign(new Error(`${code}: words of the system`), { code, syscall, ...more });

describe("what a file system refuses", () => {
  let project: Project;
  beforeAll(() => {
    const definition = `import { defineApi, price, resource } from "resource402";
import { z } from "zod";
export default defineApi({
  title: "Shop", version: "1.0.0", description: "For tests.",
  resources: {
    ping: resource({ summary: "Ping.", input: z.object({}), output: z.object({ open: z.boolean().describe("Yes.") }),
      price: price.free(), timeout: "5s", method: "GET" }),
  },
});
`;
    project = createProject({ "resources.ts": definition, "file.txt": "mine\n" });
    mkdirSync(join(project.folder, "folder"));
    return () => project[Symbol.dispose]();
  });

  const FILE = "file.txt is a file; expected a folder. Choose another folder, or move the file.";
  const base = ["--base-url", "http://127.0.0.1:1"];
  it.each<[words: string[], code: number, told: string]>([
    [["generate", "--out", "file.txt"], 1, FILE],
    [["generate", "--out", "file.txt/x"], 1, FILE],
    [["docs", "--out", "file.txt/x"], 1, FILE],
    [["sdk", "--name", "shop", "--out", "file.txt/x"], 1, FILE],
    [["init", "file.txt/x", "--yes"], 1, FILE],
    [["dev", "--port", "0", "--out", "file.txt"], 1, FILE],
    [["generate", "folder"], 2, "folder is a folder. Name the definition in it: folder/resources.ts."],
    [["call", "ping", ...base, "--calls", "file.txt/x"], 1, `The saved calls cannot be read. ${FILE}`],
    [["calls", "list", "--calls", "file.txt"], 1, `The saved calls cannot be read. ${FILE}`],
    [
      ["call", "ping", ...base, "-i", "@folder"],
      2,
      "The input cannot be read. folder is a folder; expected a file. Name a file, or move the folder.",
    ],
    [
      ["call", "ping", ...base, "-i", "@none"],
      2,
      "The input cannot be read. none does not exist. Name an existing path.",
    ],
  ])("is told in one sentence by %j", async (words, code, told) => {
    const said = await project.run(...words);
    expect({ code: said.code, err: said.err }).toEqual({ code, err: `${told}\n` });
    expect(project.read("file.txt")).toBe("mine\n");
  });

  it.each([
    [
      thrown("EACCES", "open", { path: "/gen/API.md.resource402-12.tmp" }),
      /^Permission denied: this user cannot use .*gen\/API\.md\. /,
    ],
    [thrown("EACCES", "scandir", { path: "/gen" }), /^Permission denied: this user cannot read .*gen\. /],
    [thrown("EROFS", "mkdir", { path: "/gen" }), /gen is on a read-only file system\./],
    [thrown("ENOSPC", "write", { path: "/gen" }), /^The disk is full: cannot write .*gen\. Free some space/],
    [thrown("EACCES", "listen", { port: 80 }), /^Port 80 requires privileges /],
    [thrown("ENOSPC", "write"), /^The disk is full\. Free some space/],
    [thrown("EIO", "read", { path: "/gen" }), /^EIO: words of the system\. Fix this/],
  ])("says the fix of %s", (error, told) => {
    expect(diskProblem(error)).toMatch(told);
  });

  it("leaves other errors alone", () => {
    expect(diskProblem(new Error("ours"))).toBeUndefined();
    expect(diskText(new Error("ours"))).toBe("ours");
  });
});
