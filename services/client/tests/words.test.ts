import { describe, expect, it } from "vitest";
import { Failure, failureOf, messageOf } from "../src/api/failure";
import { formatAge, formatBytes, formatDigits, formatDuration, formatShort } from "../src/values/format";
import { introduction, isKind, KINDS, nameOfValue, parseIndex } from "../src/values/kinds";

describe("a failure", () => {
	const response = (status: number) => new Response("", { status });

	it("has the server's message, and its message for each field", () => {
		const failure = failureOf(
			{ message: "Invalid payload.", code: "invalid_payload", errors: [{ field: "email", message: "is taken" }] },
			response(400),
		);
		expect([failure.httpStatus, failure.code, failure.message, failure.fields]).toEqual([
			400,
			"invalid_payload",
			"Invalid payload.",
			{ email: "is taken" },
		]);
	});

	it("says that there was no reply, or that it was not an envelope", () => {
		expect(messageOf(failureOf(new TypeError("Failed to fetch"), undefined))).toBe("The server cannot be reached.");
		expect(failureOf("<html>", response(500)).message).toBe("The server sent a reply that this page cannot read.");
		expect(messageOf("what")).toBe("Something went wrong.");
	});

	it("of too many attempts says when to try again", () => {
		const message = (wait: string) =>
			failureOf({ message: "Too many.", code: "too_many_attempts" }, new Response("", { status: 429, headers: { "Retry-After": wait } }))
				.message;
		expect(message("1")).toBe("Too many attempts. Try again in 1 second.");
		expect(message("89")).toBe("Too many attempts. Try again in 89 seconds.");
		expect(message("90")).toBe("Too many attempts. Try again in 2 minutes.");
		expect(message("soon")).toBe("Too many.");
	});

	it("of a token is in words for people", () => {
		const message = (code: string, status = 401) =>
			failureOf({ message: "Invalid token. Please log in again.", code }, response(status)).message;
		expect(message("token_invalid")).toBe("Your session has ended. Please log in again.");
		expect(message("token_expired")).toBe("Your session has expired. Please log in again.");
		expect(message("token_missing", 403)).toBe("You must be logged in for that.");
	});

	it("is transient when a retry may help", () => {
		for (const status of [0, 429, 502, 503, 504]) expect(new Failure(status, "", "").isTransient, `${status}`).toBe(true);
		for (const status of [400, 401, 403, 404, 422, 500]) expect(new Failure(status, "", "").isTransient, `${status}`).toBe(false);
	});
});

it("numbers, durations, sizes and ages are formatted for reading", () => {
	expect([formatDigits(1), formatDigits(104_494)]).toEqual(["1 digit", "104,494 digits"]);
	expect([4, 1500, 73_200, 2_500_000].map(formatDuration)).toEqual(["4 µs", "1.50 ms", "73.2 ms", "2.50 s"]);
	expect([1, 1000, 1_000_000].map(formatShort)).toEqual(["1", "1K", "1M"]);
	expect([2048, 3 * 1024 * 1024].map(formatBytes)).toEqual(["2 KiB", "3.00 MiB"]);
	const now = Date.parse("2026-01-02T12:00:00Z");
	const ages = ["2026-01-02T11:59:50Z", "2026-01-02T11:57:00Z", "2026-01-02T09:00:00Z", "2026-01-01T11:00:00Z"];
	expect(ages.map((time) => formatAge(time, now))).toEqual(["just now", "3 minutes ago", "3 hours ago", "yesterday"]);
});

it("only a whole number is an index", () => {
	expect(["0", "7", " 40 ", "1000000"].map(parseIndex)).toEqual([0, 7, 40, 1_000_000]);
	for (const text of ["", " ", "-1", "1.5", "1,5", "1,0000", "1,000 000", "1e-3", "1.5e0", "seven"])
		expect(parseIndex(text), text).toBeNull();
	for (const text of ["1,000", "1 000", "1\u00a0000", "1\u202f000", "1_000", "1e3", "1.0E+3"]) expect(parseIndex(text), text).toBe(1000);
	for (const text of ["9".repeat(16), "9".repeat(400), "1e400", "9,007,199,254,740,992"])
		expect(parseIndex(text), text).toBe(Number.POSITIVE_INFINITY);
	expect([isKind("lucas"), isKind("prime"), isKind(undefined)]).toEqual([true, false, false]);
});

it("an address names a value in one way", () => {
	expect(nameOfValue("factorial", "1000")).toBe("Factorial 1,000");
	for (const [kind, index] of [
		["prime", "7"],
		["lucas", "1,000"],
		["lucas", "1e3"],
		["lucas", "9".repeat(16)],
		["lucas", undefined],
		["constructor", "7"],
	])
		expect(nameOfValue(kind, index), `${kind} ${index}`).toBeNull();
});

it("an index of an address that is far too high has a formula without a search for its last prime", () => {
	expect(KINDS.primorial.formula(10_000_000)).toBe("2 × 3 × 5 × … × 9,999,991");
	expect(KINDS.primorial.formula(Number.MAX_SAFE_INTEGER)).toBe("2 × 3 × 5 × …"); // without its last prime
});

it("the formula of each kind has the index filled in", () => {
	const { fibonacci, lucas, factorial, primorial } = KINDS;
	expect([0, 1, 40].map((index) => `${fibonacci.notation(index)} = ${fibonacci.formula(index)}`)).toEqual([
		"F(1) = 1",
		"F(2) = F(1) + F(0)",
		"F(41) = F(40) + F(39)",
	]);
	expect([0, 1, 1001].map(lucas.formula)).toEqual(["2", "1", "L(1,000) + L(999)"]);
	expect([0, 1, 2, 4, 5, 1000].map(factorial.formula)).toEqual([
		"1",
		"1",
		"1 × 2",
		"1 × 2 × 3 × 4",
		"1 × 2 × 3 × … × 5",
		"1 × 2 × 3 × … × 1,000",
	]);
	expect([0, 2, 4, 10, 11, 100].map(primorial.formula)).toEqual([
		"1",
		"2",
		"2 × 3",
		"2 × 3 × 5 × 7",
		"2 × 3 × 5 × … × 11",
		"2 × 3 × 5 × … × 97",
	]);
	expect(introduction("fibonacci", 40)).toBe("Index 40 is F(41)");
});

it("the estimated number of digits is that of the result", () => {
	const known: [keyof typeof KINDS, number, number][] = [
		["fibonacci", 7, 2],
		["fibonacci", 1000, 209],
		["fibonacci", 500_000, 104_494],
		["lucas", 90, 19],
		["factorial", 1000, 2568],
		["factorial", 20_000, 77_338],
	];
	for (const [kind, index, digits] of known) expect(Math.floor(KINDS[kind].digits(index)), `${kind} ${index}`).toBe(digits);
});
