// The routes of the services (`manage routes`) and those of the document are the same.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ApiDocument } from "./api-document.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const build = resolve(root, process.env.BUILD ?? "build");
const api = new ApiDocument(fileURLToPath(new URL("../openapi.yaml", import.meta.url)));

const SERVICES = { users: /^\/(auth|users|api\/user)(\/|$)/, values: /^\/api\/values(\/|$)/, healthcheck: /^\/api\/healthcheck(\/|$)/ };

function routesOf(service) {
	const env = { HEALTHCHECK_TARGETS: "none=http://127.0.0.1:9", ...process.env }; // all configuration must be sound, also for this
	const lines = execFileSync(`${build}/bin/${service}-manage`, ["routes"], { env, encoding: "utf8" }).trim().split("\n");
	return lines
		.map((line) => line.split(/\s+/))
		.map(([method, path, access]) => `${method} ${path.replace(/^\/(user|values|healthcheck)(?=\/|$)/, "/api/$1")} ${access}`)
		.filter((route) => SERVICES[service].test(route.split(" ")[1])); // pages have no place in the document
}

for (const [service, paths] of Object.entries(SERVICES)) {
	test(`the document has every route of ${service} and no other`, () => {
		const documented = api.operations.filter((operation) => paths.test(operation.path));
		assert.deepEqual(
			documented.map((one) => `${one.method} ${one.path} ${one.isOpen ? "open" : "token"}`).sort(),
			routesOf(service).sort(),
		);
	});
}

test("every path of the document belongs to a service", () => {
	const others = api.operations.filter((operation) => !Object.values(SERVICES).some((paths) => paths.test(operation.path)));
	assert.deepEqual(
		others.map((one) => one.path),
		[],
	);
});
