import { randomBytes } from "node:crypto";

/** The stores of an OctoLLM, with the images that its own compose file takes. */
export const usualStores = {
  postgres: {
    container: "octollm-postgres",
    image: "postgres:15-alpine",
    volume: "octollm_postgres_data",
    path: "/var/lib/postgresql/data",
    containerPort: 5432,
    environment: ["POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"],
    // While the image makes a new cluster, its server listens on no address yet.
    healthcheck: ["CMD-SHELL", 'pg_isready -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"'],
  },
  redis: { container: "octollm-redis", image: "redis:7-alpine", volume: "octollm_redis_data", path: "/data" },
  qdrant: {
    container: "octollm-qdrant",
    image: "qdrant/qdrant:v1.7.4",
    volume: "octollm_qdrant_data",
    path: "/qdrant/storage",
  },
} as const;

export type StoreName = keyof typeof usualStores;

/** An `.env` to begin with, with a password of its own. */
export function newEnvironment(): string {
  return `# OctoLLM. Read by its containers and by 'octollm'; keep it to yourself.
POSTGRES_DB=octollm
POSTGRES_USER=octollm
POSTGRES_PASSWORD=${randomBytes(24).toString("hex")}
DATABASE_URL=postgresql://\${POSTGRES_USER}:\${POSTGRES_PASSWORD}@postgres:5432/\${POSTGRES_DB}
REDIS_URL=redis://redis:6379/0
QDRANT_URL=http://qdrant:6333
# The models' keys: OctoLLM serves without, and thinks only with one.
OPENAI_API_KEY=
ANTHROPIC_API_KEY=
`;
}
