// The web client in use, on a stack whose services the tests stop and start.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import {
	admin,
	call,
	expired,
	h1,
	isLive,
	loggedOut,
	logIn,
	makeAdmin,
	newUser,
	notice,
	open,
	openAs,
	own,
	PASSWORD,
	settled,
} from "./people.mjs";
import {
	allOf,
	answers,
	artifact,
	base,
	clientFile,
	direct,
	eventually,
	messages,
	misplaced,
	newPage,
	psql,
	sideways,
	start,
	stop,
	violations,
} from "./stack.mjs";

// An index that no test has submitted before.
const freshIndex = () => 200_000 + Math.floor(Math.random() * 700_000);

async function bringUp() {
	for (const name of ["redis", "nginx", ...allOf("values"), ...allOf("worker")]) await start(name);
	await answers(`${base}/api/values/kinds`);
}
after(bringUp);

// The number that the front page begins with is known, so that no 404 for it is on the console of a first visit.
before(async () => {
	await call("POST", "/api/values", { body: { kind: "factorial", index: 52 } });
	await eventually(async () => (await call("GET", "/api/values/factorial/52")).status === 200, "52! is calculated");
});

// ---- the pages ----

const value = (page, index) =>
	page.locator(".value").filter({ has: page.locator(".value-name b", { hasText: new RegExp(`^${index.toLocaleString("en")}$`) }) });
const digits = (page, options) => page.locator(".digits-all .group").first().waitFor(options); // of the page of a result

async function submit(page, kind, index) {
	await page.locator(`[name=kind][value=${kind}]`).check({ force: true });
	await page.getByLabel("Index", { exact: true }).fill(String(index));
	await page.getByRole("button", { name: "Calculate" }).click();
}

// Presses "Try now", unless the page has tried by itself in the meantime.
const tryNow = (page) =>
	page
		.getByRole("button", { name: "Try now" })
		.click({ timeout: 1000 })
		.catch(() => {});

// ---- every page ----

const PUBLIC = [
	["/", "Large numbers, the moment they are known"],
	["/register", "Register"],
	["/login", "Log in"],
	["/forgot", "Forgot your password?"],
	["/reset", "Choose a new password"],
	["/about", "About"],
	["/health", "Health"],
	["/values/factorial/52", "Factorial 52"],
	["/values/factorial/1001", "Factorial 1,001"],
	["/values/prime/7", "There is no such value"],
	["/no/such/page", "There is no such page"],
];
const PRIVATE = [
	["/account", "Account"],
	["/all-users", "All Users"],
	["/", "Your values"],
];

async function inspect(page, [path, title], name) {
	await page.goto(`${base}${path}`);
	await h1(page, title);
	await settled(page);
	assert.deepEqual(await violations(page), [], path);
	assert.ok((await sideways(page)) <= 0, `${path} scrolls sideways`);
	assert.notEqual(await page.title(), "");
	await page.screenshot({
		path: artifact(`client-${name}-${path === "/" ? title.split(" ")[0].toLowerCase() : path.split("/").at(-1)}.png`),
		fullPage: true,
	});
}

// Two visits show each colour scheme and each layout: which colours a page has does not depend on its width.
for (const [name, options] of Object.entries({
	light: {},
	"phone-dark": { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
}))
	test(`every page (${name}): axe finds nothing, the console is silent, nothing scrolls sideways`, async (t) => {
		const page = await newPage(t, options);
		const elsewhere = [];
		page.on("request", (request) => request.url().startsWith(base) || elsewhere.push(request.url()));
		for (const each of PUBLIC) await inspect(page, each, name);
		await logIn(page, admin);
		await isLive(page);
		for (const [kind, index] of [
			["fibonacci", 7],
			["fibonacci", 1000],
			["lucas", 90],
			["factorial", 1000],
			["primorial", 5000],
		]) {
			await submit(page, kind, index);
			await value(page, index).first().and(page.locator("[data-state=done]")).waitFor();
		}
		for (const each of PRIVATE) await inspect(page, each, name);
		await page.locator(".plot canvas").waitFor();
		await page.goto(`${base}/values/factorial/1000`);
		await digits(page);
		assert.deepEqual(await violations(page), [], "a result");
		await page.screenshot({ path: artifact(`client-${name}-result.png`), fullPage: true });
		assert.deepEqual(page.complaints, []);
		assert.deepEqual(elsewhere, []);
	});

test("assets are cached for a year, pages are revalidated, and only the site's own scripts and styles run", async () => {
	const page = await fetch(base);
	const policy = page.headers.get("Content-Security-Policy");
	assert.match(policy, /script-src 'self'; style-src 'self'/);
	assert.doesNotMatch(policy, /unsafe/);
	assert.equal(page.headers.get("Cache-Control"), "no-cache");
	const html = await page.text();
	assert.match(html, /<html lang="en">[\s\S]*<meta name="description" content="[^"]{20,}">[\s\S]*<title>Abacus<\/title>/);
	for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
		const asset = await fetch(`${base}${path}`, { headers: { "Accept-Encoding": "gzip" } });
		assert.equal(asset.status, 200, path);
		if (!path.startsWith("/assets/")) continue;
		assert.equal(asset.headers.get("Cache-Control"), "public, max-age=31536000, immutable", path);
		if (path.endsWith(".woff2")) continue; // is compressed in itself
		if (Number(asset.headers.get("Content-Length")) > 1000) assert.equal(asset.headers.get("Content-Encoding"), "gzip", path);
	}
	for (const path of ["/assets/none.js", "/nope.js", "/favicon.ico"]) assert.equal((await fetch(`${base}${path}`)).status, 404, path);
});

test("/status leads to the account, /status/ is the dashboard that the health page leads to", async (t) => {
	const page = await open(t, "/status");
	await h1(page, "Account");
	assert.equal(page.url(), `${base}/account`);
	await page.goto(`${base}/health`);
	await page.locator(".health-head", { hasText: /instances? up|down|degraded/ }).waitFor();
	await page.getByRole("link", { name: "Open the dashboard" }).click();
	await page.waitForURL(`${base}/status/`);
	await page.locator("#headline").waitFor();
});

// ---- sessions ----

test("a visitor registers, and the page shows which rules are met", async (t) => {
	const page = await open(t, "/");
	await page.getByRole("link", { name: "Register" }).first().click();
	await h1(page, "Register");
	assert.equal(await page.locator(".validation-list > .error").count(), 4);
	const name = `newcomer${Date.now()}`;
	await page.getByLabel("Username").fill(name);
	await page.getByLabel("Email").fill(`${name}@example.com`);
	assert.equal(await page.locator(".validation-list > .success").count(), 3);
	assert.ok(await page.locator("[type=submit]").isDisabled());
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await notice(page, "success", "Welcome!").waitFor();
	await h1(page, "Your values");
	await notice(page, "success", "Welcome!").waitFor({ state: "detached" });
	await page.getByRole("link", { name: "Account" }).click();
	await eventually(async () => (await page.getByLabel("Email").inputValue()) === `${name}@example.com`, "the account is shown");
	assert.deepEqual(page.complaints, []);
});

test("an error is shown beside the wrong input, and a notification of an error stays until it is dismissed", async (t) => {
	const who = await newUser();
	const page = await open(t, "/login");
	await page.getByLabel("Email").fill(who.email);
	await page.getByLabel("Password").fill("not the password");
	await page.locator("[type=submit]").click();
	await notice(page, "danger", "Login failed.").waitFor();
	await page.waitForTimeout(3500); // longer than other notifications stay
	await notice(page, "danger", "Login failed.").locator(".delete").click();
	await notice(page, "danger", "Login failed.").waitFor({ state: "detached" });
	await page.goto(`${base}/register`);
	await page.getByLabel("Username").fill(who.username);
	await page.getByLabel("Email").fill("nobody.example.com");
	await page.getByLabel("Password").fill(PASSWORD);
	assert.ok(await page.locator("[type=submit]").isDisabled());
	await page.getByLabel("Email").fill("some@body.example.com");
	await page.locator("[type=submit]").click();
	await page.getByText("Username is taken, or looks like one that is.").waitFor();
	await page.getByLabel("Email").fill(who.email.toUpperCase());
	await page.locator("[type=submit]").click();
	await page.getByText("Email belongs to another user.").waitFor();
	await page.getByLabel("Username").fill("n".repeat(129));
	await page.getByText("Usernames must not be longer than 128 characters.").waitFor();
	await logIn(page, who);
	for (const [index, problem] of [
		["-1", /must be a whole number/],
		["1.5", /must be a whole number/],
		["1000001", /Index too high/],
	]) {
		await page.getByLabel("Index", { exact: true }).fill(index);
		await page.locator(".help.is-danger", { hasText: problem }).waitFor();
		assert.ok(await page.getByRole("button", { name: "Calculate" }).isDisabled());
	}
	assert.deepEqual(await violations(page), []);
	assert.deepEqual(own(page.complaints), []);
});

test("a session survives a reload, and a new tab starts logged out", async (t) => {
	const page = await openAs(t, await newUser());
	await page.reload();
	await h1(page, "Your values");
	const other = await page.context().newPage();
	await other.goto(base);
	await loggedOut(other);
});

test("a kept session exists in a new tab, even after the first tab was closed", async (t) => {
	const page = await openAs(t, await newUser(), { keep: true });
	const other = await page.context().newPage();
	await other.goto(base);
	await h1(other, "Your values");
	await page.close();
	await other.reload();
	await h1(other, "Your values");
});

test("logging out in one tab logs out every tab at once and revokes the tokens", async (t) => {
	const [kept, single] = [await newUser(), await newUser()];
	const page = await openAs(t, kept, { keep: true });
	const same = await page.context().newPage();
	await same.goto(`${base}/account`);
	await same.getByLabel("Email").waitFor();
	const other = await page.context().newPage();
	await other.goto(base);
	await other.evaluate((token) => sessionStorage.setItem("abacus.token", token), single.token);
	await other.reload();
	await isLive(other);
	const token = await page.evaluate(() => localStorage.getItem("abacus.token"));
	await page.getByRole("button", { name: "Log out" }).click();
	await notice(page, "success", "You have logged out").waitFor();
	for (const tab of [same, other]) {
		await notice(tab, "success", "You have logged out").waitFor();
		await loggedOut(tab);
	}
	await same.getByText("You must be logged in to view this.").waitFor();
	for (const dead of [token, single.token])
		await eventually(async () => (await call("GET", "/auth/status", { token: dead })).status === 401, "the token is revoked");
	await page.reload();
	await loggedOut(page);
});

test("an expired or revoked token ends the session with a notification", async (t) => {
	const who = await newUser();
	const page = await open(t, "/");
	await page.evaluate((token) => sessionStorage.setItem("abacus.token", token), expired(who.token));
	await page.reload();
	await notice(page, "danger", "Your session has expired. Please log in again.").waitFor();
	await loggedOut(page);
	await logIn(page, who);
	await isLive(page);
	const token = await page.evaluate(() => sessionStorage.getItem("abacus.token"));
	await call("POST", "/auth/logout", { token });
	await notice(page, "danger", "Your session has ended. Please log in again.").waitFor(); // without a call, because the server closes the live connection
	await loggedOut(page);
	assert.deepEqual(own(page.complaints), []);
});

test("a submission with a revoked token ends the session with one notification, in words for people", async (t) => {
	const page = await newPage(t);
	// The live connection, or the list that is fetched whenever that is lost, would end the session first.
	await page.routeWebSocket("**/api/values/live", (socket) => socket.close());
	await page.route("**/api/values?*", (route) => route.fulfill({ json: { status: "success", data: { values: [] } } }));
	await logIn(page, await newUser());
	await notice(page, "success", "Welcome!").waitFor({ state: "detached" });
	const token = await page.evaluate(() => sessionStorage.getItem("abacus.token"));
	await call("POST", "/auth/logout", { token });
	await submit(page, "fibonacci", 7);
	await notice(page, "danger", "Your session has ended. Please log in again.").waitFor();
	await loggedOut(page);
	assert.deepEqual(await page.locator(".notification").allInnerTexts(), ["Your session has ended. Please log in again."]);
});

test("after too many wrong passwords the page says when to try again", async (t) => {
	const { email } = await newUser();
	const wrong = { email, password: "not the password" };
	await eventually(async () => (await call("POST", "/auth/login", { body: wrong })).status === 429, "it is too many");
	const page = await open(t, "/login");
	await page.getByLabel("Email").fill(email);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await notice(page, "danger", /^Too many attempts\. Try again in \d+ (minutes|seconds?)\.$/).waitFor();
});

test("changing the password keeps this tab logged in and logs out all others", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who);
	const elsewhere = await openAs(t, who);
	await page.getByRole("link", { name: "Account" }).click();
	await page.getByLabel("Current password").fill(PASSWORD);
	await page.getByLabel("New password").fill("nine wooden beads");
	await page.getByRole("button", { name: "Change password" }).click();
	await notice(page, "success", "Password changed.").waitFor();
	await page.getByRole("link", { name: "Abacus, home" }).click();
	await isLive(page);
	await loggedOut(elsewhere);
});

test("a forgotten password is set by the link in the message that arrives", async (t) => {
	const who = await newUser();
	const page = await open(t, "/login");
	await page.getByRole("link", { name: "Forgot your password?" }).click();
	await page.getByLabel("Email").fill(who.email);
	await page.getByRole("button", { name: "Send the link" }).click();
	await page.getByRole("status").getByText(`If an account has the address ${who.email}`).waitFor();
	const arrived = () => messages().find((text) => text.includes(`To: <${who.email}>`) && text.includes("/reset#"));
	await eventually(async () => arrived(), "the message with the link");
	await page.goto(`${base}${arrived().match(/\/reset#[\w-]+/)[0]}`);
	await h1(page, "Choose a new password");
	await page.getByLabel("New password").fill(who.email);
	await page.getByRole("button", { name: "Change password" }).click();
	await page.getByText("New password is too easy to guess: it contains the username or the email address.").waitFor();
	await page.getByLabel("New password").fill("nine wooden beads");
	await page.getByRole("button", { name: "Change password" }).click();
	await notice(page, "success", "Password changed. Please log in.").waitFor();
	await logIn(page, { ...who, password: "nine wooden beads" });
});

test("the keyboard alone logs in, submits, opens a result and closes it", async (t) => {
	const who = await newUser();
	const page = await open(t, "/login");
	await h1(page, "Log in");
	const tabTo = async (label) => {
		for (let i = 0; i < 20; i++) {
			await page.keyboard.press("Tab");
			if (await page.evaluate((label) => document.activeElement.matches(label), label)) return;
		}
		assert.fail(`${label} is not reached`);
	};
	await page.keyboard.press("Tab");
	assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
	await tabTo("[name=email]");
	await page.keyboard.type(who.email);
	await tabTo("[name=password]");
	await page.keyboard.type(PASSWORD);
	await page.keyboard.press("Enter");
	await isLive(page);
	await tabTo("[name=kind]");
	await page.keyboard.press("ArrowRight");
	await tabTo("[name=index]");
	await page.keyboard.type("90");
	await page.keyboard.press("Enter");
	await value(page, 90).and(page.locator("[data-kind=lucas][data-state=done]")).waitFor();
	await tabTo(".value a");
	await page.keyboard.press("Enter");
	await h1(page, "Lucas 90");
	await tabTo(".way button");
	await page.keyboard.press("Enter");
	await h1(page, "Your values");
});

// ---- values ----

test("the result of a submitted index appears without polling", async (t) => {
	const page = await openAs(t, await newUser());
	for (const name of allOf("worker")) await stop(name);
	t.after(bringUp);
	const index = freshIndex();
	await submit(page, "fibonacci", index);
	await value(page, index).and(page.locator("[data-state=pending]")).waitFor();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-pending.png") });
	const asked = [];
	page.on("request", (request) => new URL(request.url()).pathname === "/api/values" && asked.push(request.url()));
	await page.locator(".live:is([data-live=open], [data-live=delayed])").waitFor();
	await page.evaluate(() => {
		window.shifts = 0;
		new PerformanceObserver((list) => {
			for (const entry of list.getEntries()) window.shifts += entry.value;
		}).observe({
			type: "layout-shift",
		});
	});
	const height = (await value(page, index).boundingBox()).height;
	for (const name of allOf("worker")) await start(name);
	await value(page, index).and(page.locator("[data-state=done]")).waitFor();
	await eventually(
		async () => (await page.locator("[role=status]", { hasText: "is calculated" }).count()) === 1,
		"the result is announced to screen readers",
	);
	assert.ok(asked.length <= 1, "the result came live; polling every 10 s is for failures");
	assert.equal((await value(page, index).boundingBox()).height, height);
	assert.ok((await page.evaluate(() => window.shifts)) < 0.02, "nothing jumps");
	await page.locator(".plot canvas").waitFor();
	assert.deepEqual(page.complaints, []);
});

test("Retry puts a failed value back, and its result appears in the same row", async (t) => {
	const [person, index] = [await newUser(), freshIndex()];
	await psql("values", `INSERT INTO calculations (kind, index, state) VALUES ('fibonacci', ${index}, 'failed')`);
	await call("POST", "/api/values", { body: { index }, token: person.token });
	const page = await openAs(t, person);
	await value(page, index).and(page.locator("[data-state=failed]")).waitFor();
	assert.deepEqual(await violations(page), []);
	await page.getByRole("button", { name: `Retry Fibonacci ${index}` }).click();
	await value(page, index).and(page.locator("[data-state=done]")).waitFor();
	assert.equal(await page.locator(".value").count(), 1, "it is no second submission");
	assert.deepEqual(page.complaints, []);
});

test("an admin puts back what another user has submitted, on the page of the result", async (t) => {
	const [person, index] = [await newUser(), freshIndex()];
	await psql("values", `INSERT INTO calculations (kind, index, state) VALUES ('lucas', ${index}, 'failed')`);
	await call("POST", "/api/values", { body: { kind: "lucas", index }, token: person.token });
	const page = await openAs(t, admin);
	await page.goto(`${base}/values/lucas/${index}`);
	await page.getByText("The calculation has failed").waitFor();
	assert.deepEqual(await violations(page), []);
	await page.getByRole("button", { name: "Retry" }).click();
	await digits(page);
	await page.getByRole("button", { name: "Home" }).click();
	await isLive(page);
	assert.equal(await value(page, index).count(), 0, "it is no submission of the admin");
	assert.deepEqual(own(page.complaints), []);
});

test("a result that two users wait for appears in both lists", async (t) => {
	const [one, two] = [await openAs(t, await newUser()), await openAs(t, await newUser())];
	const index = freshIndex();
	await submit(one, "lucas", index);
	await submit(two, "lucas", index);
	for (const page of [one, two]) await value(page, index).and(page.locator("[data-state=done]")).waitFor();
});

test("a whole result has an address of its own, and can be copied and downloaded", async (t) => {
	const page = await openAs(t, await newUser(), { permissions: ["clipboard-read", "clipboard-write"] });
	await submit(page, "factorial", 1000);
	await value(page, 1000).locator("a").click();
	await page.waitForURL(`${base}/values/factorial/1000`);
	await h1(page, "Factorial 1,000");
	await page.getByRole("button", { name: "Copy", exact: true }).click();
	await page.getByRole("button", { name: "Copied" }).waitFor();
	const whole = await page.evaluate(() => navigator.clipboard.readText());
	assert.equal(whole.length, 2568);
	assert.ok(whole.startsWith("402387260077093773543702433923003985719374864210714632543799910429938512398629020592044208486969"));
	const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
	assert.equal(download.suggestedFilename(), "factorial-1000.txt");
	assert.equal(readFileSync(await download.path(), "utf8"), whole);
	await page.reload();
	await digits(page);
	await page.goBack();
	await h1(page, "Your values");
	assert.deepEqual(page.complaints, []);
});

test("while the server is down the page says so and retries, and afterwards it fetches the missed results", async (t) => {
	const page = await openAs(t, await newUser());
	const token = await page.evaluate(() => sessionStorage.getItem("abacus.token"));
	t.after(bringUp);
	await submit(page, "fibonacci", 40);
	await value(page, 40).and(page.locator("[data-state=done]")).waitFor();
	await stop("nginx");
	await page.getByText("The server cannot be reached. Trying again.").waitFor();
	await value(page, 40).waitFor(); // known values stay on the page
	assert.deepEqual(await violations(page), []);
	await page.waitForTimeout(2000); // some attempts
	assert.ok(await page.getByText("The server cannot be reached. Trying again.").isVisible());
	await page.screenshot({ path: artifact("client-unreachable.png") });
	const index = freshIndex();
	await call("POST", "/values", { at: direct(5002), token, body: { kind: "primorial", index } });
	await start("nginx");
	await value(page, index).and(page.locator("[data-state=done]")).waitFor({ timeout: 30_000 });
	await isLive(page, 30_000); // it tries again after up to 19 s
	await page.getByText("The server cannot be reached. Trying again.").waitFor({ state: "detached" });
});

test("without a live connection the page polls for pending values", async (t) => {
	const page = await newPage(t);
	await page.routeWebSocket("**/api/values/live", (socket) => socket.close());
	await logIn(page, await newUser());
	const index = freshIndex();
	await submit(page, "fibonacci", index);
	await value(page, index).and(page.locator("[data-state=done]")).waitFor();
	assert.notEqual(await page.locator(".live").getAttribute("data-live"), "open");
});

test("the page says that the device is offline until it is online again", async (t) => {
	const page = await openAs(t, await newUser());
	await page.context().setOffline(true);
	await page.getByText("This device is offline. What is shown may be old.").waitFor();
	assert.deepEqual(await violations(page), []);
	await page.locator(".live[data-live=offline]").waitFor();
	await page.screenshot({ path: artifact("client-offline.png") });
	await page.context().setOffline(false);
	await page.getByText("This device is offline.").waitFor({ state: "detached" });
	await isLive(page);
});

// ---- results ----

test("a notification covers no button of a result, and leaves a touch screen by itself", async (t) => {
	const page = await openAs(t, await newUser(), { viewport: { width: 390, height: 740 }, hasTouch: true });
	await submit(page, "factorial", 1000);
	await value(page, 1000).and(page.locator("[data-state=done]")).locator("a").tap();
	await digits(page);
	await page.evaluate(() => {
		navigator.clipboard.writeText = () => Promise.reject(new Error("not allowed"));
		document.execCommand = () => false;
	});
	await page.getByRole("button", { name: "Copy", exact: true }).tap();
	const box = await notice(page, "danger", "The browser does not allow this page to copy.").boundingBox();
	for (const name of ["Copy", "Download"]) {
		const button = await page.getByRole("button", { name, exact: true }).boundingBox();
		assert.ok(button.y + button.height <= box.y, `${name} is above the notification`);
	}
	await page.getByRole("button", { name: "Menu" }).tap();
	await page.getByRole("button", { name: "Log out" }).tap();
	await notice(page, "success", "You have logged out").waitFor();
	await notice(page, "success", "You have logged out")
		.tap({ timeout: 2000 })
		.catch(() => {}); // on a slow machine it has left already
	await notice(page, "success", "You have logged out").waitFor({ state: "detached" });
});

test("a notification waits until its tab is seen", async (t) => {
	const page = await newPage(t);
	await page.addInitScript(() => {
		window.visibility = "hidden";
		Object.defineProperty(document, "visibilityState", { get: () => window.visibility });
	});
	await logIn(page, await newUser());
	const welcome = notice(page, "success", "Welcome!");
	await welcome.waitFor();
	await page.waitForTimeout(3500); // longer than it stays when it is seen
	assert.ok(await welcome.isVisible());
	await page.evaluate(() => {
		window.visibility = "visible";
		document.dispatchEvent(new Event("visibilitychange"));
	});
	await welcome.waitFor({ state: "detached" });
});

test("going back after logging in again does not log out", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who);
	await page.getByRole("button", { name: "Log out" }).click();
	await loggedOut(page);
	await page.locator(".navbar-menu").getByText("Log in").click();
	await page.getByLabel("Email").fill(who.email);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await h1(page, "Your values");
	for (let i = 0; i < 2; i++) {
		await page.goBack();
		await h1(page, "Your values");
	}
	await page.goto(`${base}/logout`);
	await page.locator("#main").getByRole("button", { name: "Log out", exact: true }).waitFor(); // the address itself does not log out
	assert.ok(await page.evaluate(() => sessionStorage.getItem("abacus.token")));
});

test("leaving a result goes back instead of adding history, and the title names the page", async (t) => {
	const page = await openAs(t, await newUser());
	await submit(page, "factorial", 1000);
	const link = value(page, 1000).and(page.locator("[data-state=done]")).locator("a");
	await link.waitFor();
	const before = await page.evaluate(() => history.length);
	for (let i = 0; i < 3; i++) {
		await link.click();
		await digits(page);
		await eventually(async () => (await page.title()) === "Factorial 1,000 · Abacus", "the title names the result");
		await page.getByRole("button", { name: "Your values" }).click();
		await h1(page, "Your values");
		assert.equal(page.url(), `${base}/`);
		await eventually(async () => (await page.title()) === "Abacus", "the title names the list");
	}
	assert.equal(await page.evaluate(() => history.length), before + 1);
});

test("a link to a result says what it leads to, leads there after logging in, and offers to calculate it", async (t) => {
	const index = freshIndex();
	const name = `Fibonacci ${index.toLocaleString("en")}`;
	const page = await open(t, `/values/fibonacci/${index}`);
	await h1(page, name);
	assert.equal(await page.title(), `${name} · Abacus`);
	await page.screenshot({ path: artifact("client-shared-link.png") });
	const who = await newUser();
	await page.getByRole("main").getByRole("link", { name: "Log in" }).click();
	await page.getByLabel("Email").fill(who.email);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await page.getByText("It has not been calculated yet.").waitFor();
	await page.screenshot({ path: artifact("client-uncalculated.png") });
	assert.deepEqual(await violations(page), []);
	await page.getByRole("button", { name: "Calculate" }).click();
	await digits(page);
	await page.getByRole("button", { name: "Home" }).click();
	await h1(page, "Your values");
	assert.equal(page.url(), `${base}/`);
});

test("the index may be written as the page writes it, and one that is too high is called so whatever its length", async (t) => {
	const page = await openAs(t, await newUser());
	for (const text of ["1,234", "1 234", "1_234", "1.234e3"]) {
		await page.getByLabel("Index", { exact: true }).fill(text);
		await page.getByText("Index 1,234 is F(1,235): about 258 digits.").waitFor();
	}
	for (const text of ["1,000,001", "9".repeat(17), "9".repeat(400), "1e300"]) {
		await page.getByLabel("Index", { exact: true }).fill(text);
		await page.locator(".help.is-danger", { hasText: "Index too high: 1,000,000 is the highest of this kind." }).waitFor();
	}
});

test("two submits in one turn send one", async (t) => {
	const page = await openAs(t, await newUser());
	const sent = [];
	page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
	await page.getByLabel("Index", { exact: true }).fill("321");
	await page.evaluate(() => {
		const form = document.querySelector("form");
		form.requestSubmit();
		form.requestSubmit();
	});
	await value(page, 321).and(page.locator("[data-state=done]")).waitFor();
	assert.equal(sent.length, 1);
});

test("two clicks on Calculate of a shared link in one turn send one", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who);
	await page.goto(`${base}/values/fibonacci/${freshIndex()}`);
	const sent = [];
	page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
	await page.getByText("It has not been calculated yet.").waitFor();
	await page.getByRole("button", { name: "Calculate" }).evaluate((button) => {
		button.click();
		button.click();
	});
	await digits(page);
	assert.equal(sent.length, 1);
});

// ---- clients of other origins, and the legacy one of this ----

test("a page of another port logs in, submits and reads the result, and may send no cookies", async (t) => {
	const server = createServer((_request, response) => response.setHeader("Content-Type", "text/html").end("<title>another client</title>"));
	t.after(() => server.close());
	await once(server.listen(0, "127.0.0.1"), "listening");
	const page = await newPage(t);
	await page.goto(`http://127.0.0.1:${server.address().port}/`);
	const { email, password } = await newUser();
	const seen = await page.evaluate(
		async ({ base, email, password }) => {
			const json = { "Content-Type": "application/json" };
			const send = async (path, body, headers = {}) =>
				(await fetch(`${base}${path}`, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) })).json();
			const { auth_token } = await send("/auth/login", { email, password });
			const token = { Authorization: `Bearer ${auth_token}` };
			const { state } = await send("/api/values", { kind: "lucas", index: 7 }, token);
			const listed = await fetch(`${base}/api/values?limit=1`, { headers: token });
			const withCookies = await fetch(`${base}/users/ping`, { credentials: "include" }).catch((error) => error.name);
			return { state, status: listed.status, id: listed.headers.get("X-Request-ID"), withCookies };
		},
		{ base, email, password },
	);
	assert.ok(["pending", "done"].includes(seen.state));
	assert.equal(seen.status, 200);
	assert.match(seen.id, /^[A-Za-z0-9._-]+$/);
	assert.equal(seen.withCookies, "TypeError", "the browser keeps a reply from a page that sent cookies");
});

const LEGACY_WORKER = `
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
	const headers = { "Content-Type": "text/html" };
	if (event.request.mode === "navigate") event.respondWith(new Response("<title>the legacy page</title>", { headers }));
});`;

test("the legacy client's service worker is removed with what it stored, and its page becomes ours", async (t) => {
	writeFileSync(clientFile("legacy-worker.js"), LEGACY_WORKER);
	t.after(() => rmSync(clientFile("legacy-worker.js")));
	const page = await open(t, "/about");
	await page.evaluate(async () => {
		await caches.open("legacy");
		await navigator.serviceWorker.register("/legacy-worker.js");
		await navigator.serviceWorker.ready;
	});
	await eventually(async () => {
		await page.reload();
		return (await page.title()) === "the legacy page";
	}, "the legacy client's worker answers");
	// A browser looks for a new version of a worker by itself, at the latest when it has been a day; it finds ours at the same address.
	await page.evaluate(() => void navigator.serviceWorker.register("/service-worker.js").catch(() => {}));
	await h1(page, "About");
	const left = () => page.evaluate(async () => [(await navigator.serviceWorker.getRegistrations()).length, (await caches.keys()).length]);
	await eventually(async () => (await left()).join() === "0,0", "no worker and no cache is left");
	await page.reload();
	await h1(page, "About");
});

// ---- trouble ----

test("a page that cannot be loaded leaves the one before as it is, and is loaded when the server answers again", async (t) => {
	const page = await newPage(t);
	await page.route(/assets\/users-/, (route) => route.abort()); // it must not be prefetched
	await logIn(page, await newUser());
	await isLive(page);
	await page.getByLabel("Index", { exact: true }).fill("77");
	await page.route("**/*", (route) => route.abort());
	await page.getByRole("link", { name: "Users", exact: true }).click();
	await page.getByText("That page cannot be loaded now. Trying again.").waitFor();
	assert.equal(await page.getByLabel("Index", { exact: true }).inputValue(), "77");
	await page.screenshot({ path: artifact("client-unloaded.png") });
	await page.unrouteAll();
	await tryNow(page);
	await h1(page, "All Users");
	await page.getByRole("button", { name: "Log out" }).waitFor();
});

test("pages that are small are there although the server is not", async (t) => {
	const page = await openAs(t, await newUser());
	const loaded = () => page.evaluate(() => performance.getEntriesByType("resource").some(({ name }) => name.includes("/assets/about-")));
	await eventually(loaded, "they are prefetched");
	await page.route("**/*", (route) => route.abort());
	await page.getByRole("link", { name: "About", exact: true }).click();
	await h1(page, "About");
});

test("with all site data blocked the session lasts as long as the page", async (t) => {
	const page = await newPage(t);
	await page.addInitScript(() => {
		for (const name of ["localStorage", "sessionStorage", "indexedDB"])
			Object.defineProperty(window, name, {
				get() {
					throw new DOMException("Access is denied for this document.", "SecurityError");
				},
			});
	});
	await page.goto(base);
	await h1(page, "Large numbers, the moment they are known");
	await logIn(page, await newUser());
	await isLive(page);
	await page.getByRole("link", { name: "Account" }).click();
	await h1(page, "Account");
	await page.reload();
	await loggedOut(page);
	assert.deepEqual(page.complaints, []);
});

test("a dialog shows the outage, with a button to try now", async (t) => {
	const page = await openAs(t, admin);
	await page.goto(`${base}/all-users`);
	await page.getByRole("button", { name: "Add a user" }).click();
	const dialog = page.getByRole("dialog", { name: "Add a user" });
	await page.route("**/users?*", (route) => route.abort());
	await eventually(async () => {
		await page.evaluate(() => window.dispatchEvent(new Event("visibilitychange"))); // the list is fetched again once it is old enough
		return dialog.getByText("The server cannot be reached. Trying again.").isVisible();
	}, "the dialog shows the outage");
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-dialog-unreachable.png") });
	await dialog.getByRole("button", { name: "Try now" }).waitFor();
	await page.unrouteAll();
	await tryNow(page);
	await dialog.getByText("The server cannot be reached.").waitFor({ state: "detached", timeout: 30_000 });
});

test("a pending value says what it waits for, and Live is not claimed meanwhile", async (t) => {
	const page = await openAs(t, await newUser());
	t.after(bringUp);
	for (const name of allOf("worker")) await stop(name);
	const index = freshIndex();
	await submit(page, "fibonacci", index);
	await value(page, index).getByText("Waiting for a worker").waitFor();
	await value(page, index)
		.getByText(/^for \d+ s$/)
		.waitFor();
	await page.locator(".live[data-live=delayed]").waitFor();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-waiting.png") });
	for (const name of allOf("worker")) await start(name);
	await value(page, index).and(page.locator("[data-state=done]")).waitFor();
	await isLive(page);
});

test("while Redis is down Live is not claimed, and a pending value says that it waits for the queue, and for how long", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who);
	t.after(bringUp);
	await stop("redis");
	await page.locator(".live[data-live=delayed]", { hasText: "The queue is down" }).waitFor();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-queue-down.png") });
	const index = freshIndex();
	await submit(page, "fibonacci", index);
	await value(page, index).getByText("Waiting for the queue, which is down").waitFor();
	await value(page, index)
		.getByText(/^for \d+ s$/)
		.waitFor();
	await start("redis");
	await value(page, index).and(page.locator("[data-state=done]")).waitFor({ timeout: 30_000 });
	await isLive(page, 60_000); // it connects anew, after a pause, if values could not check its token for a while
	await eventually(async () => (await call("GET", "/auth/status", { token: who.token })).status === 200, "users accepts tokens", 30_000);
});

// ---- admins ----

test("an admin deactivates, activates, promotes, adds and deletes", async (t) => {
	const who = await newUser();
	const page = await openAs(t, admin);
	const theirs = await openAs(t, who);
	await page.getByRole("link", { name: "Users", exact: true }).click();
	await h1(page, "All Users");
	await page.getByRole("combobox", { name: "Order" }).selectOption("Newest first");
	const row = (name) => page.locator(`[data-user="${name}"]`);
	await row(who.username).waitFor();
	const press = (name, button) => row(name).getByRole("button", { name: button }).click();
	await press(who.username, "Deactivate");
	await notice(page, "success", `${who.username} is no longer active.`).waitFor();
	await loggedOut(theirs);
	await press(who.username, "Activate");
	await notice(page, "success", `${who.username} is active.`).waitFor();
	await press(who.username, "Make admin");
	await page.getByRole("dialog").getByRole("button", { name: "Make admin" }).click();
	const question = page.getByRole("dialog", { name: `Confirm that ${who.username} becomes an admin` });
	await question.getByLabel("Your password").fill(admin.password);
	assert.deepEqual(await violations(page), []);
	await page.keyboard.press("Enter");
	await notice(page, "success", `${who.username} is an admin.`).waitFor();
	await row(who.username).getByRole("button", { name: "Remove admin" }).waitFor();
	await press(who.username, "Delete");
	assert.deepEqual(await violations(page), []);
	await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
	await notice(page, "success", `${who.username} was deleted.`).waitFor();
	await row(who.username).waitFor({ state: "detached" });
	await page.getByRole("button", { name: "Add a user" }).click();
	const dialog = page.getByRole("dialog", { name: "Add a user" });
	await dialog.getByLabel("Username").fill(who.username);
	await dialog.getByLabel("Email").fill(who.email);
	await dialog.getByLabel("Password").fill(PASSWORD);
	await page.screenshot({ path: artifact("client-add-user.png") });
	await dialog.locator("[type=submit]").click();
	await notice(page, "success", `${who.email} was added!`).waitFor();
	await row(who.username).waitFor();
	assert.deepEqual(own(page.complaints), []);
});

test("an admin finds a user, has a link sent, ends the sessions, and sees both in what happened", async (t) => {
	const who = await newUser();
	const page = await openAs(t, admin);
	const theirs = await openAs(t, who);
	await page.goto(`${base}/all-users`);
	await page.getByRole("searchbox", { name: "Search by name or email" }).fill(who.email);
	await eventually(async () => (await page.locator("[data-user]").count()) === 1, "only that user is listed");
	await page.getByRole("button", { name: `Details ${who.username}` }).click();
	const dialog = page.getByRole("dialog", { name: who.username });
	await dialog.getByText("Registered", { exact: true }).waitFor();
	const confirm = async () => {
		await page.getByRole("dialog", { name: "Confirm that it is you" }).getByLabel("Your password").fill(admin.password);
		await page.keyboard.press("Enter");
	};
	await dialog.getByRole("button", { name: "Send a link for a new password" }).click();
	await confirm();
	await dialog.getByText(`A link for a new password was sent to ${who.email}.`).waitFor();
	await dialog.getByText("A link for a new password was sent", { exact: true }).waitFor();
	await dialog.getByRole("button", { name: "End all sessions" }).click();
	await confirm();
	await dialog.getByText("All sessions were ended", { exact: true }).waitFor();
	await loggedOut(theirs);
	assert.deepEqual(await violations(page), []);
	assert.ok((await sideways(page)) <= 0);
	await page.screenshot({ path: artifact("client-user-details.png") });
	const arrived = () => messages().find((text) => text.includes(`To: <${who.email}>`) && text.includes("/reset#"));
	await eventually(async () => arrived(), "the message with the link");
	await page.keyboard.press("Escape");
	await dialog.waitFor({ state: "detached" });
	assert.deepEqual(own(page.complaints), []);
});

test("an admin filters and sorts the users and edits one, and the address has the filter, the order and the page", async (t) => {
	const word = `zz${process.pid}x${Date.now().toString(36)}`;
	const people = [];
	const token = (await call("POST", "/auth/login", { body: admin })).auth_token;
	for (const name of ["b", "c", "a"]) {
		const who = await newUser();
		const { id } = (await call("GET", "/auth/status", { token: who.token })).data;
		people.push({ id, username: `${name}${word}` });
		await call("PATCH", `/users/${id}`, { token, body: { username: `${name}${word}`, active: name !== "c" } });
	}
	const page = await openAs(t, admin);
	await page.goto(`${base}/all-users?query=${word}`);
	const names = () => page.$$eval("[data-user]", (rows) => rows.map((row) => row.dataset.user[0]).join(""));
	const lists = (expected) => eventually(async () => (await names()) === expected, `the list is ${expected}`);
	await lists("bca");
	await page.getByRole("combobox", { name: "Order" }).selectOption("Username, A to Z");
	await lists("abc");
	await page.getByRole("combobox", { name: "Activity" }).selectOption("Active");
	await lists("ab");
	assert.equal(new URL(page.url()).search, `?query=${word}&active=true&sort=username`);
	await page.goBack();
	await lists("abc");
	await page.goForward();
	await lists("ab");
	await page.reload();
	await lists("ab");
	assert.equal(await page.getByRole("combobox", { name: "Activity" }).inputValue(), "true");
	await page.getByRole("button", { name: `Edit a${word}` }).click();
	const dialog = page.getByRole("dialog", { name: `Edit a${word}` });
	await dialog.getByLabel("Username").fill(`d${word}`);
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-edit-user.png") });
	await page.keyboard.press("Enter");
	await notice(page, "success", `d${word} was changed.`).waitFor();
	await lists("bd");
	await page.goto(`${base}/all-users?query=${word}&sort=username&after=${people[0].id}`);
	await lists("cd");
	await page.getByRole("link", { name: "First page" }).click();
	await page.waitForURL(`${base}/all-users?query=${word}&sort=username`);
	for (const { id } of people) await call("DELETE", `/users/${id}`, { token });
	assert.deepEqual(own(page.complaints), []);
});

test("a user who is not an admin sees all users and cannot change them", async (t) => {
	const page = await openAs(t, await newUser());
	await page.getByRole("link", { name: "Users", exact: true }).click();
	await page.locator("[data-user=admin]").waitFor();
	assert.equal(await page.locator("main button", { hasText: /Deactivate|Delete|Add/ }).count(), 0);
});

test("the page asks an admin before a change of the own account, and follows at once", async (t) => {
	const who = await newUser();
	const { id } = (await call("GET", "/auth/status", { token: who.token })).data;
	const token = (await call("POST", "/auth/login", { body: admin })).auth_token;
	await makeAdmin(id, token, admin.password);
	const page = await openAs(t, who);
	await page.getByRole("link", { name: "Users", exact: true }).click();
	await page.getByRole("combobox", { name: "Order" }).selectOption("Newest first");
	const own = page.locator(`[data-user="${who.username}"]`);
	await own.waitFor();
	const dialog = page.getByRole("dialog");
	await own.getByRole("button", { name: "Deactivate" }).click();
	await page.getByRole("heading", { name: "Deactivate yourself?" }).waitFor();
	assert.deepEqual(await violations(page), []);
	await dialog.getByRole("button", { name: "Cancel" }).click();
	await own.getByRole("button", { name: "Remove admin" }).click();
	await dialog.getByRole("button", { name: "Remove admin" }).click();
	// Whether a user is an admin is no longer shown, because only admins see it.
	for (const button of [own.getByRole("button", { name: "Remove admin" }), page.getByRole("button", { name: "Add a user" })])
		await button.first().waitFor({ state: "detached" }); // the dialog has such a button too, until it is closed
	await makeAdmin(id, token, admin.password);
	await page.reload();
	await own.waitFor();
	await own.getByRole("button", { name: "Deactivate" }).click();
	await dialog.getByRole("button", { name: "Deactivate" }).click();
	await notice(page, "danger", "This account is not active.").waitFor();
	await loggedOut(page);
});

// ---- narrow, large, and with forced colours ----

const CARDS = ".sheet, .dialog-inner";

// Those that take more than two lines.
const tall = (nodes) =>
	nodes.evaluateAll((all) =>
		all
			.filter((node) => node.clientHeight > 2.5 * Number.parseFloat(getComputedStyle(node).lineHeight))
			.map((node) => `${node.textContent} is ${node.clientHeight} px high`),
	);

for (const [name, options, size] of [
	["at 320 px", { viewport: { width: 320, height: 700 } }, "100%"],
	["with text of 200 %", {}, "200%"],
])
	test(`${name} nothing leaves its card or is cut off`, async (t) => {
		const page = await newPage(t, options);
		await page.addInitScript((size) => {
			document.addEventListener("DOMContentLoaded", () => (document.documentElement.style.fontSize = size));
		}, size);
		for (const [path, title] of PUBLIC) {
			await page.goto(`${base}${path}`);
			await h1(page, title);
			assert.deepEqual(await misplaced(page, CARDS), [], path);
		}
		await logIn(page, admin);
		await submit(page, "factorial", 1000);
		await value(page, 1000).first().and(page.locator("[data-state=done]")).waitFor();
		for (const [path, title] of PRIVATE) {
			await page.goto(`${base}${path}`);
			await h1(page, title);
			await settled(page);
			assert.deepEqual(await misplaced(page, CARDS), [], path);
			assert.ok((await sideways(page)) <= 0, `${path} scrolls sideways`);
			assert.deepEqual(await tall(page.locator("td.email")), [], path);
			await page.screenshot({ path: artifact(`client-${size}-${path.slice(1) || "home"}.png`), fullPage: true });
		}
		await value(page, 1000).first().locator("a").click();
		await digits(page);
		assert.deepEqual(await misplaced(page, CARDS), [], "a result");
		assert.ok((await sideways(page)) <= 0, "a result scrolls sideways");
		await page.screenshot({ path: artifact(`client-${size}-result.png`), fullPage: true });
	});

test("with forced colours the kinds, the chosen one, the slider and Live can be told apart, and what is drawn as a background is there", async (t) => {
	const page = await openAs(t, admin, { forcedColors: "active" });
	await submit(page, "factorial", 52);
	await value(page, 52).first().and(page.locator("[data-state=done]")).waitFor();
	await page.locator(".legend-dot").first().waitFor();
	const colour = (selector, pseudo) =>
		page
			.locator(selector)
			.first()
			.evaluate((node, pseudo) => getComputedStyle(node, pseudo).backgroundColor, pseudo);
	const dots = await page.locator(".legend-dot").evaluateAll((nodes) => nodes.map((node) => getComputedStyle(node).backgroundColor));
	assert.equal(new Set(dots).size, 4);
	assert.equal(await colour(".value[data-kind=factorial]", "::before"), await colour(".legend [data-kind=factorial] .legend-dot"));
	assert.notEqual(await colour(".choice input:checked + span"), await colour(".choice input:not(:checked) + span"));
	assert.notEqual(await colour(".live-dot"), await colour(".home-values"));
	assert.equal(await page.locator(".slider").evaluate((node) => getComputedStyle(node).appearance), "auto");
	await page.screenshot({ path: artifact("client-forced-colours.png") });
	await page.goto(`${base}/all-users`);
	await page.getByRole("button", { name: "Add a user" }).click();
	await page.locator("dialog[open]").waitFor();
	assert.notEqual(await colour("dialog .delete", "::before"), await colour("dialog .dialog-inner"));
	await page.keyboard.press("Escape");
	await page.setViewportSize({ width: 360, height: 740 });
	await page.locator(".navbar-burger").waitFor();
	assert.notEqual(await colour(".navbar-burger span"), await colour(".navbar"));
	await page.goto(`${base}/account`);
	await page.getByLabel("Current password").fill("x");
	await page.locator(".success > .rule-mark").first().waitFor();
	assert.notEqual(await colour(".success > .rule-mark"), await colour(".error > .rule-mark"));
});

// ---- a phone ----

test("on a phone the burger opens the menu, and touch does everything else", async (t) => {
	const page = await open(t, "/", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
	await page.locator(".navbar-burger").tap();
	assert.deepEqual(await violations(page), []);
	await page.screenshot({ path: artifact("client-phone-menu.png") });
	await page.locator(".navbar-menu").getByText("Log in").tap();
	const who = await newUser();
	await page.getByLabel("Email").fill(who.email);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").tap();
	await isLive(page);
	await page.locator("[name=kind][value=lucas]").tap();
	await page.getByLabel("Examples").fill("3");
	await page.getByRole("button", { name: "Calculate" }).tap();
	await value(page, 300).and(page.locator("[data-kind=lucas][data-state=done]")).waitFor();
	assert.ok((await sideways(page)) <= 0);
});
