import { screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sessions } from "../src/session/session";
import { ASSERTION, CREATION, failing, giveAuthenticator, OPTIONS, REGISTRATION, takeAuthenticator, USED, waiting } from "./authenticator";
import { accessToken, answer, answerBy, askedFor, CHALLENGE, challenge, failure, token, tokens, user } from "./server";
import { show } from "./show";

const ANSWER = `POST /auth/challenge/${CHALLENGE}`;
const LOGIN = `POST /auth/passkey/${CHALLENGE}`;
const FACTOR = {
	id: "019aba5e-6c00-7cc3-98c4-000000000001",
	method: "passkey",
	name: "My phone",
	created_at: "2026-11-20T10:00:00Z",
	last_used_at: null,
};
const ACTIVATE = `POST /auth/factors/${FACTOR.id}`;
const CHANGED = { status: "success", message: "", data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600 } };

let browser: ReturnType<typeof giveAuthenticator>;
let factors: (typeof FACTOR)[];

beforeEach(() => {
	browser = giveAuthenticator();
	factors = [];
	answer("GET /api/values", 200, { status: "success", data: { values: [] } });
	answer("GET /auth/status", 200, { status: "success", data: user(7, "somebody") });
	answerBy("GET /auth/factors", () => [200, { status: "success", data: { asked: "login", recovery_codes: 9, sms: false, factors } }]);
	answer("GET /auth/sessions", 200, { status: "success", data: { sessions: [] } });
	answer("GET /auth/events", 200, { status: "success", data: { events: [] } });
	answer("POST /auth/passkey", 201, {
		status: "success",
		message: "",
		data: { challenge: CHALLENGE, public_key: OPTIONS, expires_in: 300 },
	});
});
afterEach(takeAuthenticator);

const byPasskey = (methods = ["totp", "passkey", "recovery"]) => ({ ...challenge(methods), passkey: OPTIONS });
const button = (name: string | RegExp) => screen.findByRole("button", { name });

describe("adding a passkey", () => {
	beforeEach(() => {
		answerBy("POST /auth/factors", (_, confirmation) =>
			confirmation
				? [201, { status: "success", message: "", data: { id: FACTOR.id, method: "passkey", public_key: CREATION, expires_in: 600 } }]
				: [400, failure("invalid_payload", "Invalid payload.", [{ field: "current", message: "is not your password" }])],
		);
		answer("POST /auth/confirmations", 201, { status: "success", message: "", data: challenge(["password"]) });
		answer(ANSWER, 200, { status: "success", message: "", data: { confirmation: "the-confirmation", expires_in: 300 } });
		answerBy(ACTIVATE, () => {
			factors = [FACTOR];
			return [200, CHANGED];
		});
	});

	async function nameIt(name: string) {
		const hands = show("/account", { as: { id: 7 } });
		await hands.click(await button("Add a passkey"));
		const field = await screen.findByLabelText<HTMLInputElement>("Name");
		expect(document.activeElement).toBe(field);
		await hands.keyboard(`${name}{Enter}`); // what is proposed is selected
		return hands;
	}

	async function confirm(hands: Awaited<ReturnType<typeof nameIt>>) {
		const asked = within(await screen.findByRole("dialog", { name: "Confirm that it is you" }));
		await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	}

	it("names it, is confirmed, and has it listed with its name", async () => {
		await confirm(await nameIt(" My phone "));
		await screen.findByText("It is added. You are logged out everywhere else.");
		await screen.findByText("Passkey: My phone");
		expect(askedFor("POST /auth/factors").at(-1)?.body).toEqual({ method: "passkey", name: "My phone" });
		expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({
			action: "add_factor",
			parameters: { method: "passkey", name: "My phone" },
		});
		expect(askedFor(ACTIVATE)[0]?.body).toEqual({ credential: REGISTRATION });
		expect(sessions.current()?.token).toBe(`${token()}2`);
		await button("Add another passkey");
	});

	it("that the user cancelled goes on with what was confirmed", async () => {
		browser.create.mockImplementationOnce(failing("NotAllowedError"));
		const hands = await nameIt("My phone");
		await confirm(hands);
		await screen.findByText("No passkey was added: it was cancelled, took too long, or this device has nothing to keep one.");
		await hands.click(await button("Add the passkey"));
		await screen.findByText("Passkey: My phone");
		expect(askedFor("POST /auth/confirmations")).toHaveLength(1);
	});

	it("begins again after a change of the name", async () => {
		browser.create.mockImplementationOnce(failing("NotAllowedError"));
		const hands = await nameIt("My phone");
		await confirm(hands);
		await screen.findByText(/^No passkey was added/);
		await hands.type(screen.getByLabelText("Name"), " 2{Enter}");
		await confirm(hands);
		await screen.findByText("Passkey: My phone");
		expect(askedFor("POST /auth/factors").at(-1)?.body).toEqual({ method: "passkey", name: "My phone 2" });
	});

	it("that took too long says so, and begins again", async () => {
		answer(ACTIVATE, 404, failure("factor_not_found", "You have no such factor."));
		const hands = await nameIt("My phone");
		await confirm(hands);
		await screen.findByText("That took too long. Please try again.");
		await hands.click(await button("Add the passkey"));
		await screen.findByRole("dialog", { name: "Confirm that it is you" });
	});

	it("has the server's problem with the name beside it", async () => {
		answer("POST /auth/factors", 400, failure("invalid_payload", "Invalid payload.", [{ field: "name", message: "must be printable" }]));
		await nameIt("My phone");
		await screen.findByText("Name must be printable.");
	});

	it("in a browser without passkeys says so before anything is confirmed", async () => {
		takeAuthenticator();
		await nameIt("My phone");
		await screen.findByText(/^This browser cannot use passkeys/);
		expect(askedFor("POST /auth/factors")).toEqual([]);
	});

	it("where the server offers none says so", async () => {
		answer("POST /auth/factors", 409, failure("passkeys_not_offered", "This server does not offer passkeys."));
		await nameIt("My phone");
		await screen.findByText("This server does not offer passkeys.");
	});

	it("is cancelled by leaving it, without a word", async () => {
		browser.create.mockImplementation(waiting);
		const hands = await nameIt("My phone");
		await confirm(hands);
		await waitFor(() => expect(browser.create).toHaveBeenCalled());
		await hands.click(await button("Cancel"));
		await button("Add a passkey");
		expect(browser.create.mock.calls[0]?.[0].signal?.aborted).toBe(true);
		expect(document.querySelector(".notification")).toBeNull();
	});
});

it("a passkey confirms its own removal", async () => {
	factors = [FACTOR];
	answer("POST /auth/confirmations", 201, { status: "success", message: "", data: byPasskey(["passkey", "recovery"]) });
	answer(ANSWER, 200, { status: "success", message: "", data: { confirmation: "the-confirmation", expires_in: 300 } });
	answerBy(`DELETE /auth/factors/${FACTOR.id}`, (_, confirmation) => {
		if (!confirmation) return [403, failure("confirmation_required", "Please confirm this with your second factor.")];
		factors = [];
		return [200, CHANGED];
	});
	const hands = show("/account", { as: { id: 7 } });
	await hands.click(await button(/^Remove Passkey: My phone, added on/));
	await hands.click(await button("Remove with your passkey"));
	await screen.findByText(/^The passkey is removed\./);
	expect(askedFor(ANSWER)[0]?.body).toEqual({ method: "passkey", assertion: ASSERTION });
	await waitFor(() => expect(screen.queryByText("Passkey: My phone")).toBeNull());
});

describe("a passkey as the second step", () => {
	async function givePassword(data: object) {
		answer("POST /auth/session", 401, { ...failure("second_factor_required", "Please prove your second factor."), data });
		const hands = show("/login");
		await hands.type(await screen.findByLabelText("Email"), "some@body.org");
		await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
		await screen.findByRole("heading", { level: 1, name: "Confirm that it is you" });
		return hands;
	}

	it("comes before codes, its button has the focus, and it logs in", async () => {
		answer(ANSWER, 201, tokens(accessToken(), "refresh-1"));
		const hands = await givePassword(byPasskey());
		expect(document.activeElement).toBe(await button("Log in with your passkey"));
		await hands.keyboard("{Enter}");
		await screen.findByText("Welcome!");
		expect(askedFor(ANSWER)[0]?.body).toEqual({ method: "passkey", assertion: ASSERTION });
		expect(browser.get.mock.calls[0]?.[0].mediation).toBeUndefined();
	});

	it("that was cancelled or refused leaves the other ways", async () => {
		browser.get.mockImplementationOnce(failing("NotAllowedError"));
		answer(ANSWER, 401, failure("code_wrong", "That is wrong, or was used before."));
		const hands = await givePassword(byPasskey());
		await hands.keyboard("{Enter}");
		await screen.findByText(/^No passkey was used: it was cancelled/);
		await hands.click(await button("Log in with your passkey"));
		await screen.findByText("This passkey was refused.");
		answer(ANSWER, 201, tokens());
		await hands.click(await button("Use your authenticator app"));
		await hands.type(await screen.findByLabelText("Code"), "123456{Enter}");
		await screen.findByText("Welcome!");
	});

	it("whose challenge has ended begins the login again", async () => {
		answer(ANSWER, 401, failure("challenge_ended", "This challenge has ended. Please begin again."));
		const hands = await givePassword(byPasskey());
		await hands.keyboard("{Enter}");
		await screen.findByRole("heading", { level: 1, name: "Log in" });
	});

	it("is cancelled when the user changes to a code", async () => {
		browser.get.mockImplementation(waiting);
		const hands = await givePassword(byPasskey());
		await hands.keyboard("{Enter}");
		await hands.click(await button("Use a recovery code"));
		await screen.findByLabelText("Recovery code");
		expect(browser.get.mock.calls[0]?.[0].signal?.aborted).toBe(true);
		expect(document.querySelector(".notification")).toBeNull();
	});

	it("comes last in a browser without passkeys, which says why", async () => {
		takeAuthenticator();
		const hands = await givePassword(byPasskey());
		await screen.findByLabelText("Code");
		await hands.click(await button("Use your passkey"));
		await hands.click(await button("Log in with your passkey"));
		await screen.findByText(/^This browser cannot use passkeys/);
	});

	it("is not asked for where the server does not offer it any more", async () => {
		await givePassword(challenge(["passkey", "recovery"]));
		await screen.findByLabelText("Recovery code");
		expect(screen.queryByRole("button", { name: "Use your passkey" })).toBeNull();
	});
});

describe("a passkey alone", () => {
	it("logs in by the button, and is kept when asked to", async () => {
		answer(LOGIN, 201, tokens());
		const hands = show("/login");
		await hands.click(await screen.findByLabelText(/^Keep me logged in/));
		await hands.click(await button("Log in with a passkey"));
		await screen.findByText("Welcome!");
		expect(askedFor(LOGIN)[0]?.body).toEqual({ assertion: ASSERTION, remember: true, cookie: true });
		expect([window.sessionStorage.length, window.localStorage.length]).toEqual([0, 1]);
	});

	it("is offered for the email field, with the box as it is then", async () => {
		browser = giveAuthenticator({ canOffer: true });
		let take = () => {};
		browser.get.mockImplementation(() => new Promise((resolve) => (take = () => resolve(USED))));
		answer(LOGIN, 201, tokens());
		const hands = show("/login");
		expect((await screen.findByLabelText<HTMLInputElement>("Email")).autocomplete).toBe("username webauthn");
		await waitFor(() => expect(browser.get.mock.calls[0]?.[0].mediation).toBe("conditional"));
		await hands.click(screen.getByLabelText(/^Keep me logged in/));
		take();
		await screen.findByText("Welcome!");
		expect(askedFor(LOGIN)[0]?.body).toMatchObject({ remember: true, cookie: true });
	});

	it("is not offered while the button asks, and is again after that failed", async () => {
		browser = giveAuthenticator({ canOffer: true });
		browser.get.mockImplementation(waiting);
		const hands = show("/login");
		await waitFor(() => expect(browser.get).toHaveBeenCalledTimes(1));
		browser.get.mockImplementationOnce(async (options) => {
			expect(browser.get.mock.calls[0]?.[0].signal?.aborted).toBe(true);
			return failing("NotAllowedError")().then(() => options);
		});
		await hands.click(await button("Log in with a passkey"));
		await screen.findByText(/^No passkey was used: it was cancelled/);
		await waitFor(() => expect(browser.get).toHaveBeenCalledTimes(3));
		expect(browser.get.mock.calls.map(([options]) => options.mediation)).toEqual(["conditional", undefined, "conditional"]);
	});

	it("that was offered too long ago says so, and is offered again", async () => {
		browser = giveAuthenticator({ canOffer: true });
		browser.get.mockResolvedValueOnce(USED).mockImplementation(waiting);
		answer(LOGIN, 401, failure("challenge_ended", "This challenge has ended. Please begin again."));
		show("/login");
		await screen.findByText("That took too long. Please try again.");
		await waitFor(() => expect(browser.get).toHaveBeenCalledTimes(2));
	});

	it("that fails while it is offered is no news for a user who did not ask", async () => {
		browser = giveAuthenticator({ canOffer: true });
		browser.get.mockImplementation(failing("SecurityError"));
		show("/login");
		await waitFor(() => expect(browser.get).toHaveBeenCalledTimes(1));
		expect(document.querySelector(".notification")).toBeNull();
	});

	it.each([
		["login_failed", 401, "Login failed. The account of this passkey does not know it any more, or is not active."],
		["challenge_ended", 401, "That took too long. Please try again."],
		["passkeys_not_offered", 409, "This server does not offer passkeys."],
	])("is refused with its reason: %s", async (code, status, text) => {
		answer(LOGIN, status, failure(code, "This server does not offer passkeys."));
		const hands = show("/login");
		await hands.click(await button("Log in with a passkey"));
		await screen.findByText(text);
	});

	it("of a user who has not confirmed the email address says what to do", async () => {
		answer(LOGIN, 403, failure("email_unverified", "Please open the link that was sent to your email address."));
		const hands = show("/login");
		await hands.click(await button("Log in with a passkey"));
		await screen.findByRole("heading", { level: 1, name: "Confirm your email address" });
		screen.getByText(/^Please open the link that was sent to your email address\./);
	});

	it("has no button in a browser without passkeys", async () => {
		takeAuthenticator();
		show("/login");
		await screen.findByLabelText("Email");
		expect(screen.queryByRole("button", { name: "Log in with a passkey" })).toBeNull();
		expect(askedFor("POST /auth/passkey")).toEqual([]);
	});
});
