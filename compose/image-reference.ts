/** An image as it is named: `repository[:tag][@digest]`. */
export interface ImageReference {
  /** With its registry: `registry.example.com:5000/octollm/orchestrator`. */
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** Cuts a reference; a colon before the last slash is that of the registry's port. */
export function parseImageReference(text: string): ImageReference {
  const [name = "", digest] = text.split("@", 2);
  const colon = name.lastIndexOf(":");
  const tagged = colon > name.lastIndexOf("/");
  return {
    repository: tagged ? name.slice(0, colon) : name,
    tag: tagged ? name.slice(colon + 1) : null,
    digest: digest ?? null,
  };
}

/** Whether a repository is that of an image, whatever registry it comes through: `mirror:5000/octollm/api`, `octollm/api`. */
export function isRepositoryOf(repository: string, image: string): boolean {
  const wanted = parseImageReference(image).repository;
  return repository === wanted || repository.endsWith(`/${wanted}`);
}
