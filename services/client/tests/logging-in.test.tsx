import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { sessions } from "../src/session/session";
import { accessToken, answer, askedFor, failure, token, tokens, user } from "./server";
import { show } from "./show";

const rulesMet = () => document.querySelectorAll(".validation-list > .success").length;
const submit = (name: string) => screen.getByRole<HTMLInputElement>("button", { name });

function answerValues() {
	answer("GET /api/values", 200, { status: "success", data: { values: [] } });
}

it("registering shows which rules are met, and can be sent only when all are", async () => {
	const hands = show("/register");
	await screen.findByRole("heading", { level: 1, name: "Register" });
	expect(document.querySelectorAll(".validation-list > .error")).toHaveLength(4);
	await hands.type(screen.getByLabelText("Username"), "somebody");
	expect(rulesMet()).toBe(1);
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	expect(rulesMet()).toBe(3);
	expect(submit("Register").disabled).toBe(true);
	await hands.type(screen.getByLabelText("Password"), "long enough");
	expect(rulesMet()).toBe(4);
	expect(submit("Register").disabled).toBe(false);
});

it("registering logs the user in", async () => {
	answer("POST /auth/register", 201, { status: "success", message: "Successfully registered.", auth_token: token() });
	const access = accessToken();
	answer("POST /auth/session", 201, tokens(access, "refresh-1"));
	answerValues();
	const hands = show("/register");
	await hands.type(await screen.findByLabelText("Username"), "somebody");
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	expect((await screen.findByText("Welcome!")).className).toBe("notification is-success");
	expect(askedFor("POST /auth/register")[0]?.body).toEqual({ username: "somebody", email: "some@body.org", password: "long enough" });
	await screen.findByRole("heading", { level: 1, name: "Your values" });
	expect(sessions.current()).toMatchObject({ token: access, refreshToken: "refresh-1", isKept: false });
});

it("registering logs the user in although the login after it fails", async () => {
	answer("POST /auth/register", 201, { status: "success", message: "Successfully registered.", auth_token: token() });
	answer("POST /auth/session", 429, failure("too_many_attempts", "Too many attempts. Please try again later."));
	answerValues();
	const hands = show("/register");
	await hands.type(await screen.findByLabelText("Username"), "somebody");
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText("Welcome!");
	expect(sessions.current()).toMatchObject({ token: token(), canRefresh: false });
});

it("registering says that a link has to be opened first, where the server wants that", async () => {
	const message = "Please open the link that was sent to your email address.";
	answer("POST /auth/register", 202, { status: "success", message });
	const hands = show("/register");
	await hands.type(await screen.findByLabelText("Username"), "somebody");
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByRole("heading", { level: 1, name: "Almost done" });
	screen.getByText("some@body.org");
	expect(screen.queryByText("Welcome!")).toBeNull();
	await hands.click(within(screen.getByRole("main")).getByRole("link", { name: "Log in" }));
	await screen.findByRole("heading", { level: 1, name: "Log in" });
});

it("a login before the link was opened says so, and leads back to the form", async () => {
	answer("POST /auth/session", 403, failure("email_unverified", "Please open the link that was sent to your email address."));
	const hands = show("/login");
	await hands.type(await screen.findByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByRole("heading", { level: 1, name: "Confirm your email address" });
	screen.getByText("some@body.org");
	expect(document.querySelector(".notification")).toBeNull();
	await hands.click(screen.getByRole("button", { name: "Back" }));
	expect(document.activeElement).toBe(await screen.findByLabelText("Email"));
});

it("the server's error for a field is shown beside it until the field is changed", async () => {
	answer("POST /auth/register", 400, failure("invalid_payload", "Invalid payload.", [{ field: "email", message: "is no email address" }]));
	const hands = show("/register");
	await hands.type(await screen.findByLabelText("Username"), "somebody");
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText("Email is no email address.");
	expect(screen.getByLabelText("Email").getAttribute("aria-invalid")).toBe("true");
	expect(document.querySelector(".notification")).toBeNull();
	await hands.type(screen.getByLabelText("Email"), "x");
	expect(screen.queryByText("Email is no email address.")).toBeNull();
});

it("the server's reason why a password is too easy to guess is shown beside it", async () => {
	const message = "is too easy to guess: it is made of common words or passwords";
	answer("POST /auth/register", 400, failure("invalid_payload", "Invalid payload.", [{ field: "password", message }]));
	const hands = show("/register");
	await hands.type(await screen.findByLabelText("Username"), "somebody");
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText(`Password ${message}.`);
});

it("of a user who exists already the form says which field is taken", async () => {
	const errors = [{ field: "username", message: "is taken, or looks like one that is" }];
	answer("POST /auth/register", 400, failure("user_exists", "Sorry. That user already exists.", errors));
	const hands = show("/register");
	await hands.type(await screen.findByLabelText("Username"), "somebody");
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText("Username is taken, or looks like one that is.");
	expect(screen.getByLabelText("Username").getAttribute("aria-invalid")).toBe("true");
	expect(screen.getByLabelText("Email").getAttribute("aria-invalid")).toBeNull();
	expect(screen.queryByText("Sorry. That user already exists.")).toBeNull();
});

it("logging in keeps both tokens in the tab", async () => {
	answer("POST /auth/session", 201, tokens(accessToken(), "refresh-1"));
	answerValues();
	const hands = show("/login");
	await screen.findByRole("heading", { level: 1, name: "Log in" });
	expect(submit("Log in").disabled).toBe(true);
	await hands.type(screen.getByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor("POST /auth/session")[0]?.body).toEqual({
		email: "some@body.org",
		password: "long enough",
		remember: false,
		cookie: false,
	});
	expect([window.sessionStorage.length, window.localStorage.length]).toEqual([2, 0]);
});

it("logging in keeps the user logged in on this browser when asked to, and then no script sees the refresh token", async () => {
	answer("POST /auth/session", 201, tokens());
	answerValues();
	const hands = show("/login");
	await hands.type(await screen.findByLabelText("Email"), "some@body.org");
	await hands.click(screen.getByLabelText(/^Keep me logged in on this browser/));
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText("Welcome!");
	expect(askedFor("POST /auth/session")[0]?.body).toMatchObject({ remember: true, cookie: true });
	expect([window.sessionStorage.length, window.localStorage.length]).toEqual([0, 1]);
});

it("the error of a wrong password is shown until the next attempt", async () => {
	answer("POST /auth/session", 401, failure("login_failed", "Login failed."));
	answerValues();
	const hands = show("/login");
	await hands.type(await screen.findByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "wrong{Enter}");
	expect((await screen.findByText("Login failed.")).className).toBe("notification is-danger");
	answer("POST /auth/session", 201, tokens());
	await hands.type(screen.getByLabelText("Password"), "{Enter}");
	await screen.findByText("Welcome!");
	expect(screen.queryByText("Login failed.")).toBeNull();
});

it("logging out ends the session at once and revokes the token", async () => {
	answerValues();
	answer("DELETE /auth/session", 200, { status: "success", message: "Successfully logged out." });
	const hands = show("/", { as: { id: 7 } });
	await hands.click(await screen.findByRole("button", { name: "Log out" }));
	await screen.findByText("You have logged out");
	expect(sessions.current()).toBeNull();
	await waitFor(() => expect(askedFor("DELETE /auth/session")[0]?.authorization).toBe(`Bearer ${token()}`));
	await screen.findByRole("heading", { level: 1, name: "Large numbers, the moment they are known" });
});

it("opening /logout only asks", async () => {
	answerValues();
	answer("DELETE /auth/session", 200, { status: "success", message: "Successfully logged out." });
	const hands = show("/logout", { as: { id: 7 } });
	const button = await within(screen.getByRole("main")).findByRole("button", { name: "Log out" });
	expect(sessions.current()).not.toBeNull();
	await hands.click(button);
	await screen.findByText("You are now logged out.");
});

it("a reply of 429 is shown with the time to wait", async () => {
	answer("POST /auth/session", 429, failure("too_many_attempts", "Too many attempts. Please try again later."), { "Retry-After": "150" });
	const hands = show("/login");
	await hands.type(await screen.findByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "wrong{Enter}");
	await screen.findByText("Too many attempts. Try again in 3 minutes.");
});

it("an expired token ends the session with a notification", async () => {
	answer("GET /auth/status", 401, failure("token_expired", "Signature expired. Please log in again."));
	answer("GET /auth/factors", 401, failure("token_expired", "Signature expired. Please log in again."));
	show("/account", { as: { id: 7 } });
	const notice = await screen.findByText("Your session has expired. Please log in again.");
	expect(notice.className).toBe("notification is-danger");
	await screen.findByText("You must be logged in to view this.");
});

it("a page that needs a session leads to logging in, and back", async () => {
	answer("POST /auth/session", 201, tokens());
	answer("GET /users", 403, failure("token_missing", "Provide a valid auth token."));
	const hands = show("/all-users");
	await screen.findByText("You must be logged in to view this.");
	answer("GET /users", 200, { status: "success", data: { users: [user(7, "somebody")] } });
	await hands.click(screen.getAllByRole("link", { name: "Log in" }).at(-1) as HTMLElement);
	await hands.type(await screen.findByLabelText("Email"), "some@body.org");
	await hands.type(screen.getByLabelText("Password"), "long enough{Enter}");
	await screen.findByText("(you)");
});
