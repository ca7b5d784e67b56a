import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { answer, user } from "./server";
import { show } from "./show";

const PAGES: [string, object, string][] = [
	["/login", {}, "current-password"],
	["/register", {}, "new-password"],
	["/reset#a-token", {}, "new-password"],
	["/status", { as: { id: 7 } }, "current-password,new-password"],
];
const PASTED = "nine wooden beads, and more than that, from a password manager";

it.each(PAGES)("passwords of %s are masked, may be pasted, and are known to password managers", async (path, options, kinds) => {
	answer("GET /auth/status", 200, { status: "success", data: user(7, "somebody") });
	answer("GET /auth/factors", 200, { status: "success", data: { asked: "login", recovery_codes: 0, sms: false, factors: [] } });
	answer("GET /auth/sessions", 200, { status: "success", data: { sessions: [] } });
	answer("GET /auth/events", 200, { status: "success", data: { events: [] } });
	const hands = show(path, options);
	const fields = await screen.findAllByLabelText<HTMLInputElement>(/password/i, { selector: "input:not([type=checkbox])" });
	expect(fields.map((field) => field.type)).toEqual(fields.map(() => "password"));
	expect([...new Set(fields.map((field) => field.autocomplete))].sort().join()).toBe(kinds);
	for (const field of fields) {
		await hands.click(field);
		await hands.paste(PASTED);
		expect(field.value).toBe(PASTED);
	}
});
