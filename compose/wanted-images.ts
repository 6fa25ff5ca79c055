import type { ComposeFile } from "./compose-file";
import { isRepositoryOf, parseImageReference } from "./image-reference";
import type { Values } from "./interpolate";
import { composeService } from "./service";

/** A service of a release: the image that it is to have, and those that it may have had. */
export interface ReleaseImage {
  readonly service: string;
  readonly wanted: string;
  readonly known: readonly string[];
}

/**
 * The images that services of a compose file are to have. A registry that stands before the release's own name stays;
 * a tag that is no release's, and an image that is pinned by its digest, are left to the operator.
 *
 * @param values - the variables of `.env`, expanded
 * @returns references by the names of the compose file's services, as `setImages` takes them, and what is left
 */
export function wantedImages(
  file: ComposeFile,
  releaseImages: readonly ReleaseImage[],
  values: Values,
): { images: Record<string, string>; left: string[] } {
  const images: Record<string, string> = {};
  const left: string[] = [];
  for (const service of file.serviceNames()) {
    const { image } = composeService(file, service, values);
    if (image === null) continue;
    const { repository, tag, digest } = parseImageReference(image);
    const found = releaseImages.find(({ wanted }) => isRepositoryOf(repository, wanted));
    if (!found) continue;
    const { wanted, known } = found;
    const own = parseImageReference(wanted).repository;
    const registry = repository.slice(0, repository.length - own.length);
    const next = registry + wanted;
    if (image === next) continue;
    if (digest !== null) left.push(`${service}: its image is pinned by a digest; write ${next} and its own there`);
    else if (known.some((one) => registry + one === image)) images[service] = next;
    else
      left.push(`${service}: its image has the tag '${tag ?? "latest"}', which is no release's; write ${next} there`);
  }
  return { images, left };
}
