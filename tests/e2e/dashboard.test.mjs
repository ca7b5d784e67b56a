// The operators' dashboard, on a stack whose services the tests stop and start.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { admin, call } from "./people.mjs";
import {
	allOf,
	answers,
	artifact,
	base,
	direct,
	eventually,
	instances,
	kill,
	misplaced,
	newPage,
	sideways,
	start,
	stop,
	violations,
} from "./stack.mjs";

const ownPort = direct(5003);
const SEEN_WITHIN_MS = 3000;

// Of three times the quickest counts, because on a busy machine some take longer.
async function isSeenInTime(t, page, act, see, undo = () => {}) {
	const tookMs = [];
	for (let round = 0; round < 3; round++) {
		if (round > 0) await undo();
		await headline(page, /^All \d+ instances up$/);
		await act();
		const begunMs = performance.now();
		await see();
		tookMs.push(Math.round(performance.now() - begunMs));
	}
	const said = `seen after ${tookMs.join(", ")} ms`;
	t.diagnostic(said);
	assert.ok(Math.min(...tookMs) < SEEN_WITHIN_MS, said);
}

// Starts again what a test has stopped, for the next test.
async function bringUp() {
	for (const name of ["nginx", "worker", "mailer", ...allOf("healthcheck"), ...allOf("values")]) await start(name);
	await answers(`${base}/api/healthcheck`);
	await eventually(
		async () => (await (await fetch(`${base}/api/healthcheck`)).json()).data.summary.startsWith("All "),
		"all instances are up",
		30_000,
	);
}
after(bringUp);

async function open(t, options = {}) {
	await bringUp();
	const page = await newPage(t, options);
	await (options.before?.(page) ?? null);
	await page.goto(`${options.at ?? base}/status/`);
	if (!options.before) await headline(page, /^All \d+ instances up$/);
	return page;
}

const headline = (page, words, timeout = 15_000) => page.locator("#headline").filter({ hasText: words }).waitFor({ timeout });
const card = (page, name) => page.locator(".services .card").filter({ has: page.getByRole("heading", { name, exact: true }) });
const wordOf = (page, name) => card(page, name).locator(".word").innerText();

test("a healthy system is shown as one line and a card for each instance, and the console is silent", async (t) => {
	const page = await open(t);
	await page.locator("#feed[data-feed=stream]").waitFor();
	await eventually(async () => /^All \d+ instances up/.test(await page.title()), "the title says so");
	const health = (await (await fetch(`${base}/api/healthcheck`)).json()).data;
	assert.equal(await page.locator(".services .card").count(), health.services.length);
	await eventually(async () => (await page.locator(".services .card[data-status=up]").count()) === health.services.length, "all are up");
	for (const name of ["Queue", "Postgres", "Redis", "nginx"]) await page.getByRole("heading", { name, exact: true }).waitFor();
	for (const name of ["users", "values", "worker"])
		for (let i = 1; i <= instances; i++) await eventually(async () => (await wordOf(page, `${name}-${i}`)) === "up", `${name}-${i} is up`);
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

test("a phone of 360 px shows the dashboard without scrolling sideways", async (t) => {
	const page = await open(t, { viewport: { width: 360, height: 740 } });
	assert.equal(await sideways(page), 0);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-phone.png"), fullPage: true });
});

test("the last row of services and of dependencies is full, on screens of each width", async (t) => {
	const page = await open(t);
	for (const width of [1920, 1440, 1000, 390]) {
		await page.setViewportSize({ width, height: 900 });
		const gaps = await page.$$eval("#services, #behind", (all) =>
			all.map((list) => list.getBoundingClientRect().right - list.lastElementChild.getBoundingClientRect().right),
		);
		assert.ok(
			gaps.every((px) => Math.abs(px) <= 1),
			`beside the last card at ${width} px there are ${gaps} px`,
		);
	}
});

test("nothing jumps while the figures change", async (t) => {
	const page = await open(t, {
		before: (page) =>
			page.addInitScript(() => {
				window.shifts = [];
				const nameOf = ({ node }) => node?.id || node?.className || node?.nodeName;
				new PerformanceObserver((list) => {
					for (const { value, sources } of list.getEntries()) window.shifts.push({ value, moved: sources.map(nameOf) });
				}).observe({
					type: "layout-shift",
					buffered: true,
				});
			}),
	});
	await headline(page, /^All \d+ instances up$/);
	const times = new Set();
	await eventually(async () => times.add(await page.locator("#feed-text").innerText()).size > 3, "three rounds are shown");
	const shifts = (await page.evaluate(() => window.shifts)).filter(({ moved }) => moved.join() !== "footer"); // it follows the events
	const sum = shifts.reduce((all, { value }) => all + value, 0);
	assert.ok(sum < 0.01, `layout shifts: ${sum}: ${JSON.stringify(shifts)}`);
});

test("the keyboard can choose what the graphs show", async (t) => {
	const page = await open(t);
	for (const stop of ["", "system", "response_ms"]) {
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate(() => document.activeElement.value ?? ""), stop); // the way to the client, the theme, the graphs
	}
	assert.notEqual(await page.locator(".choice input:focus-visible + span").evaluate((node) => getComputedStyle(node).outlineStyle), "none");
	await page.keyboard.press("ArrowRight");
	await page.locator("#services .spark[aria-label^=CPU]").first().waitFor({ state: "attached" });
});

test("a stopped instance is shown within 3 s, and so is its return", async (t) => {
	const name = instances > 1 ? "values-2" : "values";
	const shown = instances > 1 ? "values-2" : "values-1";
	const page = await open(t);
	const isDown = () => headline(page, /^values: 1 of \d+ down for /);
	await isSeenInTime(
		t,
		page,
		() => stop(name),
		isDown,
		() => start(name),
	);
	assert.match(await page.title(), /^values: 1 of \d+ down for /);
	assert.match(await wordOf(page, shown), /^down for \d+ s$/);
	assert.match(await page.locator("#announcement").innerText(), /^values: 1 of \d+ down$/);
	await page.locator("#detail a", { hasText: shown }).click();
	assert.equal(await page.evaluate(() => document.activeElement.querySelector("h4")?.textContent), shown);
	await page.locator("#events tr[data-status=down]").filter({ hasText: shown }).filter({ hasText: "so far" }).first().waitFor();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-down.png"), fullPage: true });
	await start(name);
	await headline(page, /^All \d+ instances up$/);
	assert.equal(await wordOf(page, shown), "up");
	await page.locator("#events tr[data-status=up]").filter({ hasText: shown }).first().waitFor();
	assert.deepEqual(page.complaints, []);
});

test("a killed instance that is restarted at once appears as an event within 3 s", async (t) => {
	const page = await open(t);
	const rows = page.locator("#events tr").filter({ hasText: "worker-1" });
	const newest = async () => ((await rows.count()) ? rows.first().locator("time").getAttribute("datetime") : null);
	let killedAt;
	const killIt = () => {
		killedAt = new Date().toISOString();
		kill("worker");
	};
	const isListed = () => eventually(async () => (await newest()) > killedAt, "an event of worker-1");
	await isSeenInTime(t, page, killIt, isListed, () => pause(3000)); // two restarts within two seconds may seem to be one
});

test("the page says that a stopped monitor is unreachable, and finds it again", async (t) => {
	const page = await open(t);
	for (const name of allOf("healthcheck")) await stop(name);
	const goneMs = performance.now();
	await headline(page, /^Monitor unreachable$/);
	t.diagnostic(`said after ${Math.round(performance.now() - goneMs)} ms`);
	assert.match(await page.title(), /^Monitor unreachable/);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-unreachable.png"), fullPage: true });
	for (const name of allOf("healthcheck")) await start(name);
	await headline(page, /^All \d+ instances up$/);
	await page.locator("#feed[data-feed=stream]").waitFor();
});

test("a killed monitor is back before the page reports it, and reports nothing false", async (t) => {
	const page = await open(t, { at: ownPort });
	await page.evaluate(() => {
		window.titles = [];
		new MutationObserver(() => window.titles.push(document.title)).observe(document.querySelector("title"), { childList: true });
	});
	let titles = ["Monitor unreachable"];
	for (let round = 0; round < 3 && titles.length > 0; round++) {
		// a busy machine may keep the monitor from its place for longer than the page waits
		await headline(page, /^All \d+ instances up$/);
		await page.evaluate(() => (window.titles = []));
		const before = await page.locator("#feed-text").innerText();
		kill("healthcheck");
		await answers(`${ownPort}/api/healthcheck`);
		await eventually(
			async () => !["Connecting", before].includes(await page.locator("#feed-text").innerText()),
			"the page hears the monitor again",
		);
		titles = (await page.evaluate(() => window.titles)).filter((title) => !title.startsWith("All "));
		assert.ok(
			titles.every((title) => title.startsWith("Monitor unreachable")),
			`nothing false: ${titles}`,
		);
	}
	assert.deepEqual(titles, []);
});

test("healthcheck's own port shows the dashboard while nginx is down", async (t) => {
	const page = await open(t, { at: ownPort });
	await stop("nginx");
	await page.locator("#card-nginx[data-status=down]").waitFor();
	await page.reload();
	await page.locator("#card-nginx[data-status=down]").waitFor();
	await page.locator("#feed[data-feed=stream]").waitFor();
	assert.ok((await page.locator(".services .card[data-status=up]").count()) > 0);
	await start("nginx");
	await page.locator("#card-nginx[data-status=up]").waitFor();
});

test("without a stream the page polls", async (t) => {
	const page = await open(t, { before: (page) => page.route("**/status/stream", (route) => route.abort()) });
	await page.locator("#feed[data-feed=poll]").waitFor();
	const first = await page.locator("#feed-text").innerText();
	await eventually(async () => (await page.locator("#feed-text").innerText()) !== first, "the next round is shown", 6000);
	await headline(page, /^All \d+ instances up$/);
});

// Gives the page the daemon's reply with a change.
const instead = (change) => async (page) => {
	await page.route("**/status/stream", (route) => route.abort());
	await page.route("**/api/healthcheck", async (route) => {
		const body = await (await route.fetch()).json();
		change(body.data);
		await route.fulfill({ json: body });
	});
};

test("dead jobs are reported although all instances are up", async (t) => {
	const page = await open(t, { before: instead((data) => (data.queue.dead = 3)) });
	await page.locator("#summary[data-status=degraded]").waitFor();
	await page.locator("#detail", { hasText: /^Queue degraded: jobs were given up$/ }).waitFor();
	assert.match(await page.locator("#card-Queue").innerText(), /Dead\s+3/);
});

test("unknown figures are shown as a dash, and unwatched parts are not a problem", async (t) => {
	const unknown = { cpu_percent: null, memory_bytes: null, uptime_s: null, response_ms: null, version: null };
	const page = await open(t, {
		before: instead((data) =>
			Object.assign(data, {
				queue: null,
				mail: null,
				postgres: null,
				redis: null,
				nginx: null,
				services: data.services.map((s) => ({ ...s, ...unknown })),
			}),
		),
	});
	await page.locator("#summary[data-status=up]").waitFor();
	assert.deepEqual(
		await page.locator("#services dd").allInnerTexts(),
		Array(4 * (await page.locator("#services .card").count())).fill("–"),
	);
	assert.deepEqual(await page.locator("#behind .where").allInnerTexts(), Array(4).fill("not watched"));
	assert.deepEqual(
		page.complaints.filter((each) => !each.includes("/status/stream")),
		[],
	);
});

const LONG =
	"postgres refuses connections because it is starting up, and has been for a while, says connection_to_a_server_with_a_long_name";

for (const [name, options, size] of [
	["at 320 px", { viewport: { width: 320, height: 700 } }, "100%"],
	["with text of 200 %", {}, "200%"],
])
	test(`${name} nothing leaves its card or is cut off`, async (t) => {
		const page = await open(t, {
			...options,
			before: async (page) => {
				await page.addInitScript((size) => {
					document.addEventListener("DOMContentLoaded", () => {
						const set = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
						document.documentElement.style.fontSize = `${(set * Number.parseFloat(size)) / 100}px`;
					});
				}, size);
				await instead((data) => {
					Object.assign(data.services[0], { status: "down", reason: LONG, down_since: data.updated_at });
					Object.assign(data.postgres, { status: "degraded", reason: LONG });
				})(page);
			},
		});
		await page.locator("#card-Postgres .where", { hasText: LONG }).waitFor();
		await page.locator("#events td").first().waitFor();
		assert.deepEqual(await misplaced(page, ".summary, .card, .events"), []);
		assert.ok((await sideways(page)) <= 0);
		await page.screenshot({ path: artifact(`dashboard-${size}.png`), fullPage: true });
	});

test("the text of the dashboard scales with the font size that the user has set in the browser", async (t) => {
	const page = await open(t);
	const size = () => {
		const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
		return rules.map((one) => one.selectorText === ":root" && one.style.fontSize).find(Boolean);
	};
	assert.equal(await page.evaluate(size), "93.75%");
});

test("with forced colours the bars, the shapes and the chosen figure can be told apart", async (t) => {
	const page = await open(t, { forcedColors: "active" });
	const style = (selector, name) =>
		page
			.locator(selector)
			.first()
			.evaluate((node, name) => getComputedStyle(node)[name], name);
	await page.locator("#card-Postgres .bar").waitFor();
	assert.notEqual(await style("#card-Postgres .bar div", "backgroundColor"), await style("#card-Postgres .bar", "backgroundColor"));
	assert.equal(await style("#card-Postgres .bar", "outlineStyle"), "solid");
	assert.notEqual(
		await style(".choice input:checked + span", "backgroundColor"),
		await style(".choice input:not(:checked) + span", "backgroundColor"),
	);
	assert.notEqual(await style("#shape-up .mark", "stroke"), await style(".summary .shape", "color"));
	assert.notEqual(await style(".pulse", "backgroundColor"), await style("body", "backgroundColor"));
	await page.screenshot({ path: artifact("dashboard-forced-colours.png"), fullPage: true });
});

test("what a service says about itself is shown as text, never as markup", async (t) => {
	const hostile = "<img src=x onerror=document.title='owned'>";
	const page = await open(t, {
		before: instead((data) => {
			data.summary = hostile;
			Object.assign(data.services[0], { status: "down", reason: hostile, version: hostile, instance: hostile });
		}),
	});
	await headline(page, hostile);
	assert.equal(await page.locator("img[src=x]").count(), 0);
	assert.ok((await page.locator("#detail").innerText()).includes(hostile));
});

// ---- graphs ----

const graph = (page) => page.locator(".services .graph").first();
const readout = (page) => page.locator(".services .readout").first();

// Puts the mouse on the newest points but one, which the page has once the history has arrived.
async function hoverUntil(page, part, words) {
	const first = page.locator(`${part} .graph`).first();
	const { width } = await first.boundingBox();
	await eventually(async () => {
		await page.mouse.move(5, 5);
		await first.hover({ position: { x: width - 8, y: 10 } });
		return words.test(await page.locator(`${part} .readout`).first().innerText());
	}, `under the mouse is ${words}`);
}

test("a graph says the value and the time under the mouse, and by the arrow keys", async (t) => {
	const page = await open(t);
	await page.locator("#services .spark[aria-label*='at most']").first().waitFor({ state: "attached" });
	await hoverUntil(page, ".services", /^\d\d:\d\d:\d\d · [\d.,]+ m?s$/);
	await page.screenshot({ path: artifact("dashboard-hover.png") });
	await page.mouse.move(5, 5);
	assert.equal(await readout(page).innerText(), "");
	await graph(page).focus();
	await page.keyboard.press("ArrowLeft");
	const first = await graph(page).getAttribute("aria-valuetext");
	await page.keyboard.press("ArrowLeft");
	assert.match(first, /^\d\d:\d\d:\d\d · |^not known$/);
	assert.notEqual(await graph(page).getAttribute("aria-valuenow"), "100");
	assert.deepEqual(await violations(page), []);
});

test("the graphs show an hour or a day", async (t) => {
	const page = await open(t);
	for (const [choice, words] of [
		["1 h", "hour"],
		["24 h", "24 hours"],
		["15 min", "15 minutes"],
	]) {
		await page.getByLabel(choice, { exact: true }).check();
		await page.locator(`#services .spark[aria-label*='over the last ${words}: at most']`).first().waitFor({ state: "attached" });
	}
	assert.deepEqual(page.complaints, []);
});

test("the requests of each route are listed, and those that fail come first", async (t) => {
	const failing = { method: "GET", route: "/values/all", per_s: 2, errors_per_s: 1, p50_ms: 4, p99_ms: null };
	const busy = { ...failing, route: "/values", per_s: 200, errors_per_s: 0, p99_ms: 1500 };
	const page = await open(t, {
		before: async (page) => {
			await page.route("**/api/healthcheck/requests", (route) =>
				route.fulfill({ json: { status: "success", data: { services: [{ service: "values", routes: [busy, failing] }] } } }),
			);
		},
	});
	await page.locator("#requests tr", { hasText: "/values/all" }).waitFor();
	assert.deepEqual(await page.locator("#requests tr").first().locator("td").allInnerTexts(), [
		"values",
		"GET /values/all",
		"2.0/s",
		"50 %",
		"4.0 ms, –",
	]);
	assert.deepEqual(await page.locator("#requests tr").last().locator("td").allInnerTexts(), [
		"values",
		"GET /values",
		"200/s",
		"none",
		"4.0 ms, 1.5 s",
	]);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-requests.png"), fullPage: true });
	await page.setViewportSize({ width: 360, height: 740 });
	const cells = page.locator("#requests tr:first-child td");
	const labels = await cells.evaluateAll((all) => all.map((cell) => getComputedStyle(cell, "::before").content));
	assert.deepEqual(
		labels.slice(3),
		['"errors "', '"median, 99 % "'],
		"on a phone, where no column has a heading, the figures say what they are",
	);
	assert.equal(await sideways(page), 0);
	await page.screenshot({ path: artifact("dashboard-requests-phone.png"), fullPage: true });
});

const drawn = (page, parent, count, words = "") =>
	eventually(
		async () => (await page.locator(`${parent} .spark[aria-label*='${words}: at most']`).count()) === count,
		`${count} graphs of ${parent} are drawn`,
	);

test("a late reply of the range that was chosen before changes no graph", async (t) => {
	const page = await open(t);
	const point = () => ({ at: new Date().toISOString(), status: "up", depth: 777_777, response_ms: 777_000 });
	let release = () => {};
	const isReleased = new Promise((resolve) => {
		release = resolve;
	});
	const hold = async (route, data) => {
		await isReleased;
		await route.fulfill({ json: { status: "success", data: { interval_s: 2, ...data() } } });
	};
	await page.route(/queue\/history\?minutes=60$/, (route) => hold(route, () => ({ points: [point()] })));
	await page.route(/healthcheck\/history\?.*minutes=60$/, (route) => {
		const service = new URL(route.request().url()).searchParams.get("service");
		return hold(route, () => ({ instances: [{ instance: `${service}-1`, points: [point()] }] }));
	});
	await page.getByLabel("1 h", { exact: true }).check();
	await page.getByLabel("15 min", { exact: true }).check();
	await drawn(page, "#jobs", 3, "over the last 15 minutes");
	const late = ["queue/history", "healthcheck/history"].map((path) =>
		page.waitForResponse((response) => response.url().includes(path) && response.url().endsWith("minutes=60")),
	);
	release();
	for (const response of late) await (await response).finished();
	for (let round = 0; round < 2; round++) {
		const before = await page.locator("#feed-text").innerText();
		await eventually(async () => (await page.locator("#feed-text").innerText()) !== before, "a round is shown");
	}
	assert.equal(await page.locator(".spark[aria-label*='at most 777']").count(), 0);
});

test("the queue, what waits in Postgres, and how many jobs are finished are shown over each range of time", async (t) => {
	const page = await open(t);
	assert.deepEqual(await page.locator("#jobs h3").allInnerTexts(), ["In the queue", "Waiting in Postgres", "Finished"]);
	await drawn(page, "#jobs", 3);
	await hoverUntil(page, "#jobs", /^\d\d:\d\d:\d\d · [\d,]+$/);
	for (const [choice, words] of [
		["1 h", "over the last hour"],
		["24 h", "over the last 24 hours"],
	]) {
		await page.getByLabel(choice, { exact: true }).check();
		await drawn(page, "#jobs", 3, words);
	}
	assert.deepEqual(page.complaints, []);
});

test("a route that is chosen shows its rate, errors and times over time, until it is chosen again", async (t) => {
	await call("GET", "/users/ping");
	const page = await open(t);
	const route = page.getByRole("button", { name: "GET /users/ping", exact: true });
	await eventually(async () => {
		await call("GET", "/users/ping");
		return route.isVisible();
	}, "the route is listed");
	await route.press("Enter");
	assert.equal(await page.locator("#route-name").innerText(), "GET /users/ping of users");
	assert.deepEqual(await page.locator("#route h3").allInnerTexts(), ["Rate", "Errors", "Median", "99 % within"]);
	await drawn(page, "#route", 4);
	assert.equal(await route.getAttribute("aria-expanded"), "true");
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-route.png"), fullPage: true });
	await route.press("Enter");
	assert.equal(await page.locator("#route").isVisible(), false);
	assert.deepEqual(page.complaints, []);
});

// Asks for the table more often than every 10 s; `rates` are those of the routes of values, and a test may change them.
const openWithRoutes = (t, rates) =>
	open(t, {
		before: async (page) => {
			await page.addInitScript(() => {
				const real = window.setInterval;
				window.setInterval = (call, ms) => real(call, Math.min(ms, 500));
			});
			await page.route("**/api/healthcheck/requests", (route) => {
				const routes = Object.entries(rates).map(([name, perS]) => ({
					method: "GET",
					route: name,
					per_s: perS,
					errors_per_s: 0,
					p50_ms: 4,
					p99_ms: 9,
				}));
				return route.fulfill({ json: { status: "success", data: { services: [{ service: "values", routes }] } } });
			});
		},
	});

const isFocused = (locator) => locator.evaluate((node) => node === document.activeElement);

test("a row of the requests that moves keeps the keyboard's focus", async (t) => {
	const rates = { "/values": 2, "/values/all": 1 };
	const page = await openWithRoutes(t, rates);
	const route = page.getByRole("button", { name: "GET /values/all", exact: true });
	await route.focus();
	rates["/values/all"] = 3;
	await page.locator("#requests tr:first-child", { hasText: "/values/all" }).waitFor();
	assert.ok(await isFocused(route));
});

test("a route that is not asked any more leaves the list, and closes by a button if it is chosen", async (t) => {
	const rates = { "/values": 2, "/values/all": 1 };
	const page = await openWithRoutes(t, rates);
	const route = page.getByRole("button", { name: "GET /values", exact: true });
	const close = page.locator("#route").getByRole("button", { name: "Close" });
	await route.press("Enter");
	await close.press("Enter");
	assert.ok(await isFocused(route));
	await route.press("Enter");
	for (const name of Object.keys(rates)) delete rates[name];
	await page.getByText("No requests in the last minutes").waitFor();
	assert.equal(await page.locator("#requests tr").count(), 0);
	await page.screenshot({ path: artifact("dashboard-route-gone.png"), fullPage: true });
	await close.press("Enter");
	assert.equal(await page.locator("#route").isVisible(), false);
	assert.ok(await isFocused(page.locator("#requests-table")));
	assert.deepEqual(await violations(page), []);
});

// ---- what a stranger sees ----

const HIDDEN = ["address", "reason", "version", "cpu_percent", "memory_bytes", "uptime_s", "response_ms"];

for (const [name, options] of [
	["", {}],
	[" at 320 px", { viewport: { width: 320, height: 700 } }],
])
	test(`a summary says what is up, asks admins to log in, and shows no figures${name}`, async (t) => {
		const page = await open(t, {
			...options,
			before: instead((data) => {
				data.detail = "summary";
				data.notice = { text: "Maintenance from 22:00 to 23:00 UTC.", by: null, since: data.updated_at };
				for (const one of data.services) for (const member of HIDDEN) one[member] = null;
			}),
		});
		await page.getByRole("link", { name: "Log in" }).waitFor();
		assert.equal(await page.locator("#notice").innerText(), "Maintenance from 22:00 to 23:00 UTC.");
		assert.ok((await page.locator(".services .card[data-status=up]").count()) > 0);
		for (const what of [".graph", ".card dl", "#choice", "#range", "#jobs-section", "#requests-section", "#events-section", "#actions"])
			assert.equal(await page.locator(what).first().isVisible(), false, what);
		assert.deepEqual(await violations(page), []);
		assert.ok((await sideways(page)) <= 0);
		await page.screenshot({ path: artifact(`dashboard-summary${name ? "-320" : ""}.png`), fullPage: true });
	});

// ---- what an admin does ----

async function openAsAdmin(t) {
	const { auth_token } = await call("POST", "/auth/login", { body: admin });
	const page = await open(t, {
		before: (page) => page.addInitScript((token) => sessionStorage.setItem("abacus.token", token), auth_token),
	});
	await page.locator("#actions").waitFor();
	return page;
}

test("an admin sets a notice for all readers and removes it", async (t) => {
	const reader = await open(t);
	const page = await openAsAdmin(t);
	await page.getByRole("button", { name: "Set a notice" }).click();
	await page.getByLabel("Text").fill("Maintenance at 22:00");
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("dashboard-notice.png"), fullPage: true });
	await page.getByRole("button", { name: "Save" }).click();
	await reader.locator("#notice", { hasText: "Maintenance at 22:00" }).waitFor();
	assert.equal(await reader.locator("#actions").isVisible(), false);
	await page.getByRole("button", { name: "Remove the notice" }).click();
	await reader.locator("#notice").waitFor({ state: "hidden" });
	assert.deepEqual(page.complaints, []);
});

test("an admin acknowledges an event with a note, by the keyboard", async (t) => {
	const page = await openAsAdmin(t);
	await stop("worker");
	const row = page.locator("#events tr[data-status=down]").filter({ hasText: "worker-1" }).filter({ hasText: "so far" });
	await row.getByRole("button", { name: /^Acknowledge: worker-1 down/ }).focus();
	await stop("mailer"); // whose event comes above, and does not take the focus
	await page.locator("#events tr[data-status=down]").filter({ hasText: "mailer-1" }).filter({ hasText: "so far" }).waitFor();
	await page.keyboard.press("Enter");
	await page.keyboard.type("It is being replaced.");
	await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	await row.filter({ hasText: /Acknowledged by \S+: It is being replaced\./ }).waitFor();
	await page.screenshot({ path: artifact("dashboard-acknowledged.png"), fullPage: true });
	await start("worker");
	await start("mailer");
});

test("a note that the server refuses stays in the dialog with the reason", async (t) => {
	const page = await openAsAdmin(t);
	await page.route("**/api/healthcheck/notice", (route) =>
		route.fulfill({ status: 503, json: { status: "error", code: "unavailable", message: "Temporarily unavailable." } }),
	);
	await page.getByRole("button", { name: "Set a notice" }).click();
	await page.getByLabel("Text").fill("Maintenance");
	await page.getByRole("button", { name: "Save" }).click();
	await page.locator("#dialog-problem", { hasText: "Temporarily unavailable." }).waitFor();
	assert.equal(await page.getByLabel("Text").inputValue(), "Maintenance");
	await page.keyboard.press("Escape");
	await page.locator("#dialog").waitFor({ state: "hidden" });
});
