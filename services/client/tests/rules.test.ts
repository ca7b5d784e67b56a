import { describe, expect, it } from "vitest";
import { areMet, isEmail, logInRules, passwordRules, registrationRules } from "../src/parts/rules";

const good = { username: "somebody", email: "some@body.org", password: "long enough" };

describe("the rules of registering", () => {
	it("are met by texts that are long enough", () => {
		expect(areMet(registrationRules(good))).toBe(true);
	});

	it.each([
		["username", "ab", "Usernames must be longer than 2 characters."],
		["email", "a@b.c", "Email addresses must be longer than 5 characters."],
		["email", "nobody.example.com", "Email addresses must look like name@example.com."],
		["password", "0123456", "Passwords must have 8 to 128 characters."],
		["username", "a".repeat(129), "Usernames must not be longer than 128 characters."],
		["password", "a".repeat(129), "Passwords must have 8 to 128 characters."],
		["username", "somebody ", "Usernames must not begin or end with white space."],
		["password", "it is Somebody", "Passwords must not contain the username or the email address."],
		["password", "some@body.org!", "Passwords must not contain the username or the email address."],
		["password", "awesomeness!", "Passwords must not contain the username or the email address."],
	])("name the one that is not met by %s %s", (field, text, rule) => {
		const unmet = registrationRules({ ...good, [field]: text }).filter(({ isMet }) => !isMet);
		expect(unmet.map(({ text }) => text)).toContain(rule);
	});

	it.each([
		["a", 7, false],
		["a", 8, true],
		["a", 128, true],
		["a", 129, false],
		["🧮", 7, false],
		["🧮", 8, true],
		["e\u0308", 7, false],
		["e\u0308", 128, true],
	])("count the characters of a password as the server does: %s, %i times, is %s", (character, count, isMet) => {
		expect(areMet(passwordRules(character.repeat(count), []))).toBe(isMet);
	});
});

it("a rule about the own name does not stop one who has typed none yet", () => {
	expect(areMet(passwordRules("nine wooden beads", ["", ""]))).toBe(true);
	expect(areMet(passwordRules("nine wooden beads", ["ne", "o@wood.org"]))).toBe(true);
});

it("the own name counts in whatever form its letters were typed", () => {
	expect(areMet(passwordRules("hello zo\u00eb-zo\u00eb", ["Zoe\u0308-Zoe\u0308"]))).toBe(false);
});

it("an email address is one that the server accepts", () => {
	for (const text of ["a@b.co", "first.last+tag@sub.example.org", "o'neil@example.com"]) expect(isEmail(text), text).toBe(true);
	for (const text of [
		"@b.co",
		"a@b",
		"a b@c.de",
		".a@b.co",
		"a..b@c.de",
		"a@-b.co",
		"a@b..co",
		`${"a".repeat(65)}@b.co`,
		`a@${"b".repeat(260)}.co`,
	])
		expect(isEmail(text), text).toBe(false);
});

it("logging in requires both texts, of any length", () => {
	expect(areMet(logInRules({ email: "a", password: "b" }))).toBe(true);
	expect(areMet(logInRules({ email: "", password: "b" }))).toBe(false);
});
