import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** What would be noticed only when the old container is gone already: images that are not there, settings that would be lost. */
export function judgeContainers({ deploy }: Plan, { services }: World): Refusal[] {
  const replaced = (deploy.containers ?? []).filter(({ keeps }) => keeps === null);
  return replaced.flatMap(({ service, container, image, imageId }) => {
    const path = `octollm:services.${service}`;
    const wordless = services.find(({ name }) => name === service)?.container?.wordless ?? [];
    return [
      ...(imageId === ""
        ? [{ path, text: `the Docker engine has no image '${image}'. Bring it there first: docker pull ${image}` }]
        : []),
      ...(wordless.length > 0
        ? [
            {
              path,
              text:
                `container '${container}' has settings that a new one could not be given (${wordless.join(", ")} in ` +
                `'docker inspect'), and it would run without them. Take them away, or express them otherwise`,
            },
          ]
        : []),
    ];
  });
}
