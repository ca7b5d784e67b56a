import { defineConfig } from "@hey-api/openapi-ts";

// OUTPUT: where scripts/check-generated.mjs has a second copy made, to compare.
export default defineConfig({
	input: "../swagger/openapi.yaml",
	output: process.env.OUTPUT ?? "src/api/generated",
	plugins: ["@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"],
});
