// The account in the web client: sessions that go on, second factors, and what is sensitive.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
	call,
	confirmByPassword,
	dialog,
	expired,
	givePassword,
	h1,
	isLive,
	LIGHT,
	loggedOut,
	logIn,
	look,
	newUser,
	noDialog,
	notice,
	open,
	openAccount,
	openAs,
	own,
	PASSWORD,
	PHONE,
} from "./people.mjs";
import { artifact, base, eventually, messages, misplaced, newPage, sideways, usersWith } from "./stack.mjs";

// ---- an authenticator app (RFC 6238) ----

const STEP_S = 30;

function bytesOf(base32) {
	const bits = [...base32].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
	return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

// Gives a code for each call of code(). The server accepts a step once and one ahead of its clock, so the third code may have to wait for the clock.
class App {
	#last = 0;

	constructor(secret) {
		this.secret = bytesOf(secret.replaceAll(" ", ""));
	}

	async code() {
		const now = () => Math.floor(Date.now() / 1000 / STEP_S);
		const step = Math.max(this.#last + 1, now());
		while (step > now() + 1) await pause(100);
		this.#last = step;
		const counter = Buffer.alloc(8);
		counter.writeBigUInt64BE(BigInt(step));
		const digest = createHmac("sha1", this.secret).update(counter).digest();
		const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff;
		return String(number % 1_000_000).padStart(6, "0");
	}
}

// A new user with an app: {…, app, codes}.
async function newUserWithApp() {
	const who = await newUser();
	const { data } = await call("POST", "/auth/factors", { token: who.token, body: { method: "totp", current: PASSWORD } });
	const app = new App(data.secret);
	const reply = await call("POST", `/auth/factors/${data.id}`, { token: who.token, body: { code: await app.code() } });
	return { ...who, token: reply.data.access_token, app, codes: reply.data.recovery_codes };
}

test("an app is added, logs in by a code and by a recovery code, and is removed", async (t) => {
	const who = await newUser();
	const page = await newPage(t);
	await logIn(page, who);
	await openAccount(page);
	await page.getByRole("button", { name: "Add an authenticator app" }).click();
	await dialog(page, "Confirm that it is you").getByLabel("Your password").waitFor();
	await look(page, "confirm", PHONE);
	await confirmByPassword(page);
	await page.locator("svg.qr").waitFor();
	await look(page, "enrol", LIGHT);
	const app = new App(await page.locator(".secret code").innerText());
	await page.getByLabel("Code", { exact: true }).fill("000000");
	await page.getByRole("button", { name: "Add the app" }).click();
	await page.getByText("Code is not a code of this app.").waitFor();
	await page.getByLabel("Code", { exact: true }).fill(await app.code());
	await page.getByRole("button", { name: "Add the app" }).click();
	await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
	const codes = await page.locator(".codes li").allInnerTexts();
	assert.equal(codes.length, 10);
	await look(page, "codes", PHONE);
	const download = page.waitForEvent("download");
	await page.getByRole("button", { name: "Download" }).click();
	assert.equal((await download).suggestedFilename(), "abacus-recovery-codes.txt");
	await page.emulateMedia({ media: "print" });
	const printed = page.locator("h1, .navbar, .foot, .button, .sheet").filter({ visible: true });
	assert.equal(await printed.count(), 1, "only the codes are printed");
	await page.screenshot({ path: artifact("account-print.png"), fullPage: true });
	await page.emulateMedia({ media: "screen" });
	await page.getByRole("button", { name: "I have kept them" }).click();
	await page.getByText("10 of 10 are left.").waitFor();
	await look(page, "with", PHONE);
	await page.setViewportSize(LIGHT[1]);
	await page.getByRole("button", { name: "Log out" }).click();
	await loggedOut(page);

	await givePassword(page, who);
	await h1(page, "Confirm that it is you");
	await look(page, "second-step", LIGHT);
	await page.getByLabel("Code", { exact: true }).fill(await app.code());
	await page.keyboard.press("Enter");
	await h1(page, "Your values");
	await page.evaluate(() => sessionStorage.clear());

	await givePassword(page, who);
	await page.getByRole("button", { name: "Use a recovery code" }).click();
	await page.getByLabel("Recovery code").fill(codes[0].toLowerCase());
	await page.keyboard.press("Enter");
	await h1(page, "Your values");

	await openAccount(page);
	await page.getByText("9 of 10 are left.").waitFor();
	await page.getByRole("button", { name: /^Remove/ }).click();
	await dialog(page, "Remove the authenticator app?").getByRole("button", { name: "Use a recovery code" }).click();
	await page.getByLabel("Recovery code").fill(codes[0]);
	await page.keyboard.press("Enter");
	await page.getByText("Recovery code is wrong, or was used before.").waitFor();
	await look(page, "remove", LIGHT);
	await page.keyboard.type(codes[1]);
	await page.keyboard.press("Enter");
	await noDialog(page);
	await page.getByRole("button", { name: "Add an authenticator app" }).waitFor();
	await page.evaluate(() => sessionStorage.clear());
	await logIn(page, who);
	assert.deepEqual(own(page.complaints), []);
});

test("after five wrong codes the login begins again, and says why", async (t) => {
	const who = await newUserWithApp();
	const page = await newPage(t);
	await givePassword(page, who);
	for (let i = 0; i < 5; i++) {
		await page.getByLabel("Code", { exact: true }).fill(`00000${i}`);
		await page.keyboard.press("Enter");
		await eventually(
			async () => (await page.getByLabel("Code", { exact: true }).getAttribute("aria-invalid")) === "true",
			"the code is wrong",
		);
	}
	await page.getByLabel("Code", { exact: true }).fill(await who.app.code());
	await page.keyboard.press("Enter");
	await notice(page, "warning", "That took too long, or too many codes were wrong.").waitFor();
	await h1(page, "Log in");
	assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "email");
});

test("a code confirms each sensitive action of a user with an app, and none is asked at the login if the user chose so", async (t) => {
	const who = await newUserWithApp();
	const page = await newPage(t);
	await givePassword(page, who);
	await page
		.getByLabel("Recovery code")
		.or(page.getByLabel("Code", { exact: true }))
		.waitFor();
	await page.getByRole("button", { name: "Use a recovery code" }).click();
	await page.getByLabel("Recovery code").fill(who.codes[0]);
	await page.keyboard.press("Enter");
	await h1(page, "Your values");
	await openAccount(page);
	await page.getByRole("radio", { name: /^Only before/ }).click(); // not check(), because it is chosen only once it is confirmed
	await dialog(page, "Confirm that it is you")
		.getByLabel("Code", { exact: true })
		.fill(await who.app.code());
	await page.keyboard.press("Enter");
	await notice(
		page,
		"success",
		"The second step is asked for only before sensitive actions. You are logged out everywhere else.",
	).waitFor();
	const other = await newPage(t);
	await logIn(other, who);
	await page.getByLabel("New password").fill("nine wooden beads");
	await page.getByRole("button", { name: "Change password" }).click();
	await dialog(page, "Confirm that it is you").getByRole("button", { name: "Use a recovery code" }).click();
	await page.getByLabel("Recovery code").fill(who.codes[1]);
	await page.keyboard.press("Enter");
	await notice(page, "success", "Password changed. You are logged out everywhere else.").waitFor();
	await loggedOut(other);
});

// ---- messages ----

// What PATTERN finds in the messages to the user, the oldest first, once there are COUNT.
const inMessages = ({ email }, pattern, count) =>
	eventually(() => {
		const found = messages()
			.filter((text) => text.includes(email))
			.flatMap((text) => pattern.exec(text)?.[1] ?? []);
		return found.length >= count && found;
	}, `${count} messages with ${pattern} have arrived`);
const newestCode = async (who, count) => (await inMessages(who, /Code (\d{6}) confirms/, count)).at(-1);

test("codes by email are added by the code of a message, the next login takes its own, and the list of what happened has both", async (t) => {
	const who = await newUser();
	const page = await newPage(t);
	await logIn(page, who);
	await openAccount(page);
	await page.getByRole("button", { name: "Get codes by email instead" }).click();
	await confirmByPassword(page);
	await page.getByRole("heading", { name: "Add codes by message" }).waitFor();
	await page.getByLabel("Code", { exact: true }).fill(await newestCode(who, 1));
	await page.keyboard.press("Enter");
	await page.getByRole("button", { name: "I have kept them" }).click();
	await page
		.getByText(/^Codes by message: .…@/)
		.first()
		.waitFor();
	await page.evaluate(() => sessionStorage.clear());

	await givePassword(page, who);
	await page.getByText("Enter the six digits of the newest message").waitFor();
	await page.getByLabel("Code", { exact: true }).fill(await newestCode(who, 2));
	await page.keyboard.press("Enter");
	await h1(page, "Your values");

	await openAccount(page);
	const happened = page.getByRole("region", { name: "What happened with your account" });
	for (const what of [
		"Logged in",
		"A code or a passkey was accepted",
		"Two-step login: an app, codes by message or a passkey was added",
		"Registered",
	])
		await happened.getByText(what, { exact: true }).first().waitFor();
	await look(page, "activity", PHONE);
	assert.deepEqual(own(page.complaints), []);
});

// The codes of the SMS to a number, the oldest first; without a gateway mailer writes them as files too.
const smsCodes = (phone, count) =>
	eventually(() => {
		const found = messages().filter((text) => text.includes(`To: <${phone}>`));
		return found.length >= count && found.map((text) => /Abacus code (\d{6}) confirms/.exec(text)[1]);
	}, `${count} SMS to ${phone} have arrived`);

test("codes by SMS are added by the code that was sent to the number, and the next login takes its own", async (t) => {
	const who = await newUser();
	const phone = `+4915${String(Date.now()).slice(-8)}`;
	const page = await newPage(t);
	await logIn(page, who);
	await openAccount(page);
	await page.getByRole("button", { name: "Get codes by SMS" }).click();
	await page.getByLabel("Telephone number").fill(phone.replace("+4915", "0049 15 / "));
	await page.getByRole("button", { name: "Send a code" }).click();
	await confirmByPassword(page);
	await page.getByRole("heading", { name: "Add codes by message" }).waitFor();
	await page.getByLabel("Code", { exact: true }).fill((await smsCodes(phone, 1))[0]);
	await page.keyboard.press("Enter");
	await page.getByRole("button", { name: "I have kept them" }).click();
	await page
		.getByText(/^Codes by message: \+/)
		.first()
		.waitFor();
	assert.equal(await page.getByText(phone).count(), 0, "the page shows the ends of the number alone");
	await page.evaluate(() => sessionStorage.clear());

	await givePassword(page, who);
	await page.getByText("Enter the six digits of the newest message").waitFor();
	await page.getByLabel("Code", { exact: true }).fill((await smsCodes(phone, 2))[1]);
	await page.keyboard.press("Enter");
	await h1(page, "Your values");
	assert.deepEqual(own(page.complaints), []);
});

test("a link that confirms an email address changes nothing until the user confirms, and is good once", async (t) => {
	const who = await newUser();
	assert.equal((await call("POST", "/auth/email", { token: who.token })).status, 202);
	const [token] = await inMessages(who, /\/verify#([\w-]+)/, 1);
	const page = await open(t, `/verify#${token}`);
	await h1(page, "Confirm your email address");
	await look(page, "verify", PHONE);
	await page.reload();
	await page.getByRole("button", { name: "Confirm" }).click();
	await page.getByText("Your email address is confirmed.").waitFor();
	await page.reload();
	await page.getByRole("button", { name: "Confirm" }).click();
	await notice(page, "danger", "This link is not valid any more.").waitFor();
	assert.deepEqual(own(page.complaints), []);
});

test("where addresses have to be confirmed a visitor registers, opens the link that arrives, and only then logs in", async (t) => {
	const users = await usersWith(t, { EMAIL_VERIFICATION: "required" });
	const page = await newPage(t);
	await page.route(`${base}/auth/**`, (route) => route.continue({ url: route.request().url().replace(base, users) }));
	const username = `visitor${Date.now()}`;
	const who = { username, email: `${username}@example.com` };
	await page.goto(`${base}/register`);
	await page.getByLabel("Username").fill(username);
	await page.getByLabel("Email").fill(who.email);
	await page.getByLabel("Password").fill(PASSWORD);
	await page.locator("[type=submit]").click();
	await h1(page, "Almost done");
	const [token] = await inMessages(who, /\/verify#([\w-]+)/, 1);
	await givePassword(page, who);
	await page.getByText("Please open the link that was sent to").waitFor();
	const [, newest] = await inMessages(who, /\/verify#([\w-]+)/, 2);
	for (const [link, outcome] of [
		[token, notice(page, "danger", "This link is not valid any more.")],
		[newest, page.getByText("Your email address is confirmed.")],
	]) {
		await page.goto("about:blank"); // because another fragment alone would load nothing
		await page.goto(`${base}/verify#${link}`);
		await page.getByRole("button", { name: "Confirm" }).click();
		await outcome.waitFor();
	}
	await logIn(page, who);
	assert.deepEqual(own(page.complaints), []);
});

// ---- notices ----

test("an open page shows that a new device has logged in, and why its own session ends", async (t) => {
	const who = await newUser();
	const [page, stranger] = [await openAs(t, who), await openAs(t, await newUser())];
	await inMessages(who, /(A new device) has logged in/, 1); // that is this page's own login
	await page.reload();
	await isLive(page);
	const other = await openAs(t, who, { userAgent: "curl/8.0" });
	await notice(page, "warning", "A new device has logged in to your account.").waitFor();
	await page.getByRole("button", { name: /^Dismiss: A new device/ }).click();
	await openAccount(other);
	await other.getByLabel("Current password").fill(PASSWORD);
	await other.getByLabel("New password").fill("nine wooden beads");
	await other.getByRole("button", { name: "Change password" }).click();
	await notice(page, "warning", "Your password was changed.")
		.or(notice(page, "danger", "Your session has ended. Please log in again."))
		.first()
		.waitFor();
	await loggedOut(page);
	assert.equal(await notice(stranger, "warning", "Your password was changed.").count(), 0, "another user learns nothing");
	assert.deepEqual(own(page.complaints), []);
});

// ---- sessions ----

test("a session is ended from another browser, and then all others", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who);
	const [second, third] = [await openAs(t, who), await openAs(t, who, { userAgent: "curl/8.0" })];
	await openAccount(page);
	await page.getByRole("button", { name: "End curl" }).click();
	await notice(third, "danger", "Your session has ended. Please log in again.").waitFor();
	await loggedOut(third);
	await page.getByRole("button", { name: "End curl" }).waitFor({ state: "detached" });
	await page.getByRole("button", { name: "End all others" }).click();
	await confirmByPassword(page);
	await notice(page, "success", "You are logged out everywhere else.").waitFor();
	await loggedOut(second);
	await page.getByRole("button", { name: "End all others" }).waitFor({ state: "detached" });
	await page.getByRole("link", { name: "Abacus, home" }).click();
	await isLive(page);
	assert.deepEqual(own(page.complaints), []);
});

// Makes the access token that a page has one that has ended, as after ten minutes.
const age = (page, storage, old) => page.evaluate(([storage, old]) => window[storage].setItem("abacus.token", old), [storage, old]);
const tokenOf = (page, storage) => page.evaluate((storage) => window[storage].getItem("abacus.token"), storage);

function countRefreshes(page) {
	const seen = [];
	page.context().on("request", (request) => request.url().endsWith("/auth/session/refresh") && seen.push(request));
	return seen;
}

test("a kept session goes on after its access token has ended, and two tabs refresh it once", async (t) => {
	const page = await openAs(t, await newUser(), { keep: true });
	const other = await page.context().newPage();
	await other.goto(base);
	await isLive(other);
	assert.equal(
		(await page.context().cookies(`${base}/auth/session`)).filter((cookie) => cookie.httpOnly && cookie.sameSite === "Strict").length,
		1,
	);
	const old = expired(await tokenOf(page, "localStorage"));
	const refreshes = countRefreshes(page);
	await other.goto("about:blank"); // it would see the token of now, refresh it, and be reloaded before the reply
	await age(page, "localStorage", old);
	await Promise.all([page.reload(), other.goto(base)]);
	for (const tab of [page, other]) await isLive(tab);
	assert.equal(refreshes.length, 1);
	assert.notEqual(await tokenOf(page, "localStorage"), old);
	assert.deepEqual(own(page.complaints), []);
});

test("logging out of a kept session whose access token has ended ends it on the server, and its cookie is gone", async (t) => {
	const page = await openAs(t, await newUser(), { keep: true });
	await page.goto(`${base}/about`);
	await age(page, "localStorage", expired(await tokenOf(page, "localStorage")));
	await page.reload();
	await page.getByRole("button", { name: "Log out" }).click();
	await eventually(async () => (await page.context().cookies(`${base}/auth/session`)).length === 0, "the cookie is gone");
	await page.goto(base);
	await loggedOut(page);
});

test("a session of a tab goes on after its access token has ended, and so does the copy of the tab", async (t) => {
	const page = await openAs(t, await newUser());
	const stored = await page.evaluate(() => ({ ...sessionStorage }));
	const copy = await page.context().newPage();
	await copy.addInitScript((stored) => {
		if (sessionStorage.length === 0) for (const [key, text] of Object.entries(stored)) sessionStorage.setItem(key, text);
	}, stored);
	await copy.goto(base);
	await isLive(copy);
	for (let round = 0; round < 3; round++) {
		const tab = round % 2 === 0 ? page : copy;
		await age(tab, "sessionStorage", expired(await tokenOf(tab, "sessionStorage")));
		await tab.reload();
		await isLive(tab);
		await eventually(
			async () =>
				(await page.evaluate(() => sessionStorage["abacus.refresh"])) === (await copy.evaluate(() => sessionStorage["abacus.refresh"])),
			"both tabs have the same refresh token",
		);
	}
	for (const tab of [page, copy]) {
		await tab.reload();
		await isLive(tab);
	}
});

test("a lost reply and a device that is offline log out no session", async (t) => {
	const page = await openAs(t, await newUser(), { keep: true });
	let lost = 0;
	await page.route("**/auth/session/refresh", async (route) => {
		if (lost++ > 0) return route.continue();
		await route.fetch(); // the server has replaced the token
		await route.abort();
	});
	await age(page, "localStorage", expired(await tokenOf(page, "localStorage")));
	await page.reload();
	await h1(page, "Your values");
	await isLive(page, 30_000);
	assert.ok(lost > 1);
	await age(page, "localStorage", expired(await tokenOf(page, "localStorage")));
	await page.goto(`${base}/about`);
	await page.context().setOffline(true);
	await page.getByRole("link", { name: "Abacus, home" }).click();
	await page.getByText("This device is offline.").waitFor();
	await page.context().setOffline(false);
	await isLive(page, 30_000);
	await page.reload();
	await isLive(page);
});

// ---- the account ----

test("the keyboard alone changes the email, confirmed by the password", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who);
	await openAccount(page);
	const tabTo = async (selector) => {
		for (let i = 0; i < 40; i++) {
			await page.keyboard.press("Tab");
			if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
		}
		assert.fail(`${selector} is not reached`);
	};
	await tabTo("[name=email]");
	const email = `changed${Date.now()}@example.com`;
	await page.keyboard.press("Control+A");
	await page.keyboard.type(email);
	await tabTo("[type=submit][value=Save]");
	await page.keyboard.press("Space");
	await dialog(page, "Confirm that it is you").getByLabel("Your password").waitFor();
	await page.keyboard.press("Escape");
	await noDialog(page);
	await page.locator("[value=Save]:focus").waitFor(); // where it was
	await page.keyboard.press("Enter");
	await page.locator("dialog [name=proof]:focus").waitFor();
	await page.keyboard.type("not the password");
	await page.keyboard.press("Enter");
	await page.getByText("Your password is wrong.").waitFor();
	await page.keyboard.type(PASSWORD);
	await page.keyboard.press("Enter");
	await notice(page, "success", "Saved.").waitFor();
	assert.deepEqual(own(page.complaints), []);
	await logIn(await newPage(t), { ...who, email });
});

test("a name that another user has is refused beside its field", async (t) => {
	const [who, other] = [await newUser(), await newUser()];
	const page = await openAs(t, who);
	await openAccount(page);
	await page.getByLabel("Username").fill(other.username);
	await page.keyboard.press("Enter");
	await confirmByPassword(page);
	await page.getByText("Username is taken, or looks like one that is.").waitFor();
});

test("an account is deleted by its user, and every tab is logged out", async (t) => {
	const who = await newUser();
	const page = await openAs(t, who, { keep: true });
	const other = await page.context().newPage();
	await other.goto(base);
	await isLive(other);
	await openAccount(page);
	await page.getByRole("button", { name: "Delete my account" }).click();
	await dialog(page, "Delete your account?").getByLabel("Your password").waitFor();
	await confirmByPassword(page, "Delete your account?");
	await notice(page, "success", "Your account was deleted").waitFor();
	for (const tab of [page, other]) await loggedOut(tab);
	await givePassword(page, who);
	await notice(page, "danger", "Login failed.").waitFor();
	assert.deepEqual(own(page.complaints), []);
});

for (const [name, options, size] of [
	["at 320 px", { viewport: { width: 320, height: 700 } }, "100%"],
	["with text of 200 %", {}, "200%"],
])
	test(`${name} nothing of the account leaves its card or is cut off`, async (t) => {
		const who = await newUser();
		const page = await newPage(t, options);
		await page.addInitScript((size) => {
			document.addEventListener("DOMContentLoaded", () => (document.documentElement.style.fontSize = size));
		}, size);
		const fits = async (what) => {
			assert.deepEqual(await misplaced(page, ".sheet, .dialog-inner"), [], what);
			assert.ok((await sideways(page)) <= 0, `${what} scrolls sideways`);
			await page.screenshot({ path: artifact(`account-${size}-${what}.png`), fullPage: true });
		};
		await logIn(page, who);
		await openAccount(page);
		await page.getByRole("button", { name: "Add an authenticator app" }).click();
		await dialog(page, "Confirm that it is you").getByLabel("Your password").waitFor();
		await fits("confirm");
		await confirmByPassword(page);
		await page.locator("svg.qr").waitFor();
		await fits("enrol");
		await page.getByLabel("Code", { exact: true }).fill(await new App(await page.locator(".secret code").innerText()).code());
		await page.keyboard.press("Enter");
		await page.locator(".codes").waitFor();
		await fits("codes");
		await page.getByRole("button", { name: "I have kept them" }).click();
		await page.getByText("10 of 10 are left.").waitFor();
		await fits("with");
		await page.evaluate(() => sessionStorage.clear());
		await givePassword(page, who);
		await h1(page, "Confirm that it is you");
		await fits("second-step");
	});
