import type { ComposeFile } from "./compose-file";
import { isRepositoryOf, parseImageReference } from "./image-reference";
import type { Values } from "./interpolate";
import { composeService } from "./service";

/**
 * Which services of a compose file are those of a release: the ones with its image, whatever registry it comes through;
 * without any, the one of the same name.
 *
 * @param images - the release's image of each of its services
 * @param values - the variables of `.env`, expanded
 * @returns names of the compose file's services, by the release's names
 */
export function releaseServices(
  file: ComposeFile,
  images: Readonly<Record<string, string>>,
  values: Values,
): Map<string, string[]> {
  const repositories = file
    .serviceNames()
    .map((service) => ({ service, repository: repositoryOf(file, service, values) }));
  return new Map(
    Object.entries(images).map(([name, image]) => {
      const same = repositories.filter(({ repository }) => repository !== null && isRepositoryOf(repository, image));
      const found = same.length > 0 ? same : repositories.filter(({ service }) => service === name);
      return [name, found.map(({ service }) => service)];
    }),
  );
}

function repositoryOf(file: ComposeFile, service: string, values: Values): string | null {
  const { image } = composeService(file, service, values);
  return image === null ? null : parseImageReference(image).repository;
}
