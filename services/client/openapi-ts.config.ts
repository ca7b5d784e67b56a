import { defineConfig } from "@hey-api/openapi-ts";

// scripts/check-generated.mjs sets OUTPUT to get a second copy for comparison.
export default defineConfig({
	input: "../swagger/openapi.yaml",
	output: process.env.OUTPUT ?? "src/api/generated",
	plugins: ["@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"],
});
