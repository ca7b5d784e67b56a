// The running stack for the browser tests: its addresses, the supervisor of its services, and one Chromium for each test file.
// The variables of scripts/stack say where it runs: RUN_DIR PORT PORT_OFFSET INSTANCES.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, resolve } from "node:path";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const runDir = resolve(root, process.env.RUN_DIR ?? ".run");
const offset = Number(process.env.PORT_OFFSET ?? 0);

export const instances = Number(process.env.INSTANCES ?? 1);
// Through nginx, or of a system elsewhere (anywhere.test.mjs).
export const base = (process.env.BASE_URL || `http://127.0.0.1:${process.env.PORT ?? 8080}`).replace(/\/$/, "");
export const direct = (port) => `http://127.0.0.1:${port + offset}`; // to a service itself; PORT is its documented port
export const secret = (name) => readFileSync(resolve(runDir, "secrets", name), "utf8");
export const clientFile = (name) => resolve(runDir, "share/client", name); // that nginx serves
// The text of each message that mailer has written, the newest last.
export function messages() {
	const folder = resolve(runDir, "mail");
	const names = readdirSync(folder).filter((name) => name.endsWith(".eml"));
	return names.sort().map((name) => readFileSync(resolve(folder, name), "utf8").replaceAll("=\r\n", ""));
}
export const artifact = (name) => resolve(root, "artifacts", name);
mkdirSync(resolve(root, "artifacts"), { recursive: true });

// ---- the services: "values", "values-2", "nginx", ... ----

const service = (name) => resolve(runDir, "service", name);
const sv = async (command, name) => (await promisify(execFile)("sv", [command, service(name)])).stdout;

// The instances of a service: ["values", "values-2"].
export const allOf = (name) => [name, `${name}-2`].filter((each) => existsSync(service(each)));

// Polls by itself, because sv would look only every 0.4 s.
async function bring(name, command, isThere) {
	await sv(command, name);
	await eventually(async () => isThere(await sv("status", name)), `${name} is ${command}`);
}
// Returns when the process has ended.
export const stop = (name) => bring(name, "down", (said) => said.startsWith("down:") && !said.includes("want up"));
// Returns when the process runs, which is before it is ready.
export const start = (name) => bring(name, "up", (said) => said.startsWith("run:"));
// Its supervisor restarts it.
export const kill = (name, signal = "SIGKILL") =>
	process.kill(Number(readFileSync(resolve(service(name), "supervise/pid"), "utf8")), signal);

// Polls until check() returns something truthy, and returns that. An exception of check() counts as "not yet".
export async function eventually(check, what, limitMs = 15_000) {
	for (const end = Date.now() + limitMs; ; await pause(20)) {
		const seen = await Promise.resolve()
			.then(check)
			.catch(() => false);
		if (seen) return seen;
		if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
	}
}

export const answers = (url) => eventually(async () => (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok, `${url} answers`);

// A users daemon of its own beside the stack's, ended with the test: with the given variables, on the stack's Postgres and Redis. Returns its address.
export async function usersWith(t, variables) {
	const [port, adminPort] = [await freePort(), await freePort()];
	const at = `http://127.0.0.1:${port}`;
	const file = (name) => resolve(runDir, "secrets", name);
	const daemon = spawn(resolve(runDir, "bin/users"), [], {
		stdio: "ignore",
		env: {
			...Object.fromEntries(["PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS"].map((name) => [name, process.env[name]])),
			APP_ENV: "testing",
			HTTP_HOST: "127.0.0.1",
			PORT: port,
			ADMIN_PORT: adminPort,
			SECRET_KEY_FILE: file("SECRET_KEY"),
			REDIS_URL_FILE: file("redis.url"),
			DATABASE_URL_FILE: file("users.url"),
			PUBLIC_URL: base,
			...variables,
		},
	});
	const ended = once(daemon, "exit");
	t.after(() => daemon.kill() && ended);
	await answers(`http://127.0.0.1:${adminPort}/readyz`);
	return at;
}

async function freePort() {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address();
	server.close();
	await once(server, "close");
	return port;
}

// A statement on a service's database.
export const psql = (database, sql) =>
	promisify(execFile)("sh", [resolve(root, "scripts/stack"), "psql", database, "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql]);

// ---- the browser ----

let browser = null;
after(() => browser?.close());

async function launched() {
	browser ??= await chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: [
			"--no-sandbox",
			"--disable-gpu",
			"--disable-quic",
			"--no-first-run",
			"--disable-background-networking",
			"--disable-component-update",
			"--disable-sync",
		],
	});
	return browser;
}

// A page in a profile of its own, closed when the test ends. `page.complaints` collects the errors and warnings of the browser's console.
export async function newPage(t, options = {}) {
	const context = await (await launched()).newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
	t.after(async () => {
		for (const page of context.pages()) await page.unrouteAll({ behavior: "ignoreErrors" }); // a reply that a test gives may be under way
		await context.close();
	});
	const page = await context.newPage();
	page.setDefaultTimeout(15_000);
	page.complaints = [];
	page.on(
		"console",
		(message) => ["error", "warning"].includes(message.type()) && page.complaints.push(`${message.text()} ${message.location().url}`),
	);
	page.on("pageerror", (error) => page.complaints.push(String(error)));
	return page;
}

let blank = null;

// An empty page, for what only a browser can compute.
export async function blankPage() {
	blank ??= await (await launched()).newPage();
	return blank;
}

// The violations that axe finds on the page at this moment; a test expects [].
export async function violations(page) {
	const { violations } = await new AxeBuilder({ page }).analyze();
	return violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

// What sticks out of the elements that SELECTOR names, and what ends in an ellipsis.
export const misplaced = (page, selector) =>
	page.evaluate((selector) => {
		const found = [];
		const isOnlyRead = (node) => node && (getComputedStyle(node).clipPath !== "none" || isOnlyRead(node.parentElement)); // by screen readers
		for (const sheet of document.querySelectorAll(selector)) {
			const outer = sheet.getBoundingClientRect();
			for (const node of sheet.querySelectorAll("*")) {
				if (!(node instanceof HTMLElement) || isOnlyRead(node)) continue; // a curve may end outside of its graph, which cuts it off
				const { left, right, width } = node.getBoundingClientRect();
				const style = getComputedStyle(node);
				if (width > 1 && style.position !== "absolute" && (left < outer.left - 1 || right > outer.right + 1))
					found.push(`${node.tagName} ${node.className} leaves its card`);
				if (style.textOverflow === "ellipsis" && node.scrollWidth > node.clientWidth) found.push(`${node.className} is cut off`);
			}
		}
		return found;
	}, selector);

// How far the page can be scrolled sideways, in pixels.
export const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
