// Development: an edit of the client's sources is on the open page at once. `scripts/stack dev-client` is started beside the running stack; with
// BASE_URL the client is that of a system in containers for development (docker-compose-dev.yml), behind nginx, as in the step "docker dev client".
// tests/docker/test_system.py tries that without a browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { base, direct, eventually, newPage, root } from "./stack.mjs";

const LIMIT_MS = 2000; // of the quickest of a few edits, because CI's machine does other work
const EDITS = 3;
const EMPTY_MS = 30; // how long an edit in two steps leaves the source empty
const TEXT = "Forgot your password?";
const source = resolve(root, "services/client/src/pages/log-in.tsx");
const original = readFileSync(source, "utf8");
const client = process.env.BASE_URL ? base : direct(3007);

const edit = (change) => writeFileSync(source, change(original));
const served = async () => (await fetch(`${client}/src/pages/log-in.tsx`)).text();
const isServed = (text) => eventually(async () => (await served()).includes(text), `Vite serves "${text}"`);

// A page that is opened afterwards is not reported that the source was put back.
async function putBack() {
	writeFileSync(source, original);
	await isServed(TEXT);
}

let server = null;
before(async () => {
	const stack = resolve(root, "scripts/stack");
	if (!process.env.BASE_URL) server = spawn("sh", [stack, "dev-client"], { stdio: ["ignore", "inherit", "inherit"] });
	await eventually(async () => (await fetch(`${client}/src/main.tsx`)).ok, "Vite answers", 60_000);
});
after(async () => {
	writeFileSync(source, original);
	server?.kill();
});

// The page to log in, with an email that is typed and would not outlive a reload. `page.reports` has the types of Vite's reports.
async function typed(t) {
	const page = await newPage(t);
	page.reports = [];
	page.on("websocket", (socket) =>
		socket.on("framereceived", ({ payload }) => socket.url().includes("/@vite/hmr") && page.reports.push(JSON.parse(payload).type)),
	);
	await page.goto(`${client}/login`);
	await page.getByText(TEXT).waitFor({ timeout: 60_000 }); // the first page waits until the libraries are prepared
	await page.getByLabel("Email").fill("typed@abacus.test");
	await eventually(() => page.reports.includes("connected"), "Vite's WebSocket is open");
	return page;
}

async function isNotReloaded(page) {
	assert.equal(await page.getByLabel("Email").inputValue(), "typed@abacus.test");
	assert.ok(page.reports.includes("update") && !page.reports.includes("full-reload"), `Vite reported ${page.reports}`);
}

test(`an edit is on the open page within ${LIMIT_MS} ms, without a reload`, async (t) => {
	const page = await typed(t);
	const times = [];
	for (let n = 1; n <= EDITS; n++) {
		edit((text) => text.replace(TEXT, `Edit ${n}`));
		const start = Date.now();
		await page.getByText(`Edit ${n}`).waitFor();
		times.push(Date.now() - start);
		assert.match(await served(), new RegExp(`Edit ${n}`));
	}
	t.diagnostic(`edits were shown after ${times.join(", ")} ms`);
	await isNotReloaded(page);
	assert.ok(Math.min(...times) < LIMIT_MS, `the quickest of ${times} ms`);
	assert.deepEqual(page.complaints, []); // of the content security policy, say
});

// Vite does not look at types: an editor does, and `npm run build`, which CI runs.
test("a type error stops no page, and the next edit is shown", async (t) => {
	await putBack();
	const page = await typed(t);
	edit((text) => `${text.replace(TEXT, "With an error")}\nconst wrong: number = "text";\nvoid wrong;\n`);
	await page.getByText("With an error").waitFor();
	assert.equal((await fetch(`${client}/`)).status, 200);
	await putBack();
	await page.getByText(TEXT).waitFor();
	await isNotReloaded(page);
});

test("a syntax error is shown on the page, which goes on when it is repaired", async (t) => {
	await putBack();
	const page = await typed(t);
	edit((text) => text.replace("return (", "return (("));
	await page.locator("vite-error-overlay").getByText("log-in.tsx").first().waitFor();
	assert.equal((await fetch(`${client}/`)).status, 200);
	await putBack();
	await page.locator("vite-error-overlay").waitFor({ state: "detached" });
	await isNotReloaded(page);
});

test("a source that an editor empties before it writes it is served whole, even if it was fetched in between", async () => {
	await putBack();
	for (let n = 1; n <= EDITS; n++) {
		const file = openSync(source, "w"); // which empties it
		const end = Date.now() + EMPTY_MS;
		let whole = true;
		while (whole && Date.now() < end) whole = (await served()).includes("LogIn");
		writeSync(file, original.replace(TEXT, `Written ${n}`));
		closeSync(file);
		await isServed(`Written ${n}`);
	}
});
