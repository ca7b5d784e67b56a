// What the product is about: a number at once on the front page, and a result of half a million digits to read.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { artifact, base, eventually, misplaced, newPage, sideways, violations } from "./stack.mjs";

const LARGE = { kind: "factorial", index: 100_000, digits: 456_574 };
const LARGE_PATH = `/values/${LARGE.kind}/${LARGE.index}`;
const CARDS = ".sheet";
const LATE_MS = 700;

let token = "";

async function call(method, path, { body, accept = "application/json", isStranger = false } = {}) {
	const headers = { Accept: accept, ...(body ? { "Content-Type": "application/json" } : {}) };
	if (!isStranger) headers.Authorization = `Bearer ${token}`;
	return fetch(`${base}${path}`, { method, headers, body: body && JSON.stringify(body) });
}

// Submits it, and returns all of its digits.
async function digitsOf({ kind, index }, isStranger = false) {
	assert.equal((await call("POST", "/api/values", { body: { kind, index }, isStranger })).status, 200);
	return eventually(async () => {
		const response = await call("GET", `/api/values/${kind}/${index}`, { accept: "text/plain", isStranger });
		return response.status === 200 && response.text();
	}, `${kind} ${index} is calculated`);
}

before(async () => {
	const name = `numbers${process.pid}x${Date.now()}`;
	const body = { username: name, email: `${name}@example.com`, password: "seven brass beads" };
	token = (await (await call("POST", "/auth/register", { body, isStranger: true })).json()).auth_token;
	await digitsOf({ kind: "factorial", index: 52 }, true);
});

async function open(t, path, { isStranger = false, ...options } = {}) {
	const page = await newPage(t, options);
	if (!isStranger) await page.addInitScript((token) => sessionStorage.setItem("abacus.token", token), token);
	await page.goto(`${base}${path}`);
	return page;
}

const h1 = (page, text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();
const reads = (page, digits) =>
	eventually(async () => (await page.locator(".stage:not([data-old]) .big").textContent()) === digits, `it reads ${digits}`);
const rows = (page) =>
	page.locator(".digits-all .digits-row").evaluateAll((all) => all.map((row) => ({ at: row.dataset.at, text: row.textContent })));
const ready = (page) => page.locator(".digits-all .digits-row").first().waitFor();

function factorial(n) {
	let product = 1n;
	for (let i = 2n; i <= n; i++) product *= i;
	return `${product}`;
}

// Where TEXT stands in WHOLE, also where two of them overlap.
function placesOf(whole, text) {
	const places = [];
	for (let at = whole.indexOf(text); at >= 0; at = whole.indexOf(text, at + 1)) places.push(at);
	return places;
}

// ---- the front page ----

test("a stranger sees a number at once, steps it, types it, and reads all of it on its own page", async (t) => {
	const page = await open(t, "/", { isStranger: true });
	await reads(page, factorial(52));
	await page.getByRole("button", { name: "One more" }).click();
	await reads(page, factorial(53));
	const index = page.getByLabel("Index", { exact: true });
	await index.press("ArrowDown");
	await reads(page, factorial(52));
	await index.fill("200");
	await page.getByText("Index 200 is 200!: 375 digits.").waitFor();
	const shown = await eventually(async () => {
		const text = await page.locator(".stage:not([data-old]) .big").textContent();
		return text.includes("…") && text;
	}, "the ends of 200! are there");
	const [first, last] = shown.split("…");
	assert.ok(factorial(200).startsWith(first) && factorial(200).endsWith(last));
	await page.locator("[name=kind][value=fibonacci]").check({ force: true });
	await index.fill("40");
	await page.getByText("Index 40 is F(41): 9 digits.").waitFor();
	await reads(page, "165580141");
	await page.getByRole("button", { name: /^70! / }).click();
	await reads(page, factorial(70));
	await page.getByRole("link", { name: "Look inside" }).click();
	await page.waitForURL(`${base}/values/factorial/70`);
	await h1(page, "Factorial 70");
	await ready(page);
	assert.equal((await rows(page)).map(({ text }) => text).join(""), factorial(70));
	await page.goBack();
	await h1(page, "Large numbers, the moment they are known");
	await page.goForward();
	await h1(page, "Factorial 70");
	const main = page.getByRole("main");
	await page.goto(base);
	assert.deepEqual(await main.locator(".welcome-doors a").allTextContents(), ["Register", "Log in"]);
});

test("what a stranger may not calculate is said, with the way to it", async (t) => {
	const page = await open(t, "/", { isStranger: true });
	await reads(page, factorial(52));
	await page.getByLabel("Index", { exact: true }).fill("1,001");
	await page.getByText("Register to go beyond 1,000.").waitFor();
	assert.deepEqual(await violations(page), []);
	await page.goto(`${base}/values/factorial/1001`);
	await page.getByText("1,001! has about 2,571 digits. Log in to see them.").waitFor();
	assert.deepEqual(await violations(page), []);
	assert.deepEqual(page.complaints, []);
});

test("nothing moves while the numbers of the front page change, however late they arrive", async (t) => {
	const page = await newPage(t);
	await page.addInitScript(() => {
		window.shifts = 0;
		window.moved = [];
		new PerformanceObserver((list) => {
			for (const entry of list.getEntries()) {
				if (entry.hadRecentInput) continue;
				window.shifts += entry.value;
				window.moved.push(...entry.sources.map(({ node }) => node?.className ?? node?.parentElement?.className));
			}
		}).observe({ type: "layout-shift", buffered: true });
	});
	let answer;
	let mayAnswer = Promise.resolve();
	await page.route("**/api/values/*/*", async (route) => {
		await mayAnswer;
		await route.continue();
	});
	await page.goto(base);
	await reads(page, factorial(52));
	const height = () => page.locator(".stage").evaluate((node) => node.getBoundingClientRect().height);
	const before = await height();
	for (const [name, formula] of [
		[/^F\(12\) /, "F(12)"],
		[/^L\(353\) /, "L(353)"],
		[/^1,000! /, "1,000!"],
	]) {
		mayAnswer = new Promise((resolve) => {
			answer = resolve;
		});
		await page.getByRole("button", { name }).click();
		await page.locator(".stage-formula b", { hasText: formula }).waitFor();
		await page.locator(".stage[data-old]").waitFor();
		await pause(LATE_MS); // half a second after a click, a browser does not put a shift down to the click any more
		answer();
		await page.locator(".stage:not([data-old]) .big").waitFor();
	}
	assert.equal(await height(), before);
	const [shifts, moved] = await page.evaluate(() => [window.shifts, window.moved]);
	assert.ok(shifts <= 0.02, `shifts of ${shifts}: ${moved}`);
});

// ---- a result of half a million digits ----

test("half a million digits scroll smoothly, and each of them is where it belongs", async (t) => {
	const whole = await digitsOf(LARGE);
	const page = await open(t, LARGE_PATH);
	await h1(page, "Factorial 100,000");
	await ready(page);
	assert.equal(whole.length, LARGE.digits);
	await page.getByText("456,574 digits").first().waitFor();
	const list = page.locator(".digits");
	const frames = await list.evaluate(async (node) => {
		const times = [];
		for (let i = 0; i < 60; i++) {
			const before = performance.now();
			node.scrollTop += node.scrollHeight / 60;
			await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
			times.push(performance.now() - before);
		}
		return times.sort((a, b) => a - b);
	});
	t.diagnostic(`a jump of 1/60 of the list is drawn within ${frames[30].toFixed(1)} ms (median), ${frames[59].toFixed(1)} ms at most`);
	for (const part of [0, 0.25, 0.5, 0.777, 1]) {
		await list.evaluate((node, part) => (node.scrollTop = part * node.scrollHeight), part);
		const inView = () =>
			list.evaluate((node) => {
				const { top, bottom } = node.getBoundingClientRect();
				const all = [...node.querySelectorAll(".digits-all .digits-row")];
				const seen = all.filter((row) => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom);
				const room = Math.floor(node.clientHeight / all[0].getBoundingClientRect().height);
				return seen.length >= room && seen.map((row) => ({ at: row.dataset.at, text: row.textContent }));
			});
		const seen = await eventually(inView, `the list is full of rows at ${part}`);
		for (const { at, text } of seen) {
			const start = Number(at.replaceAll(",", "")) - 1;
			assert.equal(text, whole.slice(start, start + text.length), `the row at digit ${at}`);
		}
		if (part === 1) assert.ok(whole.endsWith(seen.at(-1).text));
	}
	assert.ok((await rows(page)).length < 120, "only the rows near the view are in the document");
	assert.deepEqual(page.complaints, []);
});

test("digits are found and jumped to, also with the keyboard, and the address leads back and forward", async (t) => {
	const whole = await digitsOf(LARGE);
	const page = await open(t, LARGE_PATH);
	await ready(page);
	const needle = whole.slice(300_000, 300_007);
	const places = placesOf(whole, needle);
	const find = page.getByLabel("Find digits");
	const current = async () => (await page.locator(".digits mark.is-current").allTextContents()).join("");
	await find.fill(needle);
	await page.getByText(`1 of ${places.length}, at digit ${(places[0] + 1).toLocaleString("en")}`).waitFor();
	await eventually(async () => (await current()) === needle, "the match is marked and in the document");
	assert.ok(await page.locator(".digits mark.is-current").first().isVisible());
	const zeros = "0".repeat(24); // 100,000! ends in 24,999 of them
	const count = placesOf(whole, zeros).length;
	await find.fill(zeros);
	await page.getByText(`1 of ${count.toLocaleString("en")}, at digit `).waitFor();
	await find.press("Shift+Enter");
	await page.getByText(`, at digit ${(LARGE.digits - 23).toLocaleString("en")}`).waitFor();
	await eventually(() => page.locator(".digits mark.is-current").first().isVisible(), "the last match is in view");
	await page.screenshot({ path: artifact("client-found.png") });
	await find.fill("");
	await page.getByLabel("Go to digit").fill("400,000");
	await page.getByLabel("Go to digit").press("Enter");
	await eventually(async () => (await current()) === whole[399_999], "the digit is marked");
	assert.deepEqual(await violations(page), []);
	await page.getByRole("link", { name: "Factorial 99,999", exact: true }).click();
	await h1(page, "Factorial 99,999");
	await page.goBack();
	await h1(page, "Factorial 100,000");
	await ready(page);
});

test("the spaces between groups are not copied, and everything is by its buttons", async (t) => {
	const page = await open(t, "/values/factorial/52", { permissions: ["clipboard-read", "clipboard-write"] });
	const whole = factorial(52);
	await ready(page);
	const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
	await page.evaluate(() => {
		getSelection().selectAllChildren(document.querySelector(".digits-all"));
		document.execCommand("copy");
	});
	assert.equal(await clipboard(), whole);
	await page.getByRole("button", { name: "Copy in groups" }).click();
	await eventually(async () => (await clipboard()) === BigInt(whole).toLocaleString("en").replaceAll(",", " "), "it is copied in groups");
	await page.getByRole("button", { name: "Copy", exact: true }).click();
	await eventually(async () => (await clipboard()) === whole, "it is copied plain");
	const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
	assert.equal(readFileSync(await download.path(), "utf8"), whole);
});

test("from neighbour to neighbour and back leads to the list at once", async (t) => {
	for (const index of [88, 89, 90]) await digitsOf({ kind: "lucas", index });
	const page = await open(t, "/");
	await page.getByRole("link", { name: "Lucas 90, the whole result" }).first().click();
	for (const index of [89, 88]) {
		await page.getByRole("link", { name: `Lucas ${index}`, exact: true }).click();
		await h1(page, `Lucas ${index}`);
	}
	await page.getByRole("button", { name: "Your values" }).click();
	await h1(page, "Your values");
	await page.goForward();
	await h1(page, "Lucas 90");
});

// ---- the list ----

test("the list is filtered and searched in the address, which can be gone back to, and a row is deleted by its menu", async (t) => {
	for (const [kind, index] of [
		["primorial", 30],
		["primorial", 31],
		["primorial", 30],
		["fibonacci", 30],
	])
		await digitsOf({ kind, index });
	const page = await open(t, "/");
	const row = (name) => page.locator(".value-name").filter({ hasText: name });
	await row("Fibonacci 30").waitFor();
	await row("Primorial 30 2 ×").waitFor();
	await page.getByRole("combobox", { name: "Kind" }).selectOption("primorial");
	await page.waitForURL(`${base}/?kind=primorial`);
	await row("Fibonacci 30").waitFor({ state: "detached" });
	await page.getByRole("searchbox", { name: "Search by index" }).fill("30");
	await page.waitForURL(`${base}/?kind=primorial&index=30`);
	await row("Primorial 31").waitFor({ state: "detached" });
	await page.reload();
	await row("Primorial 30 2 ×").waitFor();
	await page.goBack();
	await row("Fibonacci 30").waitFor();
	await page.goForward();
	await row("Fibonacci 30").waitFor({ state: "detached" });
	await page.getByRole("button", { name: "More about Primorial 30" }).click();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-list-menu.png") });
	await page.getByRole("button", { name: "Delete all 2" }).click();
	await page.getByText("None of your values is like that.").waitFor();
	await page.getByRole("link", { name: "Show all" }).click();
	await row("Primorial 31").waitFor();
	assert.equal(await row(/^Primorial 30/).count(), 0);
	assert.deepEqual(page.complaints, []);
});

// ---- how it looks ----

// client.test.mjs looks at every page in both colour schemes, on a phone, at 320 px, with large text and with forced colours; here is what it has not.
test("a stranger's front page and half a million digits on a phone in the dark: axe finds nothing, and nothing leaves its card", async (t) => {
	await digitsOf(LARGE);
	const options = { viewport: { width: 390, height: 844 }, colorScheme: "dark" };
	for (const [what, path, isStranger, isThere] of [
		["front", "/", true, (page) => reads(page, factorial(52))],
		["result", LARGE_PATH, false, ready],
	]) {
		const page = await open(t, path, { ...options, isStranger });
		await isThere(page);
		await page.evaluate(() => document.fonts.ready);
		assert.deepEqual(await violations(page), [], what);
		assert.deepEqual(await misplaced(page, CARDS), [], what);
		assert.ok((await sideways(page)) <= 0, `${what} scrolls sideways`);
		await page.screenshot({ path: artifact(`numbers-${what}-390-dark.png`), fullPage: true });
	}
});
