/* The requirements of a form: the server's, of which those on passwords are in its words. */
export interface Rule {
	text: string;
	isMet: boolean;
}

const SHORTEST_NAME = 3;
const SHORTEST_EMAIL = 6;
const SHORTEST_PASSWORD = 8;
const SHORTEST_OWN = 3;
const LONGEST = 128;
const LONGEST_EMAIL = 254;

/* A dot-string and at least two labels (RFC 5321 §4.1.2, RFC 1034 §3.5), the server's own rule. */
const LOCAL = /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

function length(text: string): number {
	return [...text].length;
}

export function isEmail(text: string): boolean {
	const at = text.lastIndexOf("@");

	return at > 0 && at <= 64 && text.length <= LONGEST_EMAIL && LOCAL.test(text.slice(0, at)) && DOMAIN.test(text.slice(at + 1));
}

/* TEXT has at least SHORTEST characters; once it has too many, the rule is about that. */
function lengthRule(whose: string, text: string, shortest: number, longest: number): Rule {
	if (length(text) > longest) return { text: `${whose} must not be longer than ${longest} characters.`, isMet: false };
	return { text: `${whose} must be longer than ${shortest - 1} characters.`, isMet: length(text) >= shortest };
}

/* A rule that is shown only while a text breaks it. */
function unless(isBroken: boolean, text: string): Rule[] {
	return isBroken ? [{ text, isMet: false }] : [];
}

/* Whether the password has one of these texts in it. The server knows much more of what is easily guessed, and its answer says so. */
function contains(password: string, own: string[]): boolean {
	const lower = password.normalize("NFC").toLowerCase();

	return own.some((text) => length(text) >= SHORTEST_OWN && lower.includes(text.normalize("NFC").toLowerCase()));
}

/* own: the user's name and email address. */
export function passwordRules(password: string, own: string[], whose = "Passwords"): Rule[] {
	const size = length(password.normalize("NFC")); // the server counts this form
	const words = own.flatMap((text) => [text, text.slice(0, Math.max(0, text.lastIndexOf("@")))]);

	return [
		{ text: `${whose} must have ${SHORTEST_PASSWORD} to ${LONGEST} characters.`, isMet: size >= SHORTEST_PASSWORD && size <= LONGEST },
		...unless(contains(password, words), `${whose} must not contain the username or the email address.`),
	];
}

export function registrationRules(form: { username: string; email: string; password: string }): Rule[] {
	return [
		lengthRule("Usernames", form.username, SHORTEST_NAME, LONGEST),
		...unless(form.username.trim() !== form.username, "Usernames must not begin or end with white space."),
		lengthRule("Email addresses", form.email, SHORTEST_EMAIL, LONGEST_EMAIL),
		{ text: "Email addresses must look like name@example.com.", isMet: isEmail(form.email) },
		...passwordRules(form.password, [form.username, form.email]),
	];
}

export function logInRules(form: { email: string; password: string }): Rule[] {
	return [
		{ text: "An email address is needed.", isMet: form.email !== "" },
		{ text: "A password is needed.", isMet: form.password !== "" },
	];
}

export function areMet(rules: Rule[]): boolean {
	return rules.every((rule) => rule.isMet);
}
