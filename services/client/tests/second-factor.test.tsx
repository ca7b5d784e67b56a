import { screen } from "@testing-library/react";
import { beforeEach, expect, it } from "vitest";
import { sessions } from "../src/session/session";
import { accessToken, answer, askedFor, CHALLENGE, challenge, failure, tokens } from "./server";
import { show } from "./show";

const ANSWER = `POST /auth/challenge/${CHALLENGE}`;
const REQUIRED = { ...failure("second_factor_required", "Please prove your second factor."), data: challenge() };

beforeEach(() => {
	answer("POST /auth/session", 401, REQUIRED);
	answer("GET /api/values", 200, { status: "success", data: { values: [] } });
});

async function givePassword({ keep = false } = {}) {
	const hands = show("/login");
	await hands.type(await screen.findByLabelText("Email"), "some@body.org");
	if (keep) await hands.click(screen.getByLabelText(/^Keep me logged in/));
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByRole("heading", { level: 1, name: "Confirm that it is you" });
	return hands;
}

it("after the password the page asks for a code, whose field has the focus, and logs in with it", async () => {
	const access = accessToken();
	answer(ANSWER, 201, tokens(access, "refresh-1"));
	const hands = await givePassword();
	expect(document.activeElement).toBe(screen.getByLabelText("Code"));
	await hands.keyboard("123 456{Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor(ANSWER)[0]).toMatchObject({ body: { method: "totp", code: "123456" }, authorization: null });
	expect(sessions.current()).toMatchObject({ token: access, refreshToken: "refresh-1", isKept: false });
	expect(screen.queryByRole("alert")?.textContent).toBe("");
});

it("a login that is to be kept is kept after the code too", async () => {
	answer(ANSWER, 201, tokens());
	const hands = await givePassword({ keep: true });
	await hands.keyboard("123456{Enter}");
	await screen.findByText("Welcome!");
	expect([window.sessionStorage.length, window.localStorage.length]).toEqual([0, 1]);
});

it("a recovery code logs in", async () => {
	answer(ANSWER, 201, tokens());
	const hands = await givePassword();
	await hands.click(screen.getByRole("button", { name: "Use a recovery code" }));
	await hands.type(screen.getByLabelText("Recovery code"), " abcdef-ghijkl-mnopqr-stuvwx {Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor(ANSWER)[0]?.body).toEqual({ method: "recovery", code: "abcdef-ghijkl-mnopqr-stuvwx" });
});

it("a wrong code is called so beside the field, and typing replaces it", async () => {
	answer(ANSWER, 401, failure("code_wrong", "That is wrong, or was used before."));
	const hands = await givePassword();
	await hands.keyboard("000000{Enter}");
	await screen.findByText("Code is wrong, or was used before.");
	expect(document.activeElement).toBe(screen.getByLabelText("Code"));
	answer(ANSWER, 201, tokens());
	await hands.keyboard("123456{Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor(ANSWER).map((one) => one.body)).toEqual([
		{ method: "totp", code: "000000" },
		{ method: "totp", code: "123456" },
	]);
});

it("after a challenge that has ended the page begins again, and says why", async () => {
	answer(ANSWER, 401, failure("challenge_ended", "This challenge has ended. Please begin again."));
	const hands = await givePassword();
	await hands.keyboard("123456{Enter}");
	await screen.findByText("That took too long, or too many codes were wrong. Please log in again.");
	await screen.findByRole("heading", { level: 1, name: "Log in" });
	expect(document.activeElement).toBe(screen.getByLabelText("Email"));
});

it("after too many tries the page says when to try again", async () => {
	answer(ANSWER, 429, failure("too_many_attempts", "Too many attempts. Please try again later."), { "Retry-After": "3000" });
	const hands = await givePassword();
	await hands.keyboard("123456{Enter}");
	await screen.findByText("Too many attempts. Try again in 50 minutes.");
});

it("Back leads to the first step", async () => {
	const hands = await givePassword();
	await hands.click(screen.getByRole("button", { name: "Back" }));
	await screen.findByRole("heading", { level: 1, name: "Log in" });
});

it("a method that this page does not know is not offered", async () => {
	answer("POST /auth/session", 401, { ...REQUIRED, data: challenge(["carrier_pigeon", "recovery"]) });
	await givePassword();
	screen.getByLabelText("Recovery code");
	expect(screen.queryByRole("button", { name: /^Use/ })).toBeNull();
});

// ---- codes by message ----

const SEND = `${ANSWER}/code`;

it("a code that was sent by message logs in", async () => {
	answer("POST /auth/session", 401, { ...REQUIRED, data: challenge(["mtan", "recovery"], { sent: true }) });
	answer(ANSWER, 201, tokens());
	const hands = await givePassword();
	screen.getByText(/^Enter the six digits of the newest message that was sent to you\./);
	await hands.keyboard("123 456{Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor(ANSWER)[0]?.body).toEqual({ method: "mtan", code: "123456" });
	expect(askedFor(SEND)).toHaveLength(0);
});

it("beside an app a code is sent by message only when the user asks for it", async () => {
	answer("POST /auth/session", 401, { ...REQUIRED, data: challenge(["totp", "mtan", "recovery"]) });
	answer(SEND, 200, { status: "success", message: "A code is on its way." });
	answer(ANSWER, 201, tokens());
	const hands = await givePassword();
	await hands.click(screen.getByRole("button", { name: "Use a code by message" }));
	expect(askedFor(SEND)).toHaveLength(0);
	expect(document.activeElement).toBe(screen.getByRole("button", { name: "Send code" }));
	await hands.keyboard("{Enter}");
	expect(document.activeElement).toBe(await screen.findByLabelText("Code"));
	await hands.click(screen.getByRole("button", { name: "Send another code" }));
	await hands.keyboard("{Enter}");
	await hands.type(await screen.findByLabelText("Code"), "123456{Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor(SEND)).toHaveLength(2);
	expect(askedFor(ANSWER).map((one) => one.body)).toEqual([{ method: "mtan", code: "123456" }]);
});

it("after ten messages the page says when to try again, and a recovery code still logs in", async () => {
	answer("POST /auth/session", 401, { ...REQUIRED, data: challenge(["mtan", "recovery"]) });
	answer(SEND, 429, failure("too_many_attempts", "Too many attempts. Please try again later."), { "Retry-After": "3000" });
	answer(ANSWER, 201, tokens());
	const hands = await givePassword();
	await hands.keyboard("{Enter}");
	await screen.findByText("Too many attempts. Try again in 50 minutes.");
	await hands.click(screen.getByRole("button", { name: "Use a recovery code" }));
	await hands.type(screen.getByLabelText("Recovery code"), "abcdef-ghijkl-mnopqr-stuvwx{Enter}");
	await screen.findByText("Welcome!");
});

it("a challenge that ended before its code was sent begins the login again", async () => {
	answer("POST /auth/session", 401, { ...REQUIRED, data: challenge(["mtan", "recovery"]) });
	answer(SEND, 401, failure("challenge_ended", "This challenge has ended. Please begin again."));
	const hands = await givePassword();
	await hands.keyboard("{Enter}");
	await screen.findByRole("heading", { level: 1, name: "Log in" });
});
