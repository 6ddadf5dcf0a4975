/** Lets in who knows a token: as `Authorization: Bearer …`, or as the password of HTTP Basic (any user name). */
export interface BearerCheck {
  admits(request: Request): Promise<boolean>;
}

/** Shorter ones can be guessed. */
const MIN_TOKEN_LENGTH = 16;

/** @param where What the token is for, as it is named in the settings. @throws when the token is too short */
export function createBearerCheck(token: string, where: string): BearerCheck {
  if (typeof token !== "string" || token.length < MIN_TOKEN_LENGTH) {
    throw new Error(
      `createServer: ${where} must have at least ${MIN_TOKEN_LENGTH} characters; make one with \`openssl rand -hex 24\``,
    );
  }
  const right = digest(token);
  return {
    async admits(request) {
      const given = tokenOf(request.headers.get("authorization") ?? "");
      if (given === undefined) return false;
      // Digests have one length, and are compared in one time, wherever they differ.
      const [a, b] = await Promise.all([right, digest(given)]);
      let difference = 0;
      for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
      return difference === 0;
    },
  };
}

function tokenOf(authorization: string): string | undefined {
  const [, scheme = "", value = ""] = /^(Bearer|Basic) +(\S+)$/i.exec(authorization) ?? [];
  if (scheme === "") return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  try {
    const bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    const pair = new TextDecoder().decode(bytes);
    return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : undefined;
  } catch {
    return undefined;
  }
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
