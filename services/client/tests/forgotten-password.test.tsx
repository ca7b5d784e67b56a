import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { sessions } from "../src/session/session";
import { answer, askedFor, failure } from "./server";
import { show } from "./show";

const RESET = { status: "success", message: "Password changed. Please log in again." };

it("a visitor who forgot the password is sent a link, and the page does not say whether there is an account", async () => {
	answer("POST /auth/password/forgot", 202, { status: "success", message: "Noted." });
	const hands = show("/login");
	await hands.click(await screen.findByRole("link", { name: "Forgot your password?" }));
	await screen.findByRole("heading", { level: 1, name: "Forgot your password?" });
	const button = screen.getByRole<HTMLInputElement>("button", { name: "Send the link" });
	expect(button.disabled).toBe(true);
	await hands.type(screen.getByLabelText("Email"), "some@body.org{Enter}");
	await screen.findByText(/If an account has the address some@body.org/);
	expect(askedFor("POST /auth/password/forgot").map((one) => one.body)).toEqual([{ email: "some@body.org" }]);
});

it("opening the link sends nothing, and the new password is sent with the link's token", async () => {
	answer("POST /auth/password/reset", 200, RESET);
	const hands = show("/reset#a-token");
	const field = await screen.findByLabelText("New password");
	expect(askedFor("POST /auth/password/reset")).toEqual([]);
	await hands.type(field, "long enough{Enter}");
	await screen.findByRole("heading", { level: 1, name: "Log in" });
	await screen.findByText("Password changed. Please log in.");
	expect(askedFor("POST /auth/password/reset").map((one) => [one.body, one.authorization])).toEqual([
		[{ token: "a-token", password: "long enough" }, null],
	]);
});

it("a reset logs out this browser", async () => {
	answer("POST /auth/password/reset", 200, RESET);
	const hands = show("/reset#a-token", { as: { id: 7 } });
	await hands.type(await screen.findByLabelText("New password"), "long enough{Enter}");
	await screen.findByText("Password changed. Please log in again.");
	expect(sessions.current()).toBeNull();
});

it("the server's reason why the new password is too easy to guess is shown beside it, and the link is used again", async () => {
	const message = "is too easy to guess: it contains the username or the email address";
	answer("POST /auth/password/reset", 400, failure("invalid_payload", "Invalid payload.", [{ field: "password", message }]));
	const hands = show("/reset#a-token");
	const field = await screen.findByLabelText("New password");
	await hands.type(field, "long enough{Enter}");
	await screen.findByText(`New password ${message}.`);
	answer("POST /auth/password/reset", 200, RESET);
	await hands.clear(field);
	await hands.type(field, "nine wooden beads{Enter}");
	await screen.findByText("Password changed. Please log in.");
	expect(askedFor("POST /auth/password/reset").map((one) => one.body)).toEqual([
		{ token: "a-token", password: "long enough" },
		{ token: "a-token", password: "nine wooden beads" },
	]);
});

it("a link that is not good any more says so, and leads to a new one", async () => {
	answer("POST /auth/password/reset", 400, failure("link_invalid", "This link is not valid any more. Please ask for a new one."));
	const hands = show("/reset#a-token");
	await hands.type(await screen.findByLabelText("New password"), "long enough{Enter}");
	await screen.findByText("This link is not valid any more. Please ask for a new one.");
	await hands.click(screen.getByRole("link", { name: "Ask for a new link" }));
	await screen.findByRole("heading", { level: 1, name: "Forgot your password?" });
});

it("a link without its end is called incomplete", async () => {
	show("/reset");
	await screen.findByText("This link is not complete. Please copy all of it from the message.");
});
