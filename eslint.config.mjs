import js from "@eslint/js";
import importSort from "eslint-plugin-simple-import-sort";
import tseslint from "typescript-eslint";

const seams = (message, ...group) => ["error", { patterns: [{ group, message }] }];

export default tseslint.config(
  { ignores: ["node_modules/", ".octollm-tour/", ".cache/"] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { "simple-import-sort": importSort },
    rules: {
      "simple-import-sort/imports": "error",
      "no-console": "error",
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/no-floating-promises": "error",
    },
  },
  {
    files: ["planner/**", "releases/**", "environment/**", "codemod/**", "report/**", "notify/**", "compose/**"],
    rules: {
      "no-restricted-imports": seams("Pure: no Pulumi, no database, no Docker.", "@pulumi/*", "pg", "dockerode"),
    },
  },
  {
    files: ["postgres/**", "backup/**", "runtimes/**", "alembic/**", "migrate/**", "rehearsal/**"],
    rules: { "no-restricted-imports": seams("This room does not know Pulumi.", "@pulumi/*") },
  },
  {
    files: ["tests/**"],
    rules: { "max-lines-per-function": "off", "@typescript-eslint/no-unused-expressions": "off" },
  },
  {
    files: ["**/*.cjs", "bin/*", "provider/pulumi-resource-upgrade"],
    languageOptions: {
      sourceType: "commonjs",
      globals: { require: "readonly", module: "writable", process: "readonly", __dirname: "readonly" },
    },
  },
);
