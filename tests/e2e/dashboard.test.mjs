// The operators' page, on a stack whose services are stopped and started beneath it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { all_of, answers, artifact, base, direct, eventually, instances, kill, new_page, sideways, start, stop, violations } from "./stack.mjs";

const own_port = direct(5003);
const seen_within_ms = 3000;

// Whatever a test has stopped runs again for the next one.
async function bring_up() {
	for (const name of ["nginx", ...all_of("healthcheck"), ...all_of("values")]) await start(name);
	await answers(`${base}/api/healthcheck`);
	await eventually(async () => (await (await fetch(`${base}/api/healthcheck`)).json()).data.summary.startsWith("All "), "all instances are up", 30_000);
}
after(bring_up);

async function open(t, options = {}) {
	await bring_up();
	const page = await new_page(t, options);
	await (options.before?.(page) ?? null);
	await page.goto(`${options.at ?? base}/status/`);
	if (!options.before) await headline(page, /^All \d+ instances up$/);
	return page;
}

const headline = (page, words, timeout = 15_000) => page.locator("#headline").filter({ hasText: words }).waitFor({ timeout });
const card = (page, name) => page.locator(".services .card").filter({ has: page.getByRole("heading", { name, exact: true }) });
const word_of = (page, name) => card(page, name).locator(".word").innerText();

test("a healthy system is one calm line, a card for each instance, and no complaint in the console", async (t) => {
	const page = await open(t);
	await page.locator("#feed[data-feed=stream]").waitFor();
	assert.match(await page.title(), /^All \d+ instances up/);
	const told = (await (await fetch(`${base}/api/healthcheck`)).json()).data;
	assert.equal(await page.locator(".services .card").count(), told.services.length);
	assert.equal(await page.locator(".services .card[data-status=up]").count(), told.services.length);
	for (const name of ["Queue", "Postgres", "Redis", "nginx"]) await page.getByRole("heading", { name, exact: true }).waitFor();
	for (const name of ["users", "values", "worker"])
		for (let i = 1; i <= instances; i++) assert.equal(await word_of(page, `${name}-${i}`), "up");
	await page.locator("#services .spark[aria-label*='at most']").first().waitFor({ state: "attached" });
	await page.screenshot({ path: artifact("dashboard-healthy.png"), fullPage: true });
	assert.deepEqual(page.complaints, []);
});

for (const scheme of ["light", "dark"])
	test(`axe finds nothing (${scheme})`, async (t) => {
		const page = await open(t, { colorScheme: scheme });
		assert.deepEqual(await violations(page), []);
		await page.screenshot({ path: artifact(`dashboard-${scheme}.png`), fullPage: true });
	});

test("a phone of 360 px shows it without moving sideways", async (t) => {
	const page = await open(t, { viewport: { width: 360, height: 740 } });
	assert.equal(await sideways(page), 0);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-phone.png"), fullPage: true });
});

test("nothing jumps while the figures change", async (t) => {
	const page = await open(t, {
		before: (page) =>
			page.addInitScript(() => {
				window.shifts = 0;
				new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shifts += entry.value))).observe({ type: "layout-shift", buffered: true });
			}),
	});
	await headline(page, /^All \d+ instances up$/);
	const before = await page.evaluate(() => window.shifts); // filling an empty page is another matter
	const times = new Set();
	await eventually(async () => times.add(await page.locator("#feed-text").innerText()).size > 3, "three rounds are shown");
	const shifts = (await page.evaluate(() => window.shifts)) - before;
	assert.ok(shifts < 0.01, `layout shifts: ${shifts}, and ${before} before`);
});

test("the keyboard chooses what the graphs show", async (t) => {
	const page = await open(t);
	await page.keyboard.press("Tab");
	assert.equal(await page.evaluate(() => document.activeElement.value), "response_ms");
	assert.notEqual(await page.locator(".choice input:focus-visible + span").evaluate((node) => getComputedStyle(node).outlineStyle), "none");
	await page.keyboard.press("ArrowRight");
	await page.locator("#services .spark[aria-label^=CPU]").first().waitFor({ state: "attached" });
});

test("a stopped instance is seen within 3 s, and so is its return", async (t) => {
	const name = instances > 1 ? "values-2" : "values";
	const shown = instances > 1 ? "values-2" : "values-1";
	const page = await open(t);
	await stop(name);
	const stopped_ms = performance.now();
	await headline(page, /^values: 1 of \d+ down for /, seen_within_ms);
	t.diagnostic(`seen after ${Math.round(performance.now() - stopped_ms)} ms`);
	assert.match(await page.title(), /^values: 1 of \d+ down for /);
	assert.match(await word_of(page, shown), /^down for \d+ s$/);
	assert.match(await page.locator("#announcement").innerText(), /^values: 1 of \d+ down$/);
	await page.locator("#detail a", { hasText: shown }).click();
	assert.equal(await page.evaluate(() => document.activeElement.querySelector("h4")?.textContent), shown);
	await page.locator("#events tr[data-status=down]").filter({ hasText: shown }).filter({ hasText: "so far" }).first().waitFor();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-down.png"), fullPage: true });
	await start(name);
	await headline(page, /^All \d+ instances up$/);
	assert.equal(await word_of(page, shown), "up");
	await page.locator("#events tr[data-status=up]").filter({ hasText: shown }).first().waitFor();
	assert.deepEqual(page.complaints, []);
});

test("a killed instance that is back at once is an event within 3 s", async (t) => {
	const page = await open(t);
	const rows = page.locator("#events tr").filter({ hasText: "worker-1" });
	const newest = async () => ((await rows.count()) ? rows.first().locator("time").getAttribute("datetime") : null);
	const killed_at = new Date().toISOString();
	const killed_ms = performance.now();
	kill("worker");
	await eventually(async () => (await newest()) > killed_at, "an event of worker-1", seen_within_ms);
	t.diagnostic(`seen after ${Math.round(performance.now() - killed_ms)} ms`);
});

test("a monitor that is gone is said to be unreachable, and found again", async (t) => {
	const page = await open(t);
	for (const name of all_of("healthcheck")) await stop(name);
	const gone_ms = performance.now();
	await headline(page, /^Monitor unreachable$/, 6000);
	t.diagnostic(`said after ${Math.round(performance.now() - gone_ms)} ms`);
	assert.match(await page.title(), /^Monitor unreachable/);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-unreachable.png"), fullPage: true });
	for (const name of all_of("healthcheck")) await start(name);
	await headline(page, /^All \d+ instances up$/);
	await page.locator("#feed[data-feed=stream]").waitFor();
});

test("a monitor that is killed is back before anybody is told, and knows nothing false", async (t) => {
	const page = await open(t, { at: own_port });
	await page.evaluate(() => {
		window.titles = [];
		new MutationObserver(() => window.titles.push(document.title)).observe(document.querySelector("title"), { childList: true });
	});
	const before = await page.locator("#feed-text").innerText();
	kill("healthcheck");
	await answers(`${own_port}/api/healthcheck`);
	await eventually(async () => !["Connecting", before].includes(await page.locator("#feed-text").innerText()), "it is heard again");
	assert.deepEqual((await page.evaluate(() => window.titles)).filter((title) => !title.startsWith("All ")), []);
});

test("its own port shows it while nginx is down", async (t) => {
	const page = await open(t, { at: own_port });
	await stop("nginx");
	await page.locator("#card-nginx[data-status=down]").waitFor({ timeout: seen_within_ms + 2000 });
	await page.reload();
	await page.locator("#card-nginx[data-status=down]").waitFor();
	await page.locator("#feed[data-feed=stream]").waitFor();
	assert.ok((await page.locator(".services .card[data-status=up]").count()) > 0);
	await start("nginx");
	await page.locator("#card-nginx[data-status=up]").waitFor();
});

test("without a stream it asks", async (t) => {
	const page = await open(t, { before: (page) => page.route("**/status/stream", (route) => route.abort()) });
	await page.locator("#feed[data-feed=poll]").waitFor();
	const first = await page.locator("#feed-text").innerText();
	await eventually(async () => (await page.locator("#feed-text").innerText()) !== first, "the next round is shown", 6000);
	await headline(page, /^All \d+ instances up$/);
});

// The page is given what the daemon says, changed.
const instead = (change) => async (page) => {
	await page.route("**/status/stream", (route) => route.abort());
	await page.route("**/api/healthcheck", async (route) => {
		const body = await (await route.fetch()).json();
		change(body.data);
		await route.fulfill({ json: body });
	});
};

test("dead jobs are told of though all instances are up", async (t) => {
	const page = await open(t, { before: instead((data) => (data.queue.dead = 3)) });
	await page.locator("#summary[data-status=degraded]").waitFor();
	assert.equal(await page.locator("#detail").innerText(), "Queue degraded: jobs were given up");
	assert.match(await page.locator("#card-Queue").innerText(), /Dead\s+3/);
});

test("what is not known is a dash, and what is not watched is no trouble", async (t) => {
	const unknown = { cpu_percent: null, memory_bytes: null, uptime_s: null, response_ms: null, version: null };
	const page = await open(t, { before: instead((data) => Object.assign(data, { queue: null, postgres: null, redis: null, nginx: null, services: data.services.map((s) => ({ ...s, ...unknown })) })) });
	await page.locator("#summary[data-status=up]").waitFor();
	assert.deepEqual(await page.locator("#services dd").allInnerTexts(), Array(4 * (await page.locator("#services .card").count())).fill("–"));
	assert.deepEqual(await page.locator("#behind .where").allInnerTexts(), Array(4).fill("not watched"));
	assert.deepEqual(page.complaints.filter((each) => !each.includes("/status/stream")), []);
});

test("what a service says of itself is text, never markup", async (t) => {
	const hostile = "<img src=x onerror=document.title='owned'>";
	const page = await open(t, {
		before: instead((data) => {
			data.summary = hostile;
			Object.assign(data.services[0], { status: "down", reason: hostile, version: hostile, instance: hostile });
		}),
	});
	await headline(page, hostile);
	assert.equal(await page.locator("img").count(), 0);
	assert.ok((await page.locator("#detail").innerText()).includes(hostile));
});
