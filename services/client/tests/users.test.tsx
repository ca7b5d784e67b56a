import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { answer, answerBy, askedFor, CHALLENGE, challenge, failure, user } from "./server";
import { show } from "./show";

let users: ReturnType<typeof user>[];
let searches: string[]; // of each GET /users, in turn
const row = (name: string) => document.querySelector(`[data-user=${name}]`) as HTMLElement;

beforeEach(() => {
	users = [user(1, "theadmin", { admin: true }), user(2, "somebody")];
	answerBy("GET /users", () => [200, { status: "success", data: { users } }]);
	searches = [];
	const respond = fetch;
	vi.stubGlobal("fetch", (request: Request) => {
		const { pathname, search } = new URL(request.url);
		if (request.method === "GET" && pathname === "/users") searches.push(search);
		return respond(request);
	});
});

it("all users are listed, and a user who is not an admin cannot change them", async () => {
	show("/all-users", { as: { id: 2 } });
	await screen.findByRole("heading", { level: 1, name: "All Users" });
	await screen.findByText("theadmin@example.com");
	expect(document.querySelectorAll("tbody tr")).toHaveLength(2);
	expect(screen.queryByRole("button", { name: /Deactivate|Add|Delete|Details/ })).toBeNull();
	expect(screen.queryByRole("searchbox")).toBeNull();
});

it("a user who may see only the names of others gets a list of names", async () => {
	const names = [{ id: 1, username: "theadmin" }, user(2, "somebody")];
	answerBy("GET /users", () => [200, { status: "success", data: { users: names } }]);
	show("/all-users", { as: { id: 2 } });
	await screen.findByText("theadmin");
	expect(screen.getAllByRole("columnheader").map((header) => header.textContent)).toEqual(["ID", "Username"]);
	expect(row("theadmin").textContent).toBe("1theadmin");
});

it("a logged-out visitor is asked to log in when the list is not public", async () => {
	answer("GET /users", 403, failure("token_missing", "Provide a valid auth token."));
	show("/all-users");
	await screen.findByText("You must be logged in to view this.");
});

it.each([
	["Deactivate", { active: false }, "somebody is no longer active."],
	["Make admin", { admin: true }, "somebody is an admin."],
])("an admin can change a user: %s", async (button, change, text) => {
	answerBy("PATCH /users/2", (body) => {
		users = users.map((one) => (one.id === 2 ? { ...one, ...(body as object) } : one));
		return [200, { status: "success", data: users[1] }];
	});
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: `${button} somebody` }));
	if (button === "Make admin")
		await hands.click(within(await screen.findByRole("dialog", { name: "Make somebody an admin?" })).getByRole("button", { name: button }));
	await screen.findByText(text);
	expect(askedFor("PATCH /users/2")[0]?.body).toEqual(change);
	await waitFor(() => expect(within(row("somebody")).queryByRole("button", { name: `${button} somebody` })).toBeNull());
});

it("an admin deletes a user after confirming it", async () => {
	answerBy("DELETE /users/2", () => {
		users = users.slice(0, 1);
		return [200, { status: "success", message: "gone" }];
	});
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Delete somebody" }));
	const dialog = await screen.findByRole("dialog", { name: "Delete somebody?" });
	await hands.click(within(dialog).getByRole("button", { name: "Keep" }));
	expect(askedFor("DELETE /users/2")).toHaveLength(0);
	await hands.click(screen.getByRole("button", { name: "Delete somebody" }));
	await hands.click(within(await screen.findByRole("dialog")).getByRole("button", { name: "Delete" }));
	await screen.findByText("somebody was deleted.");
	await waitFor(() => expect(row("somebody")).toBeNull());
});

it("an admin adds a user, and sees the error when that user exists", async () => {
	answer("POST /users", 400, failure("user_exists", "Sorry. That email already exists."));
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Add a user" }));
	const dialog = within(await screen.findByRole("dialog", { name: "Add a user" }));
	await hands.type(dialog.getByLabelText("Username"), "newcomer");
	await hands.type(dialog.getByLabelText("Email"), "new@comer.org");
	await hands.type(dialog.getByLabelText("Password"), "long enough{Enter}");
	await dialog.findByText("Sorry. That email already exists."); // inside the dialog, because nothing outside of it can be reached
	answerBy("POST /users", () => {
		users = [...users, user(3, "newcomer")];
		return [201, { status: "success", message: "new@comer.org was added!" }];
	});
	await hands.type(dialog.getByLabelText("Password"), "{Enter}");
	await screen.findByText("new@comer.org was added!");
	await waitFor(() => expect(row("newcomer")).not.toBeNull());
	expect(screen.queryByRole("dialog")).toBeNull();
});

it("a former admin sees that the change is not permitted", async () => {
	answer("PATCH /users/2", 401, failure("not_permitted", "You do not have permission to do that."));
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Deactivate somebody" }));
	expect((await screen.findByText("You do not have permission to do that.")).className).toBe("notification is-danger");
	screen.getByRole("button", { name: "Log out" }); // the user is still logged in
});

it("an admin with a second factor confirms each change by a code", async () => {
	answerBy("PATCH /users/2", (body, confirmation) => {
		if (confirmation !== "the-confirmation") return [403, failure("confirmation_required", "Please confirm this with your second factor.")];
		users = users.map((one) => (one.id === 2 ? { ...one, ...(body as object) } : one));
		return [200, { status: "success", data: users[1] }];
	});
	answer("POST /auth/confirmations", 201, { status: "success", message: "", data: challenge() });
	answer(`POST /auth/challenge/${CHALLENGE}`, 200, {
		status: "success",
		message: "",
		data: { confirmation: "the-confirmation", expires_in: 300 },
	});
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Deactivate somebody" }));
	const asked = within(await screen.findByRole("dialog", { name: "Change somebody?" }));
	await hands.type(await asked.findByLabelText("Code"), "123456{Enter}");
	await screen.findByText("somebody is no longer active.");
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "change_user", parameters: { active: false, id: "2" } });
});

it("an admin without a second factor confirms by the password that another admin is activated", async () => {
	users = users.map((one) => (one.id === 2 ? { ...one, active: false, admin: true } : one));
	answerBy("PATCH /users/2", (body, confirmation) => {
		if (confirmation !== "the-confirmation") return [403, failure("confirmation_required", "Please confirm this with your password.")];
		users = users.map((one) => (one.id === 2 ? { ...one, ...(body as object) } : one));
		return [200, { status: "success", data: users[1] }];
	});
	answer("POST /auth/confirmations", 201, { status: "success", message: "", data: challenge(["password"]) });
	answer(`POST /auth/challenge/${CHALLENGE}`, 200, {
		status: "success",
		message: "",
		data: { confirmation: "the-confirmation", expires_in: 300 },
	});
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Activate somebody" }));
	const asked = within(await screen.findByRole("dialog", { name: "Activate somebody?" }));
	await hands.type(await asked.findByLabelText("Your password"), "the password{Enter}");
	await screen.findByText("somebody is active.");
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "change_user", parameters: { active: true, id: "2" } });
});

// ---- what an admin seldom does ----

const event = { id: 1, session: null, network: null, user_agent: null, request_id: null, count: 1, user: 2 };
const at = new Date().toISOString();

async function openDetails() {
	answer("GET /users/2/events", 200, {
		status: "success",
		data: { events: [{ ...event, event: "admin_revoked", actor: 1, at, last_at: at }] },
	});
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Details somebody" }));
	return { hands, dialog: within(await screen.findByRole("dialog", { name: "somebody" })) };
}

it("an admin sees what happened to a user's account", async () => {
	const { dialog } = await openDetails();
	await dialog.findByText("Is no admin any more");
	dialog.getByText(/^Admin 1 did it\./);
});

it("an admin has a link for a new password sent, and the reason is shown when there is none", async () => {
	answer("POST /users/2/reset", 409, failure("too_many_links", "The user has as many good links as possible."));
	const { hands, dialog } = await openDetails();
	await hands.click(dialog.getByRole("button", { name: "Send a link for a new password" }));
	await dialog.findByText("The user has as many good links as possible.");
	answer("POST /users/2/reset", 202, { status: "success", message: "A message with a link is on its way to the user." });
	await hands.click(dialog.getByRole("button", { name: "Send a link for a new password" }));
	await dialog.findByText("A link for a new password was sent to somebody@example.com.");
});

it("an admin ends a user's sessions, confirmed by a code where the admin has a second factor", async () => {
	answerBy("DELETE /users/2/sessions", (_, confirmation) =>
		confirmation === "the-confirmation"
			? [200, { status: "success", message: "All sessions of the user were ended." }]
			: [403, failure("confirmation_required", "Please confirm this with your second factor.")],
	);
	answer("POST /auth/confirmations", 201, { status: "success", message: "", data: challenge() });
	answer(`POST /auth/challenge/${CHALLENGE}`, 200, {
		status: "success",
		message: "",
		data: { confirmation: "the-confirmation", expires_in: 300 },
	});
	const { hands, dialog } = await openDetails();
	await hands.click(dialog.getByRole("button", { name: "End all sessions" }));
	const asked = within(await screen.findByRole("dialog", { name: "Confirm that it is you" }));
	await hands.type(await asked.findByLabelText("Code"), "123456{Enter}");
	await dialog.findByText("somebody is logged out everywhere.");
	expect(askedFor("POST /auth/confirmations")[0]?.body).toEqual({ action: "end_user_sessions", parameters: { id: "2" } });
});

it("an admin searches by name or email, and the field keeps the focus", async () => {
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	const field = await screen.findByRole("searchbox", { name: "Search by name or email" });
	users = [user(2, "somebody")];
	await hands.type(field, " some ");
	await waitFor(() => expect(row("theadmin")).toBeNull());
	users = [];
	await hands.type(field, "more");
	await screen.findByText("No user is like that.");
	expect(document.activeElement).toBe(field);
});

it("an admin's filter and order are asked of the server, begin at the first page, and are in the address", async () => {
	const hands = show("/all-users?after=49", { as: { id: 1, admin: true } });
	await screen.findByRole("link", { name: "First page" });
	expect(searches.at(-1)).toBe("?limit=50&after=49");
	await hands.selectOptions(screen.getByRole("combobox", { name: "Activity" }), "Not active");
	await hands.selectOptions(screen.getByRole("combobox", { name: "Role" }), "Other users");
	await hands.selectOptions(screen.getByRole("combobox", { name: "Order" }), "Email, Z to A");
	await waitFor(() => expect(searches.at(-1)).toBe("?limit=50&active=false&admin=false&sort=email&order=desc"));
	expect(screen.queryByRole("link", { name: "First page" })).toBeNull();
});

it("another user's list is not filtered by the address, because the server would refuse it", async () => {
	show("/all-users?active=false&sort=email", { as: { id: 2 } });
	await screen.findByText("somebody@example.com");
	expect(searches).toEqual(["?limit=50"]);
	expect(screen.queryByRole("combobox")).toBeNull();
});

it("an admin who is none any more sees the list without the filter", async () => {
	answerBy("GET /users", () =>
		searches.at(-1)?.includes("active")
			? [401, failure("not_permitted", "You do not have permission to do that.")]
			: [200, { status: "success", data: { users: [{ id: 2, username: "somebody" }, user(1, "theadmin")] } }],
	);
	show("/all-users?active=true", { as: { id: 1, admin: true } });
	await screen.findByText("somebody");
	expect(searches).toEqual(["?limit=50&active=true", "?limit=50"]);
	expect(screen.queryByRole("combobox")).toBeNull();
});

it("the next page begins where the Link says, and one that is empty is passed over", async () => {
	const pages: Record<string, [typeof users, string?]> = { "": [users, "5"], 5: [[], "7"], 7: [[user(9, "zoe")]] };
	answerBy("GET /users", () => {
		const [users = [], next] = pages[/after=([^&]*)/.exec(searches.at(-1) ?? "")?.[1] ?? ""] ?? [];
		const headers: Record<string, string> = next ? { Link: `</users?limit=50&after=${next}&sort=username>; rel="next"` } : {};
		return [200, { status: "success", data: { users } }, headers];
	});
	const hands = show("/all-users?sort=username", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("link", { name: "Next page" }));
	await waitFor(() => expect(row("zoe")).not.toBeNull());
	expect(searches.map((search) => /after=([^&]*)/.exec(search)?.[1])).toEqual([undefined, "5", "7"]);
	expect(searches.at(-1)).toBe("?limit=50&after=7&sort=username&order=asc");
	expect(screen.queryByRole("link", { name: "Next page" })).toBeNull();
});

it("an admin edits a user's name and email, and sees beside the field what is wrong", async () => {
	const taken = failure("user_exists", "Another user has that name or email.", [{ field: "username", message: "belongs to another user" }]);
	answer("PATCH /users/2", 409, taken);
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Edit somebody" }));
	const dialog = within(await screen.findByRole("dialog", { name: "Edit somebody" }));
	const name = dialog.getByLabelText("Username");
	expect(dialog.getByRole<HTMLInputElement>("button", { name: "Save" }).disabled).toBe(true);
	await hands.clear(name);
	await hands.type(name, "theadmin{Enter}");
	await dialog.findByText("Username belongs to another user.");
	answerBy("PATCH /users/2", (body) => {
		users = users.map((one) => (one.id === 2 ? { ...one, ...(body as object) } : one));
		return [200, { status: "success", data: users[1] }];
	});
	await hands.clear(name);
	await hands.type(name, "ada{Enter}");
	await screen.findByText("ada was changed.");
	expect(askedFor("PATCH /users/2").at(-1)?.body).toEqual({ username: "ada" });
	await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
	expect(row("ada").textContent).toContain("somebody@example.com");
});

it("what another admin changes while a user is edited is not put back", async () => {
	answer("PATCH /users/2", 503, failure("unavailable", "Temporarily unavailable."));
	const hands = show("/all-users", { as: { id: 1, admin: true } });
	await hands.click(await screen.findByRole("button", { name: "Edit somebody" }));
	const dialog = within(await screen.findByRole("dialog", { name: "Edit somebody" }));
	users = [user(1, "theadmin", { admin: true }), user(2, "renamed")];
	await hands.type(dialog.getByLabelText("Email"), ".au{Enter}");
	await waitFor(() => expect(row("renamed")).not.toBeNull()); // the list is fetched after each attempt
	answer("PATCH /users/2", 200, { status: "success", data: user(2, "renamed") });
	await hands.click(dialog.getByRole("button", { name: "Save" }));
	await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
	expect(askedFor("PATCH /users/2").at(-1)?.body).toEqual({ email: "somebody@example.com.au" });
});
