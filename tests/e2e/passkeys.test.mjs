// Passkeys in the web client, with Chromium's virtual authenticator. The pages are opened at PUBLIC_URL's host, because a passkey belongs to one host.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import {
	confirmByPassword,
	dialog,
	givePassword,
	h1,
	LIGHT,
	loggedOut,
	logIn,
	look,
	newUser,
	noDialog,
	notice,
	openAccount,
	own,
	PHONE,
} from "./people.mjs";
import { base, newPage } from "./stack.mjs";

const site = base.replace("127.0.0.1", "localhost");

// An authenticator like a laptop's: it keeps passkeys, and verifies its user by itself while isVerified().
async function giveAuthenticator(page) {
	const cdp = await page.context().newCDPSession(page);
	await cdp.send("WebAuthn.enable");
	const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
		options: {
			protocol: "ctap2",
			transport: "internal",
			hasResidentKey: true,
			hasUserVerification: true,
			isUserVerified: true,
			automaticPresenceSimulation: true,
		},
	});
	return {
		isVerified: (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
		passkeys: async () => (await cdp.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
		keep: (credential) => cdp.send("WebAuthn.addCredential", { authenticatorId, credential }),
	};
}

// The virtual authenticator takes what a page offers for a field at once, so that only the tests of that leave it on.
const withoutOffer = (page) =>
	page.addInitScript(() => {
		if (window.PublicKeyCredential) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
	});

async function forget(page) {
	await page.evaluate(() => sessionStorage.clear());
}

// Presses the button that has the focus once it has it.
async function pressFocused(page, name) {
	const button = page.getByRole("button", { name, exact: true });
	await button.waitFor();
	await page.waitForFunction((name) => document.activeElement.value === name, name);
	await page.keyboard.press("Enter");
}

// A user on a page with an authenticator, who has a passkey in it: {page, who, authenticator}.
async function newUserWithPasskey(t) {
	const who = await newUser();
	const page = await newPage(t);
	await withoutOffer(page);
	const authenticator = await giveAuthenticator(page);
	await logIn(page, who, { at: site });
	await openAccount(page, site);
	await page.getByRole("button", { name: "Add a passkey" }).click();
	await page.locator("[name=name]:focus").waitFor();
	await page.keyboard.press("Enter");
	await confirmByPassword(page);
	await page.getByRole("button", { name: "I have kept them" }).click();
	await page.getByText("Passkey: Chrome on Linux", { exact: true }).waitFor();
	return { page, who, authenticator };
}

test("by the keyboard alone a passkey is added, logs in by itself and as the second step, and confirms its own removal", async (t) => {
	const who = await newUser();
	const page = await newPage(t);
	await withoutOffer(page);
	const authenticator = await giveAuthenticator(page);
	await logIn(page, who, { at: site });
	await openAccount(page, site);
	await page.getByRole("button", { name: "Add a passkey" }).focus();
	await page.keyboard.press("Enter");
	await page.locator("[name=name]:focus").waitFor();
	await look(page, "passkey-name", PHONE);
	await page.keyboard.type("My laptop"); // replaces what is proposed
	await page.keyboard.press("Enter");
	await confirmByPassword(page);
	await page.getByRole("heading", { name: "Your recovery codes" }).waitFor();
	await page.getByRole("button", { name: "I have kept them" }).focus();
	await page.keyboard.press("Enter");
	await page.getByText("Passkey: My laptop", { exact: true }).waitFor();
	assert.equal((await authenticator.passkeys()).length, 1);
	await look(page, "passkey-with", LIGHT);
	await page.getByRole("button", { name: "Log out" }).focus();
	await page.keyboard.press("Enter");
	await loggedOut(page);

	await page.goto(`${site}/login`);
	await page.getByRole("button", { name: "Log in with a passkey" }).focus();
	await look(page, "passkey-login", PHONE);
	await page.keyboard.press("Enter");
	await h1(page, "Your values");
	await forget(page);

	await givePassword(page, who, { at: site });
	await h1(page, "Confirm that it is you");
	await look(page, "passkey-second-step", LIGHT);
	await pressFocused(page, "Log in with your passkey");
	await h1(page, "Your values");

	await openAccount(page, site);
	await page.getByRole("button", { name: /^Remove Passkey: My laptop/ }).focus();
	await page.keyboard.press("Enter");
	await dialog(page, "Remove the passkey?").getByRole("button", { name: "Remove with your passkey" }).waitFor();
	await look(page, "passkey-remove", PHONE);
	await pressFocused(page, "Remove with your passkey");
	await noDialog(page);
	await notice(page, "success", "The passkey is removed.").waitFor();
	await page.getByRole("button", { name: "Add a passkey" }).waitFor();
	await forget(page);

	await page.goto(`${site}/login`);
	await page.getByRole("button", { name: "Log in with a passkey" }).click();
	await notice(page, "danger", "Login failed. The account of this passkey does not know it any more").waitFor();
	assert.deepEqual(own(page.complaints), []);
});

test("a passkey that was cancelled, and one that the device has already, are called so, and what was begun goes on", async (t) => {
	const { page, authenticator } = await newUserWithPasskey(t);
	await page.getByRole("button", { name: "Add another passkey" }).click();
	await page.locator("[name=name]:focus").waitFor();
	await page.keyboard.press("Enter");
	await pressFocused(page, "Continue with your passkey");
	await notice(page, "danger", "This device has a passkey of your account already.").waitFor();
	await forget(page);

	await authenticator.isVerified(false);
	await page.goto(`${site}/login`);
	await page.getByRole("button", { name: "Log in with a passkey" }).click();
	await notice(page, "danger", "No passkey was used: it was cancelled").waitFor();
	await look(page, "passkey-cancelled", LIGHT);
	await authenticator.isVerified(true);
	await page.getByRole("button", { name: "Log in with a passkey" }).click();
	await h1(page, "Your values");
	assert.deepEqual(own(page.complaints), []);
});

test("a passkey is offered for the email field, and logs in when it is taken", async (t) => {
	const { page, who, authenticator } = await newUserWithPasskey(t);
	const other = await newPage(t);
	const itself = await giveAuthenticator(other);
	for (const credential of await authenticator.passkeys()) await itself.keep(credential);
	await other.goto(`${site}/login`);
	await h1(other, "Your values");
	await openAccount(other, site);
	assert.equal(await other.getByLabel("Email").inputValue(), who.email);
	await page.close();
});

test("at another address of the page there are no passkeys, and what a page of another origin got is refused", async (t) => {
	const { page } = await newUserWithPasskey(t);
	await forget(page);
	await page.goto(`${base}/login`);
	await page.getByRole("button", { name: "Log in with a passkey" }).click();
	await notice(page, "danger", "Passkeys do not work at this address of the page").waitFor();

	await page.goto(`${site}/login`);
	const begun = await page.evaluate(async () => (await (await fetch("/auth/passkey", { method: "POST" })).json()).data);
	const foreign = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<title>Abacus</title>"));
	await new Promise((listening) => foreign.listen(0, "localhost", listening));
	t.after(() => foreign.close());
	await page.goto(`http://localhost:${foreign.address().port}/`); // the same host, so that the browser has the passkey
	const assertion = await page.evaluate(async (options) => {
		const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
		return (await navigator.credentials.get({ publicKey })).toJSON();
	}, begun.public_key);
	await page.goto(`${site}/login`);
	const refused = await page.evaluate(
		async ([challenge, assertion]) => {
			const response = await fetch(`/auth/passkey/${challenge}`, {
				method: "POST",
				headers: { "Content-Type": "application/json" },
				body: JSON.stringify({ assertion }),
			});
			return [response.status, (await response.json()).code];
		},
		[begun.challenge, assertion],
	);
	assert.deepEqual(refused, [401, "login_failed"]);
});
