import { loadCatalogue } from "../releases/catalogue";

/**
 * Services of all releases, those that others need first.
 *
 * @param named - what the operator calls services
 * @throws Error when one of these is none
 */
export async function knownServices(named: readonly string[]): Promise<string[]> {
  const { releases } = await loadCatalogue();
  const names = new Set(releases.flatMap(({ images }) => Object.keys(images)));
  const stranger = named.find((name) => !names.has(name));
  if (stranger !== undefined)
    throw new Error(`No release of the catalogue has a service '${stranger}'. Nothing was written.`);
  return [...names].toSorted((a, b) => Number(a === "orchestrator") - Number(b === "orchestrator"));
}

/** Whether an image is called like a service, whatever its registry. @param repository - without tag and digest */
export function isImageOf(service: string, repository: string): boolean {
  return repository.split("/").at(-1) === service;
}

/**
 * The release that all services are of.
 *
 * @param subjects - what they are, such as `containers`
 * @param services - with the release that each says; null for one that says none
 * @param maySayNone - whether such a one is passed over as long as others say theirs
 * @throws Error that lists them when they are of several, or none says it
 */
export function commonRelease(
  subjects: string,
  services: readonly { readonly name: string; readonly release: string | null }[],
  maySayNone: boolean,
): string {
  const said = services.map(({ release }) => release);
  const releases = new Set(maySayNone ? said.filter((release) => release !== null) : said);
  const [version] = releases;
  if (releases.size === 1 && version) return version;
  throw new Error(
    `The ${subjects} do not agree on one release:\n` +
      services.map(({ name, release }) => `  ${name}: ${release ?? "says none"}\n`).join("") +
      "Nothing was written. Bring them to one release first.",
  );
}
