// What each page looks like in each of its states, in both themes, on a wide screen and on a phone, compared with small stored pictures; what a
// screen reader gets of it, compared with a stored text; and what axe finds. LOOKS=update stores both anew (tests/e2e/looks); the whole pictures are in
// artifacts/. The replies are those of replies.mjs, so that nothing but the page itself changes them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { accessibilityTree } from "./accessibility-tree.mjs";
import { keyboardProblems } from "./keyboard.mjs";
import { settled } from "./people.mjs";
import { isUpdating, pictureProblem, store, stored } from "./pictures.mjs";
import { ADMIN, away, EMPTY, failure, giveReplies, NOW, never, refused, USER } from "./replies.mjs";
import { artifact, base, blankPage, newPage, sideways, violations } from "./stack.mjs";

const SCREENS = { wide: { width: 1440, height: 900, scale: 6 }, phone: { width: 390, height: 844, scale: 3 } };
const VIEWS = [
	["wide", "light"],
	["wide", "dark"],
	["phone", "dark"],
	["phone", "light"],
];
const SEEN_BY_AXE = ["wide-light", "phone-dark"]; // which colours a page has does not depend on its width
const EXPECTED = /^Failed to load resource|signal timed out/; // on the console, of what is refused, or slow on a busy machine
const STEADY_WITHIN_MS = 3000;

// ---- what is done on a page to get it into its state ----

const press = (name) => (page) => page.getByRole("button", { name, exact: true }).first().click();
const fill = (texts, button) => async (page) => {
	for (const [label, text] of Object.entries(texts)) await page.getByLabel(label, { exact: true }).fill(text);
	await press(button)(page);
};
const inTurn =
	(...steps) =>
	async (page) => {
		for (const step of steps) await step(page);
	};

const showQueue = (page) => page.locator(".value-main", { hasText: "In a queue of 240" }).waitFor();

async function loseServer(page, server) {
	await showQueue(page);
	await server.end();
	await page.locator(".live[data-live=connecting]").waitFor();
	await page.clock.setFixedTime(NOW.getTime() + 6000); // the list is old enough to be fetched again
	await page.evaluate(() => window.dispatchEvent(new Event("visibilitychange")));
	await page.locator(".trouble-box").waitFor();
}

const keepCodes = fill({ Code: "123456" }, "Add the app");

// ---- the pages ----

// name: its path; who is logged in; which replies differ; what is done then; and what shows that it is in its state, if not that it has settled.
const LOOKS = {
	front: { path: "/", until: ".stage:not([data-old]) .big" },
	"front-loading": { path: "/", every: never, until: ".big-words" },
	"front-broken": { path: "/", every: away, until: ".trouble-box" },
	register: { path: "/register" },
	login: { path: "/login", until: "[type=submit]" },
	"second-step": { path: "/login", act: fill({ Email: USER.email, Password: "seven brass beads" }, "Log in"), until: "[name=proof]" },
	forgot: { path: "/forgot" },
	"forgot-sent": { path: "/forgot", act: fill({ Email: USER.email }, "Send the link"), until: "p[role=status].sheet" },
	reset: { path: "/reset#token" },
	verify: { path: "/verify#token" },
	"log-out": { path: "/logout", who: USER },
	about: { path: "/about" },
	health: { path: "/health", until: ".health" },
	"not-found": { path: "/no/such/page" },

	result: { path: "/values/factorial/1000", who: USER, until: ".digits-all .digits-row" },
	"result-loading": { path: "/values/factorial/1000", who: USER, every: never, until: ".result-blank" },
	"result-broken": {
		path: "/values/factorial/1000",
		who: USER,
		changed: { "GET /api/values/factorial/1000": refused },
		until: "text=Try again",
	},
	"result-unknown": {
		path: "/values/factorial/2000",
		who: USER,
		changed: { "GET /api/values/factorial/2000": failure(404, "value_not_found", "There is no such value.") },
		until: "text=It has not been calculated yet",
	},
	"result-failed": {
		path: "/values/factorial/1000",
		who: USER,
		changed: { "GET /api/values/factorial/1000": failure(409, "calculation_failed", "The calculation failed.") },
		until: "text=The calculation has failed",
	},
	"result-stranger": { path: "/values/factorial/2000", until: "text=Log in to see them" },

	history: { path: "/", who: USER, act: inTurn(press("More about Fibonacci 40"), showQueue), until: ".plot canvas" },
	"history-empty": { path: "/", who: USER, changed: EMPTY, until: ".values-empty" },
	"history-filtered": { path: "/?kind=lucas&state=failed", who: USER, changed: EMPTY, until: ".values-empty" },
	"history-loading": { path: "/", who: USER, every: never, until: ".value-blank" },
	"history-broken": { path: "/", who: USER, every: away, until: ".trouble-box" },
	plot: { path: "/", who: USER, act: inTurn((page) => page.getByText("As a table").click(), showQueue), until: ".plot canvas" },
	outage: { path: "/", who: USER, act: loseServer, until: "text=for 78 s" },

	account: { path: "/account", who: USER },
	"account-empty": { path: "/account", who: USER, changed: EMPTY },
	"account-loading": { path: "/account", who: USER, every: never, until: ".table-blank" },
	"account-broken": { path: "/account", who: USER, every: away, until: ".trouble-box" },
	confirm: { path: "/account", who: USER, act: fill({ Username: "ada" }, "Save"), until: "dialog [name=proof]" },
	enrol: { path: "/account", who: USER, changed: EMPTY, act: press("Add an authenticator app"), until: "svg.qr" },
	codes: { path: "/account", who: USER, changed: EMPTY, act: inTurn(press("Add an authenticator app"), keepCodes), until: ".codes" },

	users: { path: "/all-users", who: ADMIN, until: ".users" },
	"users-empty": { path: "/all-users", who: ADMIN, changed: EMPTY, until: "text=No user is like that" },
	"users-loading": { path: "/all-users", who: ADMIN, every: never, until: ".table-blank" },
	"users-broken": { path: "/all-users", who: ADMIN, changed: { "GET /users": refused }, until: "text=Something went wrong" },
	user: { path: "/all-users", who: ADMIN, act: press(`Details ${USER.username}`), until: "dialog .rows li" },
	"user-edit": { path: "/all-users", who: ADMIN, act: press(`Edit ${USER.username}`), until: "dialog" },
	"user-delete": { path: "/all-users", who: ADMIN, act: press(`Delete ${USER.username}`), until: "dialog" },

	swagger: { path: "/swagger/", until: ".opblock" },
	// Its graphs and what is below them have tests of their own (dashboard.test.mjs).
	dashboard: { path: "/status/", who: ADMIN, until: "#services .card", part: ".summary", regions: ["Summary", "Dependencies"] },
};

async function show(page, { path, act, until, part, regions, ...replies }) {
	const server = await giveReplies(page, replies);
	if (replies.every === never)
		await page.addInitScript(() => {
			AbortSignal.timeout = () => new AbortController().signal; // or a page that waits for a reply says after 12 s that none comes
		});
	await page.goto(`${base}${path}`);
	await act?.(page, server);
	if (until) await page.locator(until).first().waitFor();
	if (!replies.every) await settled(page);
	await page.evaluate(() => document.fonts.ready);
}

async function change(page, screen, colorScheme) {
	await page.setViewportSize(SCREENS[screen]);
	await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
	await page.locator(`html[data-theme=${colorScheme}]`).waitFor();
	await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
}

// A page that has just become narrower may need a moment more until it is drawn.
async function problemOfPicture(page, title, screen, part) {
	const end = Date.now() + STEADY_WITHIN_MS;
	const options = { path: artifact(`look-${title}.png`), animations: "disabled" };
	await page.evaluate(() => {
		scrollTo(0, 0);
		for (const node of document.querySelectorAll("section p.email")) node.style.visibility = "hidden"; // it has the address of the page
	});
	for (;;) {
		const picture = await (part ? page.locator(part).screenshot(options) : page.screenshot({ ...options, fullPage: true }));
		const problem = await pictureProblem(await blankPage(), title, picture, SCREENS[screen]);
		if (!problem || Date.now() > end) return problem;
	}
}

function problemOfTree(name, tree) {
	const file = `${name}.txt`;
	if (isUpdating) store(file, tree);
	const before = readFileSync(stored(file), "utf8").split("\n");
	const after = tree.split("\n");
	const at = before.findIndex((line, i) => line !== after[i]);
	return at < 0 ? null : `tests/e2e/looks/${file}, line ${at + 1}: ${before[at]?.trim()} is now ${after[at]?.trim()}`;
}

for (const [name, look] of Object.entries(LOOKS))
	test(`${name} looks and reads as it did, on a wide screen and on a phone, in both themes, and axe finds nothing`, async (t) => {
		const page = await newPage(t, { viewport: SCREENS.wide, colorScheme: "light", locale: "en-US", timezoneId: "UTC" });
		await show(page, look);
		const problems = [problemOfTree(name, (await accessibilityTree(page, look.regions)).replaceAll(new URL(base).host, "HOST"))];
		for (const [screen, colorScheme] of VIEWS) {
			const title = `${name}-${screen}-${colorScheme}`;
			await change(page, screen, colorScheme);
			problems.push(await problemOfPicture(page, title, screen, look.part));
			if (SEEN_BY_AXE.includes(`${screen}-${colorScheme}`)) problems.push(...(await violations(page)));
		}
		if ((await sideways(page)) > 0) problems.push("it scrolls sideways");
		problems.push(...(await keyboardProblems(page)));
		problems.push(...page.complaints.filter((text) => !EXPECTED.test(text)));
		assert.deepEqual(problems.filter(Boolean), []);
	});

test("a colour that changes, a button that moves and a text that is gone are seen", { skip: isUpdating }, async (t) => {
	const page = await newPage(t, { viewport: SCREENS.wide, colorScheme: "light", locale: "en-US", timezoneId: "UTC" });
	await show(page, LOOKS.login);
	assert.equal(await problemOfPicture(page, "login-wide-light", "wide"), null);
	for (const [what, change] of Object.entries({
		colour: () => document.documentElement.style.setProperty("--panel", "#e4dcc8"),
		button: () => {
			document.querySelector("[type=submit]").style.translate = "0 24px";
		},
		text: () => {
			document.querySelector("h1").style.visibility = "hidden";
		},
	})) {
		await page.evaluate(change);
		const picture = await page.screenshot({ fullPage: true, animations: "disabled" });
		assert.match((await pictureProblem(await blankPage(), "login-wide-light", picture, SCREENS.wide)) ?? "", /differs from/, what);
		await page.evaluate(() => {
			for (const node of document.querySelectorAll("[style]")) node.removeAttribute("style");
		});
	}
});
