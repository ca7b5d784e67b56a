// How quick the pages feel. How long anything takes depends on what else the machine does, so a page is compared with one that has nothing to do, in
// the same browser at the same time; the times themselves are printed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { giveReplies, manyValues, success, USER } from "./replies.mjs";
import { base, eventually, newPage } from "./stack.mjs";

const ROUNDS = 5;
const AS_LONG_AS = 30; // Home may take so many times as long as a page of one heading; it takes about ten times as long
const SHIFTS_AT_MOST = 0.02;
const ROWS = 10_000;
const ROWS_IN_DOCUMENT = 100; // at most
const INTERACTION_WITHIN_MS = 100;
const SLOWER = 2; // than with ten rows it may be, where the machine is so busy that it takes longer than that with ten too

const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];

// Runs in the browser, before the page: collects what the browser measures.
function observe() {
	window.measured = { largestMs: 0, shifts: 0, interactionMs: 0 };
	const collect = (type, take, options = {}) =>
		new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...options });
	collect("largest-contentful-paint", ({ startTime }) => {
		measured.largestMs = startTime;
	});
	collect("layout-shift", ({ value, hadRecentInput }) => {
		measured.shifts += hadRecentInput ? 0 : value;
	});
	const keepLongest = ({ interactionId, duration }) => {
		if (interactionId) measured.interactionMs = Math.max(measured.interactionMs, duration);
	};
	collect("event", keepLongest, { durationThreshold: 16 });
}

// Opens PATH as a new visitor: {firstMs, largestMs, shifts}.
async function visit(t, path) {
	const page = await newPage(t);
	await page.addInitScript(observe);
	await giveReplies(page, { isTimed: true });
	await page.route("**/plain", (route) =>
		route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Plain</title><h1>Plain</h1>" }),
	);
	await page.goto(`${base}${path}`);
	await page.locator("h1").waitFor();
	await page.waitForLoadState("networkidle");
	const firstMs = await eventually(
		() => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime),
		"it is painted",
	);
	const measured = { firstMs, ...(await page.evaluate(() => window.measured)) };
	await page.close();
	return measured;
}

test("a new visitor sees the heading of Home soon, and nothing of the page moves afterwards", async (t) => {
	const visits = { "/plain": [], "/": [] };
	for (let i = 0; i < ROUNDS; i++) for (const path of Object.keys(visits)) visits[path].push(await visit(t, path));
	const [plain, home] = Object.values(visits).map((all) => median(all.map(({ firstMs }) => firstMs)));
	const largest = median(visits["/"].map(({ largestMs }) => largestMs));
	const shifts = Math.max(...visits["/"].map(({ shifts }) => shifts));
	t.diagnostic(`first contentful paint, which has the heading: ${Math.round(home)} ms; of a plain page: ${Math.round(plain)} ms`);
	t.diagnostic(`largest contentful paint: ${Math.round(largest)} ms; layout shifts: ${shifts.toFixed(4)}`);
	assert.ok(home <= AS_LONG_AS * plain, `${home} ms are more than ${AS_LONG_AS} times ${plain} ms`);
	assert.ok(shifts <= SHIFTS_AT_MOST, `layout shifts of ${shifts}`);
});

// The longest interaction beside a list of COUNT values, in ms.
async function use(t, count) {
	const page = await newPage(t);
	await page.addInitScript(observe);
	await giveReplies(page, { who: USER, isTimed: true, changed: { "GET /api/values": success({ values: manyValues(count) }) } });
	await page.goto(base);
	await page.locator(`.value[aria-setsize="${count}"]`).first().waitFor();
	await page.locator(".plot canvas").waitFor();
	await page.evaluate(() => {
		window.measured.interactionMs = 0;
	});
	await page.getByLabel("Index", { exact: true }).pressSequentially("1234");
	await page.locator("[name=kind][value=lucas]").check({ force: true });
	await page.locator(".value a").first().focus();
	for (const key of ["j", "j", "k"]) await page.keyboard.press(key);
	await page.locator(".value .menu-button").nth(7).click();
	await page.getByText("As a table").click();
	await page.getByRole("searchbox", { name: "Search by index" }).pressSequentially("12");
	await page.waitForURL(/index=12/);
	const longest = await eventually(() => page.evaluate(() => window.measured.interactionMs), "an interaction was measured");
	assert.ok((await page.locator(".value").count()) <= ROWS_IN_DOCUMENT, "the rows that are not seen are not in the document");
	await page.close();
	return longest;
}

test("typing, choosing and moving take no longer beside a list of 10,000 values, and how long they take is printed", async (t) => {
	const tries = [];
	let isQuick = false;
	while (!isQuick && tries.length < 4) {
		const [few, many] = [await use(t, 10), await use(t, ROWS)]; // other processes slow it down at times
		tries.push(`${many} ms with ${ROWS} rows, ${few} ms with 10`);
		isQuick = many <= Math.max(INTERACTION_WITHIN_MS, SLOWER * few);
	}
	t.diagnostic(`the longest interaction: ${tries.at(-1)}`);
	assert.ok(isQuick, `the longest interaction: ${tries.join("; ")}`);
});
