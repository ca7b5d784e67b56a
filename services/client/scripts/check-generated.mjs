// Fails when src/api/generated differs from what `npm run generate` makes of services/swagger/openapi.yaml.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const fresh = ".generated-check";
const committed = "src/api/generated";

function files(root) {
	return readdirSync(root, { recursive: true })
		.filter((name) => statSync(join(root, name)).isFile())
		.sort();
}

try {
	execFileSync("npx", ["--no-install", "openapi-ts"], { env: { ...process.env, OUTPUT: fresh }, stdio: ["ignore", "ignore", "inherit"] });
	const names = [...new Set([...files(fresh), ...files(committed)])];
	const read = (root, name) => (statSync(join(root, name), { throwIfNoEntry: false }) ? readFileSync(join(root, name), "utf8") : null);
	const stale = names.filter((name) => read(fresh, name) !== read(committed, name));
	if (stale.length > 0) {
		console.error(`${committed} does not match ../swagger/openapi.yaml: ${stale.join(", ")}\nrun: npm run generate`);
		process.exitCode = 1;
	}
} finally {
	rmSync(fresh, { recursive: true, force: true });
}
