// usage: node tests/exchanges.js FILE [--all] checks every reply that the integration tests got (tests/abacus.py writes them to FILE, one JSON object
// per line) against openapi.yaml. Requests may be wrong on purpose; replies may not. With --all it also fails if the document has an answer, which is a
// call, a status and a code, that none of them is.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ApiDocument } from "./api-document.js";

const SHOWN_MAX = 20;

// The path as a client of nginx writes it; null for what is not part of the API (pages, the operators' listeners).
export function publicPath(to, target) {
	const path = target.split("?")[0];
	const bare = path.replace(/^\/api(?=\/)/, "");
	if (to === "nginx" ? !/^\/(api|auth|users)(\/|$)/.test(path) : /^\/status(\/|$)/.test(path)) {
		return null;
	}
	return /^\/(user|values|healthcheck)(\/|$)/.test(bare) && (to !== "nginx" || path !== bare) ? `/api${bare}` : bare;
}

// The replies on the wire (RFC 9112), one after the other, without one that is cut off.
export function* answersOf(wire) {
	let rest = wire;
	for (;;) {
		const end = rest.indexOf("\r\n\r\n");
		const [first, ...lines] = rest.slice(0, Math.max(end, 0)).split("\r\n");
		const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
		if (end < 0 || !status) {
			return;
		}
		const headers = Object.fromEntries(lines.map((line) => [line.split(":")[0].toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
		const length = Number(headers["content-length"] ?? 0);
		yield { status, headers, body: rest.slice(end + 4, end + 4 + length) };
		rest = rest.slice(end + 4 + length);
	}
}

function* exchangesOf(record) {
	if (record.received === undefined) {
		yield record;
		return;
	}
	const [method, target] = record.sent.split("\r\n")[0].split(" ");
	for (const answer of answersOf(record.received)) {
		yield { ...answer, to: record.to, method, path: target ?? "" };
	}
}

// The answers of the document that were not seen.
export function unseenOf(api, seen) {
	return api.documentedAnswers().filter((one) => !seen.has(one));
}

async function main(file, wantsAll) {
	const api = new ApiDocument(fileURLToPath(new URL("../openapi.yaml", import.meta.url)));
	const start = performance.now();
	const seen = new Set();
	let passed = 0;
	let failed = 0;
	for await (const line of createInterface({ input: createReadStream(file) })) {
		for (const exchange of exchangesOf(JSON.parse(line))) {
			const path = publicPath(exchange.to, exchange.path);
			if (path === null) {
				continue;
			}
			const problems = api.problemsOf({ ...exchange, path });
			seen.add(api.answerOf({ ...exchange, path }));
			if (problems.length === 0) {
				passed++;
			} else if (++failed <= SHOWN_MAX) {
				console.log(`${exchange.method} ${exchange.path.slice(0, 200)} (${exchange.to}) ${exchange.status} ${exchange.body.slice(0, 200)}`);
				for (const problem of problems) {
					console.log(`    ${problem}`);
				}
			}
		}
	}
	const unseen = unseenOf(api, seen);
	console.log(unseen.length ? `documented answers that were not seen: ${unseen.join(", ")}` : "every documented answer was seen");
	console.log(`${passed} passed${failed ? `, ${failed} failed` : ""} in ${((performance.now() - start) / 1000).toFixed(1)}s`);
	process.exitCode = failed || !passed || (wantsAll && unseen.length) ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	await main(process.argv[2], process.argv[3] === "--all");
}
