import type { Plan } from "../plan";
import type { Refusal } from "../refusals";
import type { World } from "../world";

/** Volumes that the backup is to hold and cannot. */
export function judgeVolumes({ backup }: Plan, { volumes = [] }: World): Refusal[] {
  if (!backup.required) return [];
  return volumes.flatMap(({ name, containers, isDatabase }) => {
    const text =
      containers === null
        ? `the Docker engine has no volume '${name}'. Look at 'docker volume ls', and correct the name`
        : containers.length === 0
          ? `no container has volume '${name}', and one is needed to read it. Start its store once, or leave the volume out`
          : isDatabase
            ? `'${name}' is the database's own volume, whose container cannot be stopped meanwhile: its dump is its backup. Leave it out`
            : null;
    return text === null ? [] : [{ path: "octollm:docker.archiveVolumes", text }];
  });
}
