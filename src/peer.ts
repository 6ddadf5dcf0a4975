/**
 * Loads an optional peer dependency, which only one entry of this package needs.
 * @throws Error with the command that installs it, when it is not installed.
 */
export async function loadPeer<Module>(
  entry: string,
  packages: readonly string[],
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if ((error as { readonly code?: unknown } | undefined)?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    const names = packages.join(" ");
    throw new Error(`${entry} needs ${packages.join(" and ")}. Run: npm install ${names}`, { cause: error });
  }
}
