import { screen, waitFor, within } from "@testing-library/react";
import decodeQR from "qr/decode.js";
import { beforeEach, expect, it, vi } from "vitest";
import { nameOfDevice } from "../src/account/device";
import { sessions } from "../src/session/session";
import { accessToken, answer, answerBy, askedFor, CHALLENGE, challenge, failure, token, tokens, user } from "./server";
import { show } from "./show";

const ANSWER = `POST /auth/challenge/${CHALLENGE}`;
const FACTOR = { id: "019aba5e-6c00-7cc3-98c4-000000000001", method: "totp", created_at: "2026-11-20T10:00:00Z", last_used_at: null };
const SECRET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const URI = `otpauth://totp/Abacus:somebody%40example.com?secret=${SECRET}&issuer=Abacus&algorithm=SHA1&digits=6&period=30`;
const CODES = Array.from({ length: 10 }, (_, i) => `AAAAAA-BBBBBB-CCCCCC-DDDD${i + 20}`);

let factors: (typeof FACTOR)[];
let offersSms: boolean;
let entries: ReturnType<typeof entry>[];
let events: ReturnType<typeof event>[];

/* It happened to user 7, who did it, an hour ago. */
function event(id: number, name: string, more: object = {}) {
	const at = new Date(Date.now() - 3_600_000).toISOString();
	const rest = { network: "203.0.113.7", user_agent: "curl/8.0", request_id: null, session: null, count: 1 };
	return { id, event: name, at, last_at: at, user: 7, actor: 7 as number | null, ...rest, ...more };
}

function entry(id: string, more: object = {}) {
	return {
		id,
		user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		address: "203.0.113.7",
		created_at: "2026-11-20T10:00:00Z",
		last_used_at: new Date().toISOString(),
		expires_at: "2027-01-01T00:00:00Z",
		remember: false,
		current: false,
		...more,
	};
}

/* The server wants CALL confirmed, and answers it then. */
function answerConfirmed(call: string, status: number, body: unknown) {
	answerBy(call, (_, confirmation) =>
		confirmation === "the-confirmation"
			? [status, body]
			: [403, failure("confirmation_required", "Please confirm this with your second factor.")],
	);
}

beforeEach(() => {
	factors = [];
	offersSms = false;
	entries = [entry("session-1", { current: true }), entry("session-2", { user_agent: "curl/8.0", remember: true })];
	answer("GET /auth/status", 200, { status: "success", data: user(7, "somebody") });
	answerBy("GET /auth/factors", () => [200, { status: "success", data: { asked: "login", recovery_codes: 9, sms: offersSms, factors } }]);
	answerBy("GET /auth/sessions", () => [200, { status: "success", data: { sessions: entries } }]);
	events = [event(1, "registered")];
	answerBy("GET /auth/events", () => [200, { status: "success", data: { events } }]);
	answerBy("POST /auth/confirmations", () => [
		201,
		{ status: "success", message: "", data: challenge(factors.length > 0 ? undefined : ["password"]) },
	]);
	answer(ANSWER, 200, { status: "success", message: "", data: { confirmation: "the-confirmation", expires_in: 300 } });
});

async function showAccount() {
	const hands = show("/account", { as: { id: 7 } });
	await screen.findByText("Firefox on Linux");
	return hands;
}

const dialog = (name: string) => screen.findByRole("dialog", { name });
const isGone = () => waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());

it("/status leads to the account", async () => {
	show("/status", { as: { id: 7 } });
	await screen.findByRole("heading", { level: 1, name: "Account" });
	expect(screen.getByRole("link", { name: "Account" }).getAttribute("aria-current")).toBe("page");
});

it("the account shows id, email and username, and a visitor is asked to log in", async () => {
	answer("GET /auth/status", 200, { status: "success", data: user(7, "somebody", { admin: true }) });
	await showAccount();
	expect(screen.getByLabelText<HTMLInputElement>("Username").value).toBe("somebody");
	expect(screen.getByLabelText<HTMLInputElement>("Email").value).toBe("somebody@example.com");
	screen.getByText("User ID 7, admin");
	sessions.end("logged_out");
	await screen.findByText("You must be logged in to view this.");
});

// ---- the profile ----

it("what was changed of the profile is confirmed by the password, and then saved", async () => {
	answerBy("PATCH /auth/account", (body, confirmation) =>
		confirmation
			? [200, { status: "success", data: user(7, "somebody", body as object) }]
			: [400, failure("invalid_payload", "Invalid payload.", [{ field: "current", message: "is not your password" }])],
	);
	const hands = await showAccount();
	const save = screen.getByRole<HTMLInputElement>("button", { name: "Save" });
	expect(save.disabled).toBe(true);
	await hands.clear(screen.getByLabelText("Email"));
	await hands.type(screen.getByLabelText("Email"), "new@example.org{Enter}");
	const asked = within(await dialog("Confirm that it is you"));
	await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByText("Saved.");
	await isGone();
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "change_account", parameters: { email: "new@example.org" } });
	expect(askedFor(ANSWER)[0]?.body).toEqual({ method: "password", password: "long enough" });
	expect(askedFor("PATCH /auth/account").map((one) => [one.body, one.confirmation])).toEqual([
		[{ email: "new@example.org" }, null],
		[{ email: "new@example.org" }, "the-confirmation"],
	]);
	expect(save.disabled).toBe(true);
});

it("a name that was changed elsewhere meanwhile is shown, and not put back by saving an email", async () => {
	answerBy("PATCH /auth/account", (body) => [200, { status: "success", data: user(7, "renamed", body as object) }]);
	const hands = await showAccount();
	const email = screen.getByLabelText<HTMLInputElement>("Email");
	await hands.clear(email);
	await hands.type(email, "new@example.org{Enter}");
	await screen.findByText("Saved.");
	await waitFor(() => expect(screen.getByLabelText<HTMLInputElement>("Username").value).toBe("renamed"));
	expect(email.value).toBe("new@example.org");
	expect(screen.getByRole<HTMLInputElement>("button", { name: "Save" }).disabled).toBe(true);
	expect(askedFor("PATCH /auth/account").map((one) => one.body)).toEqual([{ email: "new@example.org" }]);
});

it("what the server refuses of the profile is shown beside its field, before anything is confirmed", async () => {
	answer(
		"PATCH /auth/account",
		400,
		failure("invalid_payload", "Invalid payload.", [{ field: "username", message: "must have 3 to 128 characters" }]),
	);
	const hands = await showAccount();
	await hands.clear(screen.getByLabelText("Username"));
	await hands.type(screen.getByLabelText("Username"), "x{Enter}");
	await screen.findByText("Username must have 3 to 128 characters.");
	expect(askedFor("POST /auth/confirmations")).toEqual([]);
});

it("a dialog that is cancelled changes nothing and reports nothing", async () => {
	answerConfirmed("PATCH /auth/account", 200, {});
	const hands = await showAccount();
	await hands.type(screen.getByLabelText("Username"), "2{Enter}");
	await hands.click(within(await dialog("Confirm that it is you")).getByRole("button", { name: "Close" }));
	await isGone();
	expect(askedFor("PATCH /auth/account")).toHaveLength(1);
	expect(document.querySelector(".notification")).toBeNull();
	expect(screen.getByLabelText<HTMLInputElement>("Username").value).toBe("somebody2");
});

it("a dialog goes with its page, and changes nothing", async () => {
	answerConfirmed("DELETE /auth/account", 200, { status: "success", message: "Deleted." });
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Delete my account" }));
	await dialog("Delete your account?");
	await hands.click(screen.getByRole("link", { name: "About", hidden: true }));
	await screen.findByRole("heading", { level: 1, name: "About" });
	await isGone();
	expect(askedFor("DELETE /auth/account").map((one) => one.confirmation)).toEqual([null]);
});

it("an email that waits for its link is not shown as the user's, and the page says what to do", async () => {
	answerConfirmed("PATCH /auth/account", 202, { status: "success", message: "Please open the link.", data: user(7, "somebody") });
	const hands = await showAccount();
	const field = screen.getByLabelText<HTMLInputElement>("Email");
	await hands.clear(field);
	await hands.type(field, "new@body.org{Enter}");
	await hands.type(await within(await dialog("Confirm that it is you")).findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByText("A link was sent to new@body.org. Open it, and that becomes your email address.");
	expect(field.value).toBe("somebody@example.com");
});

it("a wrong password is called so in the dialog, and a challenge that has ended is asked anew", async () => {
	answerConfirmed("PATCH /auth/account", 200, { status: "success", data: user(7, "somebody2") });
	answer(ANSWER, 401, failure("code_wrong", "That is wrong, or was used before."));
	const hands = await showAccount();
	await hands.type(screen.getByLabelText("Username"), "2{Enter}");
	const asked = within(await dialog("Confirm that it is you"));
	await hands.type(await asked.findByLabelText("Your password"), "wrong{Enter}");
	await asked.findByText("Your password is wrong.");
	answer(ANSWER, 401, failure("challenge_ended", "This challenge has ended. Please begin again."));
	await hands.keyboard("{Enter}");
	await asked.findByText(/^That took too long, or too many answers were wrong\./);
	answer(ANSWER, 200, { status: "success", message: "", data: { confirmation: "the-confirmation", expires_in: 300 } });
	await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByText("Saved.");
	expect(askedFor("POST /auth/confirmations")).toHaveLength(2);
});

// ---- the password ----

it("a changed password logs this tab in again, because its session ended", async () => {
	const access = accessToken();
	answer("PUT /auth/password", 200, { status: "success", message: "Password changed." });
	answer("POST /auth/session", 201, tokens(access, "refresh-2"));
	const hands = await showAccount();
	await hands.type(screen.getByLabelText("Current password"), "the old one");
	await hands.type(screen.getByLabelText("New password"), "a longer new one{Enter}");
	await screen.findByText(/^Password changed\./);
	expect(askedFor("PUT /auth/password")[0]?.body).toEqual({ current: "the old one", new: "a longer new one" });
	expect(sessions.current()).toMatchObject({ token: access, refreshToken: "refresh-2" });
});

it("with a second factor a changed password is confirmed by a code, and logs out if the next login needs one", async () => {
	factors = [FACTOR];
	answerConfirmed("PUT /auth/password", 200, { status: "success", message: "Password changed." });
	answer("POST /auth/session", 401, { ...failure("second_factor_required", "Please prove it."), data: challenge() });
	const hands = await showAccount();
	expect(screen.queryByLabelText("Current password")).toBeNull();
	await hands.type(screen.getByLabelText("New password"), "a longer new one{Enter}");
	const asked = within(await dialog("Confirm that it is you"));
	await hands.type(await asked.findByLabelText("Code"), "123456{Enter}");
	await screen.findByText("Password changed. Please log in again.");
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "change_password", parameters: { new: "a longer new one" } });
	expect(sessions.current()).toBeNull();
});

// ---- the second factor ----

/* What a camera reads from the picture that the page draws. */
function readQr(): string {
	const svg = document.querySelector("svg.qr");
	const size = Number(svg?.getAttribute("viewBox")?.split(" ")[2]);
	const scale = 4;
	const width = size * scale;
	const data = new Uint8ClampedArray(width * width * 4).fill(255);
	for (const [, x, y, run] of (svg?.querySelector("path")?.getAttribute("d") ?? "").matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
		for (let row = 0; row < scale; row++)
			for (let column = 0; column < Number(run) * scale; column++)
				data.fill(
					0,
					((Number(y) * scale + row) * width + Number(x) * scale + column) * 4,
					((Number(y) * scale + row) * width + Number(x) * scale + column) * 4 + 3,
				);
	return decodeQR({ width, height: width, data });
}

async function beginEnrolment() {
	answerBy("POST /auth/factors", (_, confirmation) =>
		confirmation
			? [201, { status: "success", message: "", data: { id: FACTOR.id, method: "totp", secret: SECRET, uri: URI, expires_in: 600 } }]
			: [400, failure("invalid_payload", "Invalid payload.", [{ field: "current", message: "is not your password" }])],
	);
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Add an authenticator app" }));
	const asked = within(await dialog("Confirm that it is you"));
	await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByRole("heading", { level: 3, name: "Add an authenticator app" });
	return hands;
}

it("an app is added: the QR code and the key as text, a code of it, and recovery codes that stay until they are kept", async () => {
	const hands = await beginEnrolment();
	expect(readQr()).toBe(URI);
	screen.getByText("ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567");
	answerBy(`POST /auth/factors/${FACTOR.id}`, () => {
		factors = [FACTOR];
		return [
			200,
			{
				status: "success",
				message: "",
				data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600, recovery_codes: CODES },
			},
		];
	});
	await hands.type(screen.getByLabelText("Code"), "123 456{Enter}");
	const heading = await screen.findByRole("heading", { level: 3, name: "Your recovery codes" });
	expect(document.activeElement).toBe(heading);
	expect(askedFor(`POST /auth/factors/${FACTOR.id}`)[0]?.body).toEqual({ code: "123456" });
	expect(screen.getAllByRole("listitem").filter((item) => CODES.includes(item.textContent ?? ""))).toHaveLength(10);
	expect(sessions.current()?.token).toBe(`${token()}2`);
	const copied = vi.fn(async (_: string) => {});
	vi.stubGlobal("navigator", { ...window.navigator, clipboard: { writeText: copied } });
	await hands.click(screen.getByRole("button", { name: "Copy the codes" }));
	expect(CODES.every((code) => copied.mock.calls[0]?.[0].includes(code))).toBe(true);
	const print = vi.spyOn(window, "print").mockImplementation(() => {});
	await hands.click(screen.getByRole("button", { name: "Print" }));
	expect(print).toHaveBeenCalledOnce();
	await hands.click(screen.getByRole("button", { name: "I have kept them" }));
	await screen.findByText("9 of 10 are left.");
	expect(screen.queryByText(CODES[0] ?? "")).toBeNull();
	expect(document.activeElement).toBe(screen.getByRole("heading", { level: 2, name: "Two-step login" }));
});

it("a code of another app is called so, and an enrolment that took too long begins again", async () => {
	const hands = await beginEnrolment();
	answer(
		`POST /auth/factors/${FACTOR.id}`,
		400,
		failure("invalid_payload", "Invalid payload.", [{ field: "code", message: "is not a code of this app" }]),
	);
	await hands.type(screen.getByLabelText("Code"), "000000{Enter}");
	await screen.findByText("Code is not a code of this app.");
	answer(`POST /auth/factors/${FACTOR.id}`, 404, failure("factor_not_found", "You have no such factor."));
	await hands.type(screen.getByLabelText("Code"), "{Enter}");
	await screen.findByText("That took too long, or too many codes were wrong. Please add the app again.");
	await screen.findByRole("button", { name: "Add an authenticator app" });
});

it("codes by email are added by a code that arrives, named in the list, and removed", async () => {
	const byMail = { ...FACTOR, method: "mtan", channel: "email", recipient: "s…@example.com" };
	answerConfirmed("POST /auth/factors", 201, { status: "success", message: "", data: { id: byMail.id, method: "mtan", expires_in: 300 } });
	answerBy(`POST /auth/factors/${byMail.id}`, () => {
		factors = [byMail];
		return [200, { status: "success", message: "", data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600 } }];
	});
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Get codes by email instead" }));
	const asked = within(await dialog("Confirm that it is you"));
	await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByRole("heading", { level: 3, name: "Add codes by message" });
	expect(askedFor("POST /auth/factors").at(-1)?.body).toEqual({ method: "mtan" });
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "add_factor", parameters: { method: "mtan" } });
	await hands.type(screen.getByLabelText("Code"), "123 456{Enter}");
	await screen.findByText("It is added. You are logged out everywhere else.");
	expect(askedFor(`POST /auth/factors/${byMail.id}`)[0]?.body).toEqual({ code: "123456" });
	expect(screen.queryByRole("button", { name: "Get codes by email" })).toBeNull();
	screen.getByRole("button", { name: "Add an authenticator app" });
	answerConfirmed(`DELETE /auth/factors/${byMail.id}`, 200, {});
	await hands.click(await screen.findByRole("button", { name: /^Remove Codes by message/ }));
	await hands.click(within(await dialog("Remove codes by message?")).getByRole("button", { name: "Close" }));
	await isGone();
});

it("codes by SMS go to a number that is sent as the server takes it, and that the list shows masked", async () => {
	const bySms = { ...FACTOR, method: "mtan", channel: "sms", recipient: "+49…45" };
	offersSms = true;
	answerConfirmed("POST /auth/factors", 201, { status: "success", message: "", data: { id: bySms.id, method: "mtan", expires_in: 300 } });
	answerBy(`POST /auth/factors/${bySms.id}`, () => {
		factors = [bySms];
		return [200, { status: "success", message: "", data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600 } }];
	});
	const hands = await showAccount();
	await hands.click(await screen.findByRole("button", { name: "Get codes by SMS" }));
	await hands.type(await screen.findByLabelText("Telephone number"), "0049 (151) 123-45{Enter}");
	const asked = within(await dialog("Confirm that it is you"));
	asked.getByText("After that a code is sent to +4915112345.");
	await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByRole("heading", { level: 3, name: "Add codes by message" });
	screen.getByText("+4915112345");
	expect(askedFor("POST /auth/factors").at(-1)?.body).toEqual({ method: "mtan", phone: "+4915112345" });
	await hands.type(screen.getByLabelText("Code"), "123456{Enter}");
	await screen.findByText("Codes by message: +49…45");
	screen.getByRole("button", { name: "Change the telephone number" });
	screen.getByRole("button", { name: "Get codes by email" });
});

it("a number that the server refuses is called so", async () => {
	offersSms = true;
	answer("POST /auth/factors", 400, failure("invalid_payload", "Invalid payload.", [{ field: "phone", message: "must be a number" }]));
	const hands = await showAccount();
	await hands.click(await screen.findByRole("button", { name: "Get codes by SMS" }));
	await hands.type(await screen.findByLabelText("Telephone number"), "12{Enter}");
	await screen.findByText("Telephone number must be a number.");
	await hands.click(screen.getByRole("button", { name: "Cancel" }));
	await screen.findByRole("button", { name: "Get codes by SMS" });
});

it("a server that sends no SMS is asked for none", async () => {
	await showAccount();
	await screen.findByRole("button", { name: "Get codes by email instead" });
	expect(screen.queryByRole("button", { name: "Get codes by SMS" })).toBeNull();
});

it("an app is removed after a code", async () => {
	factors = [FACTOR];
	answerBy(`DELETE /auth/factors/${FACTOR.id}`, (_, confirmation) => {
		if (confirmation !== "the-confirmation") return [403, failure("confirmation_required", "Please confirm this with your second factor.")];
		factors = [];
		return [200, { status: "success", message: "", data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600 } }];
	});
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: /^Remove/ }));
	const asked = within(await dialog("Remove the authenticator app?"));
	await hands.type(await asked.findByLabelText("Code"), "123456{Enter}");
	await screen.findByText("The app is removed. You are logged out everywhere else.");
	await screen.findByRole("button", { name: "Add an authenticator app" });
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "remove_factor", parameters: { id: FACTOR.id } });
	expect(sessions.current()?.token).toBe(`${token()}2`);
});

it("where the second step is asked for is changed after a code, and stays as it was when the dialog is cancelled", async () => {
	factors = [FACTOR];
	answerConfirmed("PATCH /auth/factors", 200, {
		status: "success",
		message: "Changed.",
		data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600 },
	});
	const hands = await showAccount();
	const radio = (name: RegExp) => screen.getByRole<HTMLInputElement>("radio", { name });
	await hands.click(radio(/^Only before/));
	await hands.click(within(await dialog("Confirm that it is you")).getByRole("button", { name: "Close" }));
	await waitFor(() => expect(radio(/^At every login/).checked).toBe(true));
	await hands.click(radio(/^Only before/));
	await hands.type(await within(await dialog("Confirm that it is you")).findByLabelText("Code"), "123456{Enter}");
	await screen.findByText("The second step is asked for only before sensitive actions. You are logged out everywhere else.");
	expect(sessions.current()?.token).toBe(`${token()}2`);
	expect(askedFor("PATCH /auth/factors").map((one) => one.body)).toEqual(Array(3).fill({ asked: "sensitive" }));
});

it("new recovery codes replace those from before", async () => {
	factors = [FACTOR];
	answerConfirmed("POST /auth/recovery-codes", 200, {
		status: "success",
		message: "",
		data: { access_token: token(), token_type: "Bearer", expires_in: 600, recovery_codes: CODES },
	});
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Get new codes" }));
	await hands.type(await within(await dialog("Get new recovery codes?")).findByLabelText("Code"), "123456{Enter}");
	await screen.findByText(CODES[9] ?? "");
});

// ---- sessions ----

it("sessions are listed with their device, and another one is ended", async () => {
	answerBy("DELETE /auth/sessions/session-2", () => {
		entries = entries.slice(0, 1);
		return [200, { status: "success", message: "The session was ended." }];
	});
	const hands = await showAccount();
	expect(screen.queryByRole("button", { name: "End Firefox on Linux" })).toBeNull();
	await hands.click(screen.getByRole("button", { name: "End curl" }));
	await screen.findByText("curl is logged out.");
	await waitFor(() => expect(screen.queryByRole("button", { name: "End curl" })).toBeNull());
	expect(screen.queryByRole("button", { name: "End all others" })).toBeNull();
});

it("all other sessions are ended at once, and this one gets another token", async () => {
	answer("DELETE /auth/sessions", 200, {
		status: "success",
		message: "",
		data: { access_token: `${token()}2`, token_type: "Bearer", expires_in: 600 },
	});
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "End all others" }));
	await screen.findByText("You are logged out everywhere else.");
	expect(sessions.current()?.token).toBe(`${token()}2`);
	expect(askedFor("POST /auth/confirmations")).toEqual([]);
});

it("with a second factor a code confirms that all other sessions end", async () => {
	factors = [FACTOR];
	answerConfirmed("DELETE /auth/sessions", 200, {
		status: "success",
		message: "",
		data: { access_token: token(), token_type: "Bearer", expires_in: 600 },
	});
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "End all others" }));
	await hands.type(await within(await dialog("Confirm that it is you")).findByLabelText("Code"), "123456{Enter}");
	await screen.findByText("You are logged out everywhere else.");
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "end_other_sessions", parameters: {} });
});

it("a user agent is named by its browser and its system", () => {
	const names: [string, string][] = [
		[
			"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
			"Edge on Windows",
		],
		[
			"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
			"Chrome on Android",
		],
		[
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
			"Safari on macOS",
		],
		[
			"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
			"Chrome on iPhone",
		],
		["python-requests/2.32", "python-requests"],
		["", "Unknown program"],
		["<script>", "Unknown program"],
	];
	for (const [userAgent, name] of names) expect(nameOfDevice(userAgent), userAgent).toBe(name);
});

// ---- the end ----

it("the account is deleted after the password, and every tab is logged out", async () => {
	answerConfirmed("DELETE /auth/account", 200, { status: "success", message: "Your account was deleted." });
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Delete my account" }));
	const asked = within(await dialog("Delete your account?"));
	await hands.type(await asked.findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByText("Your account was deleted");
	expect(sessions.current()).toBeNull();
	await within(screen.getByRole("navigation")).findByRole("link", { name: "Log in" });
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "delete_account", parameters: {} });
});

it("the last admin is not deleted, and is told so", async () => {
	answerConfirmed("DELETE /auth/account", 409, failure("last_admin", "That is the last active admin."));
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Delete my account" }));
	await hands.type(await within(await dialog("Delete your account?")).findByLabelText("Your password"), "long enough{Enter}");
	await screen.findByText("That is the last active admin.");
	expect(sessions.current()).not.toBeNull();
});

it("a session that ends closes the dialog", async () => {
	answerConfirmed("DELETE /auth/account", 200, {});
	const hands = await showAccount();
	await hands.click(screen.getByRole("button", { name: "Delete my account" }));
	await dialog("Delete your account?");
	sessions.end("token_invalid");
	await isGone();
});

// ---- what happened ----

const happened = async () => within(await screen.findByRole("region", { name: "What happened with your account" }));

it("what happened is listed in words: who did it, when, from where and with what", async () => {
	events = [
		event(6, "login", { user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", network: "198.51.100.4" }),
		event(5, "login_failed", { actor: null, count: 12 }),
		event(4, "admin_granted", { actor: 1, network: null, user_agent: null }),
		event(3, "user_deactivated", { user: 9 }),
		event(2, "carrier_pigeon_sent"),
		event(1, "registered"),
	];
	await showAccount();
	const list = await happened();
	await list.findByText("Logged in");
	expect(list.getAllByRole("listitem").map((item) => item.textContent)).toEqual([
		"Logged in1 hour ago, from 198.51.100.4 with Firefox on Linux",
		"A login failed12 times1 hour ago, from 203.0.113.7 with curl",
		"Became an adminAdmin 1 did it. 1 hour ago",
		"The account was deactivatedIt was the account of user 9. 1 hour ago, from 203.0.113.7 with curl",
		"carrier pigeon sent1 hour ago, from 203.0.113.7 with curl",
		"Registered1 hour ago, from 203.0.113.7 with curl",
	]);
});

it("earlier events are fetched when they are asked for", async () => {
	const hands = await showAccount();
	const list = await happened();
	await list.findByText("Registered");
	expect(list.queryByRole("button", { name: "Show more" })).toBeNull();
	answer(
		"GET /auth/events",
		200,
		{ status: "success", data: { events: [event(9, "logout")] } },
		{ Link: '</auth/events?after=9>; rel="next"' },
	);
	answer("DELETE /auth/sessions/session-2", 200, { status: "success", message: "" });
	await hands.click(screen.getByRole("button", { name: "End curl" }));
	await list.findByText("Logged out");
	events = [event(8, "password_changed")];
	answerBy("GET /auth/events", () => [200, { status: "success", data: { events } }]);
	await hands.click(list.getByRole("button", { name: "Show more" }));
	await list.findByText("The password was changed");
	list.getByText("Logged out");
	expect(list.queryByRole("button", { name: "Show more" })).toBeNull();
});
