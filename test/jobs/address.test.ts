import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPublic, urlProblem } from "../../src/jobs/address.ts";

/** Blocks that are not for everybody, from the registries of IANA and the RFCs that they name. */
const SPECIAL_V4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // What runs beneath every machine of a large host, at an address that looks public.
  ["168.63.129.16", 32],
] as const;

const SPECIAL_V6 = [
  ["::", 96],
  ["::ffff:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const;

const V4_BITS = 32;
const V6_BITS = 128;

function numberOfV4(address: string): bigint {
  return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function v4Of(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
}

/** By the parser of URLs, which is not the one under test. */
function groupsOf(address: string): bigint[] {
  const [left = "", right] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string): bigint[] =>
    text === "" ? [] : text.split(":").map((group) => BigInt(`0x${group}`));
  const [head, tail] = [groups(left), groups(right ?? "")];
  return right === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill(0n), ...tail];
}

function numberOfV6(address: string): bigint {
  return groupsOf(address).reduce((sum, group) => sum * 65_536n + group, 0n);
}

function v6Of(value: bigint): string {
  return Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(16 * (7 - index))) & 0xffffn).toString(16),
  ).join(":");
}

/** Any value inside a block. */
const inside = (base: bigint, bits: number, prefix: number): fc.Arbitrary<bigint> =>
  fc.bigInt({ min: 0n, max: (1n << BigInt(bits - prefix)) - 1n }).map((offset) => base + offset);

const isIn = (value: bigint, base: bigint, bits: number, prefix: number): boolean =>
  value >> BigInt(bits - prefix) === base >> BigInt(bits - prefix);

const anyV4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n });

describe("an address is not public", () => {
  it.each(SPECIAL_V4)("anywhere in %s/%i, nor in any form of IPv6 that stands for it", (block, prefix) => {
    fc.assert(
      fc.property(inside(numberOfV4(block), V4_BITS, prefix), (value) => {
        const address = v4Of(value);
        expect(isPublic(address)).toBe(false);
        const group = (shift: bigint): string => ((value >> shift) & 0xffffn).toString(16);
        const embedded = `${group(16n)}:${group(0n)}`;
        for (const form of [
          `::ffff:${address}`,
          `::ffff:${embedded}`,
          `::${address}`,
          `::ffff:0:${embedded}`,
          `64:ff9b::${embedded}`,
          `64:ff9b:1::${embedded}`,
          `2002:${embedded}::1`,
          `2001:0:${embedded}::1`,
        ]) {
          expect.soft(isPublic(form), form).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  it.each(SPECIAL_V6)("anywhere in %s/%i", (block, prefix) => {
    fc.assert(
      fc.property(inside(numberOfV6(block), V6_BITS, prefix), (value) => {
        expect(isPublic(v6Of(value))).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it("when it is none, or names an interface of this machine", () => {
    for (const text of [
      "",
      "localhost",
      "1.2.3",
      "08.8.8.8",
      "134744072",
      "example.com",
      "::g",
      "2600::1%eth0",
    ]) {
      expect.soft(isPublic(text), text).toBe(false);
    }
  });
});

describe("an address is public", () => {
  it("in IPv4 when it lies in no special block", () => {
    // Of these, blocks that networks use among themselves are refused as well.
    const cautious = ["192.31.196.0", "192.52.193.0", "192.175.48.0"];
    const others = [...SPECIAL_V4, ...cautious.map((block) => [block, 24] as const)];
    fc.assert(
      fc.property(anyV4, (value) => {
        fc.pre(!others.some(([block, prefix]) => isIn(value, numberOfV4(block), V4_BITS, prefix)));
        expect(isPublic(v4Of(value))).toBe(true);
      }),
    );
  });

  it("in IPv6 when a registry has assigned it", () => {
    for (const text of ["2606:4700:4700::1111", "2a00:1450:4001::200e", "2600::", "2c0f:f248::1"]) {
      expect.soft(isPublic(text), text).toBe(true);
    }
  });
});

describe("a buyer's address is refused", () => {
  /** What is wrong, and addresses of which this is wrong. */
  const REFUSED: Readonly<Record<string, readonly string[]>> = {
    "it is not a URL": [
      "",
      "hook",
      "//shop.example/hook",
      "https://",
      "https://a.example, https://b.example",
    ],
    "it is not https": [
      "http://shop.example/hook",
      "ftp://shop.example/hook",
      "file:///etc/passwd",
      "javascript:alert(1)",
      "gopher://shop.example:70/",
    ],
    "it holds credentials": ["https://user@shop.example/", "https://:word@shop.example/"],
    "its port is privileged": [
      "https://shop.example:22/",
      "https://shop.example:80/",
      "https://shop.example:0/",
    ],
    "its host is private": [
      "https://127.0.0.1/",
      "https://127.1/",
      "https://2130706433/",
      "https://0x7f000001/",
      "https://0177.0.0.1/",
      "https://127.0.0.1./",
      "https://１２７.0.0.1/",
      "https://0/",
      "https://169.254.169.254/latest/meta-data/",
      "https://168.63.129.16/",
      "https://100.100.100.200/",
      "https://[::1]/",
      "https://[::]/",
      "https://[::ffff:10.0.0.1]/",
      "https://[::ffff:7f00:1]/",
      "https://[fd00:ec2::254]/",
      "https://[fe80::1]/",
      "https://[64:ff9b::a9fe:a9fe]/",
      "https://[2002:7f00:1::]/",
    ],
    "it is too long": [`https://shop.example/${"x".repeat(1_980)}`],
  };
  const problemsOf = (urls: readonly string[]) => new Set(urls.map((url) => urlProblem(url, false)));

  it.each(Object.entries(REFUSED))("when %s, with one reason", (_, urls) => {
    const problems = problemsOf(urls);
    expect(problems.size).toBe(1);
    expect(problems).not.toContain(undefined);
  });

  it("with another reason for each kind", () => {
    const problems = Object.values(REFUSED).flatMap((urls) => [...problemsOf(urls)]);
    expect(new Set(problems).size).toBe(Object.keys(REFUSED).length);
  });

  it("and taken when it is https, in the public network, on a port for such a thing", () => {
    for (const url of [
      "https://shop.example",
      "https://shop.example/hook?token=1",
      "https://shop.example:443/",
      "https://shop.example:8443/",
      "https://bücher.example/",
      "https://93.184.215.14/",
      "https://[2606:4700:4700::1111]/",
    ]) {
      expect.soft(urlProblem(url, false), url).toBeUndefined();
    }
  });

  it("of an intranet only where the seller allows it, which allows no other protocols or passwords", () => {
    for (const url of [
      "http://127.0.0.1:80/",
      "https://10.0.0.1/",
      "http://[::1]:3000/",
      "http://localhost",
    ]) {
      expect.soft(urlProblem(url, true), url).toBeUndefined();
    }
    expect(urlProblem("file:///etc/passwd", true)).toBe(urlProblem("http://shop.example/", false));
    expect(urlProblem("http://a:b@10.0.0.1/", true)).toBe(urlProblem("https://a:b@shop.example/", false));
  });
});
