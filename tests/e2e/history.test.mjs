// The list of a user's values when it is long, of which only the rows near what is seen are in the document; and the plot of the same values.

import assert from "node:assert/strict";
import { test } from "node:test";
import { own } from "./people.mjs";
import { giveReplies, manyValues, pendingValue, shortValue, success, USER } from "./replies.mjs";
import { base, eventually, newPage, violations } from "./stack.mjs";

const COUNT = 2000;
const IN_DOCUMENT = 100; // at most
const PRINTED = 300; // fewer, because a browser takes long to lay out many pages of paper

async function openList(t, values, options) {
	const page = await newPage(t, options);
	const server = await giveReplies(page, { who: USER, changed: { "GET /api/values": success({ values }) } });
	await page.goto(base);
	await page.locator(`.value[aria-setsize="${values.length}"]`).first().waitFor();
	await page.locator(".plot canvas").waitFor();
	return { page, server };
}

const countOf = (page) => page.locator(".value").count();
const placesOf = (page) => page.$$eval(".value", (rows) => rows.map((row) => Number(row.ariaPosInSet)));
const rowAt = (page, place) => page.locator(`.value[aria-posinset="${place}"]`);
const focused = (page) => page.evaluate(() => Number(document.activeElement.closest(".value")?.ariaPosInSet));
const scrollTo = (page, where) =>
	page.evaluate((where) => {
		const list = document.querySelector(".values").getBoundingClientRect();
		scrollTo(0, scrollY + list.top + where * list.height);
	}, where);

// Every part of the list that is in the window is in a row, also behind the navigation.
const isCovered = (page) =>
	page.evaluate(() => {
		const list = document.querySelector(".values").getBoundingClientRect();
		for (let y = Math.max(1, list.top + 1); y < Math.min(innerHeight, list.bottom) - 1; y += 30)
			if (!document.elementsFromPoint(list.left + list.width / 2, y).some((node) => node.closest(".value"))) return false;
		return true;
	});

for (const [screen, viewport] of Object.entries({ wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }))
	test(`of a long list only what is seen is in the document, wherever it is scrolled to, ${screen}`, async (t) => {
		const { page } = await openList(t, manyValues(COUNT), { viewport });
		for (const [where, place] of [
			[0, 1],
			[0.5, COUNT / 2],
			[1, COUNT],
			[0.25, COUNT / 4],
		]) {
			await scrollTo(page, where);
			await eventually(async () => (await placesOf(page)).includes(place), `row ${place} is there at ${where} of the list`);
			await eventually(() => isCovered(page), `what is seen of the list is full of rows at ${where} of it`);
			assert.ok((await countOf(page)) <= IN_DOCUMENT, "and the others are not in the document");
		}
		assert.deepEqual(await violations(page), []);
		assert.deepEqual(own(page.complaints), []);
	});

test("a row that has the focus keeps it when it is scrolled away, and j, k and Tab go on from there", async (t) => {
	const { page } = await openList(t, manyValues(COUNT));
	await rowAt(page, 1).locator("a").focus();
	for (const key of ["j", "j", "j"]) await page.keyboard.press(key);
	assert.equal(await focused(page), 4);
	await scrollTo(page, 0.9);
	await eventually(async () => (await placesOf(page)).includes(0.9 * COUNT), "the list is scrolled");
	assert.equal(await focused(page), 4, "it kept the focus");
	await page.keyboard.press("Tab");
	assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /^More about Lucas 3$/);
	await page.keyboard.press("k");
	assert.equal(await focused(page), 3);
	await eventually(() => rowAt(page, 3).evaluate((row) => row.getBoundingClientRect().top >= 0), "what has the focus is seen");
	await page.keyboard.press("Enter");
	await page.waitForURL(`${base}/values/lucas/2`);
});

test("j passes over rows that have no result yet, although they are more than the document has", async (t) => {
	const waiting = Array.from({ length: 300 }, (_, i) => pendingValue("primorial", i));
	const { page } = await openList(t, [shortValue("lucas", 1), ...waiting, shortValue("lucas", 2), shortValue("lucas", 3)]);
	await rowAt(page, 1).locator("a").focus();
	await page.keyboard.press("j");
	await eventually(async () => (await focused(page)) === 302, "the next result has the focus");
	await page.keyboard.press("k");
	await eventually(async () => (await focused(page)) === 1, "and the one before");
});

test("a result that arrives changes its row, and no other one", async (t) => {
	const values = manyValues(COUNT);
	values[3] = pendingValue("factorial", 60_000);
	const { page, server } = await openList(t, values);
	await page.locator(".live[data-live=open]").waitFor();
	await rowAt(page, 4).getByText("Being calculated").or(rowAt(page, 4).getByText("In a queue")).first().waitFor();
	await page.evaluate(() => {
		window.changed = new Set();
		new MutationObserver((records) => {
			for (const { target } of records) changed.add((target.closest ? target : target.parentElement)?.closest(".value")?.ariaPosInSet);
		}).observe(document.querySelector(".values"), { subtree: true, childList: true, attributes: true, characterData: true });
	});
	server.send({ event: "value", kind: "factorial", index: 60_000, digits: 260_634, preview: "15608", duration_us: 90_000 });
	await rowAt(page, 4).getByText("260,634 digits in 90.0 ms").waitFor();
	assert.deepEqual(await page.evaluate(() => [...changed]), ["4"]);
	assert.equal(await page.locator(".value[data-arrived]").count(), 1, "and it alone lights up");
});

test("the whole list is printed", async (t) => {
	const { page } = await openList(t, manyValues(PRINTED));
	await page.evaluate(() => {
		addEventListener("beforeprint", () => {
			window.printed = document.querySelectorAll(".value").length;
		});
	});
	await page.pdf();
	assert.equal(await page.evaluate(() => window.printed), PRINTED);
	await eventually(async () => (await countOf(page)) <= IN_DOCUMENT, "afterwards only what is seen is in the document again");
});

// ---- the plot ----

// The scales of both are from 10 to 10,000.
const POINTS = [shortValue("lucas", 141, { digits: 30, us: 40 }), shortValue("factorial", 1142, { digits: 3000, us: 4000 })];
const fraction = (number) => (Math.log10(number) - 1) / 3;

async function placeOf(page, { digits, duration_us }) {
	const { x, y, width, height } = await page.locator(".plot .u-over").boundingBox();
	return [x + width * fraction(digits), y + height * (1 - fraction(duration_us))];
}

test("the mouse over a point of the plot names it, and a click opens its result", async (t) => {
	const { page } = await openList(t, POINTS);
	await page.locator(".plot").scrollIntoViewIfNeeded();
	const name = page.locator(".plot-pointed");
	const isNamed = (text) => eventually(async () => (await name.textContent()) === text, text);
	const [small, large] = [await placeOf(page, POINTS[0]), await placeOf(page, POINTS[1])];
	await page.mouse.move(...small);
	await isNamed("Lucas 141: 30 digits in 40 µs");
	await page.mouse.move(...large);
	await isNamed("Factorial 1,142: 3,000 digits in 4.00 ms");
	assert.ok(await page.locator(".plot-ring").isVisible(), "a ring is around it");
	await page.mouse.click(small[0], large[1]);
	await isNamed("Slowest: Factorial 1,142: 3,000 digits in 4.00 ms");
	assert.equal(new URL(page.url()).pathname, "/", "a click beside the points opens nothing");
	await page.mouse.click(...small);
	await page.waitForURL(`${base}/values/lucas/141`);
});

test("the table of the plot has a part of many points, and more of them when they are asked for", async (t) => {
	const { page } = await openList(t, manyValues(COUNT));
	const rows = page.locator(".plot-table tbody tr");
	assert.equal(await rows.count(), 0);
	await page.getByText("As a table").click();
	await eventually(async () => (await rows.count()) === 200, "the first are there");
	await page.locator(".plot-table").getByRole("button", { name: "More" }).click();
	await eventually(async () => (await rows.count()) === 400, "and the next");
});
