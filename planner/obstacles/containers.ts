import type { ContainerPlan, Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { ServiceContainer, World } from "../world";

/** What would be noticed only when the old container is gone already, or somebody else's container with it. */
export function judgeContainers({ deploy }: Plan, { services, openAttempt }: World): Refusal[] {
  const replaced = (deploy.containers ?? []).filter(({ keeps }) => keeps === null);
  return replaced.flatMap((plan) => {
    const found = services.find(({ name }) => name === plan.service)?.container;
    // While an attempt is open, what waits beside a container is what that attempt has put away.
    const besides = openAttempt === null ? (found?.besides ?? null) : null;
    const texts = [
      describeImage(plan),
      describeWordless(plan, found),
      besides === null ? null : describeBesides(besides),
    ];
    return texts.flatMap((text) => (text === null ? [] : [{ path: `octollm:services.${plan.service}`, text }]));
  });
}

function describeImage({ image, imageId }: ContainerPlan): string | null {
  if (imageId !== "") return null;
  return `the Docker engine has no image '${image}'. Bring it there first: docker pull ${image}`;
}

function describeWordless({ container }: ContainerPlan, found: ServiceContainer | undefined): string | null {
  const { wordless = [] } = found ?? {};
  if (wordless.length === 0) return null;
  return (
    `container '${container}' has settings that a new one could not be given (${wordless.join(", ")} in ` +
    `'docker inspect'), and it would run without them. Take them away, or express them otherwise`
  );
}

function describeBesides(name: string): string {
  return (
    `container '${name}' has the name under which the service's own one is kept until the new one is verified, and is ` +
    `removed then. Give it another name: docker rename ${name} ${name}_kept`
  );
}
