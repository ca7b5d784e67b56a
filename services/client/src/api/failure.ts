/* The error of a call, as the pages show it. */
import type { FieldError } from "./generated";

/* The code of a reply that has none. */
export const UNKNOWN = "unknown";

export class Failure extends Error {
	readonly httpStatus: number; // 0: there was no reply
	readonly code: string;
	readonly fields: Record<string, string>;
	readonly data: unknown; // the envelope's member of this name

	constructor(httpStatus: number, code: string, message: string, fields: Record<string, string> = {}, data?: unknown) {
		super(message);
		this.httpStatus = httpStatus;
		this.code = code;
		this.fields = fields;
		this.data = data;
	}

	/* No server was reached, or one that cannot answer at the moment: worth an automatic retry. */
	get isTransient(): boolean {
		return this.httpStatus === 0 || this.httpStatus === 429 || this.httpStatus >= 502;
	}
}

/* What the API says to programs, for people. */
export const ENDED = {
	token_expired: "Your session has expired. Please log in again.",
	token_invalid: "Your session has ended. Please log in again.",
	session_reused: "You were logged out, because a copy of this login was used elsewhere. If that was not you, change your password.",
	user_inactive: "This account is not active. Ask an admin to activate it.",
} as const;

const WORDS: Record<string, string> = { ...ENDED, token_missing: "You must be logged in for that." };

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}

/* "Too many attempts. Please try again later." is no help: the reply says when. */
function messageFor(response: Response, code: string, message: string): string {
	const seconds = Number(response.headers.get("Retry-After"));

	if (response.status === 429 && seconds > 0) return `Too many attempts. Try again ${formatWait(seconds)}.`;
	return WORDS[code] ?? message;
}

function formatWait(seconds: number): string {
	if (seconds < 90) return `in ${seconds} ${seconds === 1 ? "second" : "seconds"}`;
	return `in ${Math.ceil(seconds / 60)} minutes`;
}

/* Makes a Failure of whatever was thrown or received as BODY. */
export function failureOf(body: unknown, response: Response | undefined): Failure {
	if (body instanceof Failure) return body;
	if (!response) return new Failure(0, "unreachable", "The server cannot be reached.");
	if (!isRecord(body) || typeof body.message !== "string")
		return new Failure(response.status, UNKNOWN, "The server sent a reply that this page cannot read.");
	const errors = Array.isArray(body.errors) ? (body.errors as FieldError[]) : [];
	const fields = Object.fromEntries(errors.map((error) => [error.field, error.message]));
	const code = String(body.code ?? UNKNOWN);
	return new Failure(response.status, code, messageFor(response, code, body.message), fields, body.data);
}

export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : "Something went wrong.";
}
