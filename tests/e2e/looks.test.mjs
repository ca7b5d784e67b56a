// What the front page (full, loading, broken) and the form to register look like, in both themes, on a wide screen and on a phone, compared with small stored pictures; and what a screen reader gets
// of it, compared with a stored text. LOOKS=update stores both anew (tests/e2e/looks); the whole pictures are in artifacts/.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { accessibilityTree } from "./accessibility-tree.mjs";
import { call, settled } from "./people.mjs";
import { isUpdating, pictureProblem, store, stored } from "./pictures.mjs";
import { artifact, base, eventually, newPage, violations } from "./stack.mjs";

const SCREENS = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

before(async () => {
	await call("POST", "/api/values", { body: { kind: "factorial", index: 52 } });
	await eventually(async () => (await call("GET", "/api/values/factorial/52")).status === 200, "52! is calculated");
});

const refuse = (page) =>
	page.route(/\/(api|users)(\/|\?|$)/, (route) => route.fulfill({ status: 503, json: { status: "error", message: "Away." } }));
const delay = (page) => page.route(/\/(api|users)(\/|\?|$)/, () => {});

// name: path, what is done before the page is opened, and what shows that it is in its state.
const PAGES = {
	front: { path: "/" },
	"front-loading": { path: "/", prepare: delay, until: ".big-words" },
	"front-broken": { path: "/", prepare: refuse, until: ".trouble-box" },
	register: { path: "/register" },
};

async function show(page, { path, prepare, until }) {
	await prepare?.(page);
	await page.goto(`${base}${path}`);
	if (until) await page.locator(until).waitFor();
	else await settled(page);
	await page.evaluate(() => document.fonts.ready);
}

for (const [name, look] of Object.entries(PAGES)) {
	test(`${name} looks as it did, in both themes, on a wide screen and on a phone, and axe finds nothing`, async (t) => {
		const problems = [];
		for (const [screen, viewport] of Object.entries(SCREENS)) {
			const page = await newPage(t, { viewport, colorScheme: "light" });
			await show(page, look);
			for (const colorScheme of ["light", "dark"]) {
				await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
				await page.locator(`html[data-theme=${colorScheme}]`).waitFor();
				const title = `${name}-${screen}-${colorScheme}`;
				const picture = await page.screenshot({ path: artifact(`look-${title}.png`), fullPage: true });
				problems.push(await pictureProblem(page, title, picture));
				problems.push(...(await violations(page)));
			}
		}
		assert.deepEqual(problems.filter(Boolean), []);
	});

	test(`${name} reads as it did`, async (t) => {
		const page = await newPage(t, { viewport: SCREENS.wide });
		await show(page, look);
		const tree = (await accessibilityTree(page)).replace(/\d+(\.\d+)? (µs|ms|s)\b/g, "TIME");
		if (isUpdating) store(`${name}.txt`, tree);
		assert.equal(tree, readFileSync(stored(`${name}.txt`), "utf8"));
	});
}
