/* The front page of a stranger: a number that works at once. */
import { screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { answer, answerBy, askedFor, failure, KINDS } from "./server";
import { show } from "./show";

function result(kind: string, index: number, digits: string) {
	return { status: "success", data: { kind, index, digits: digits.length, duration_us: 3, result: digits } };
}

const F52 = "80658175170943878571660636856403766975289505440883277824000000000000";
const drawn = () => document.querySelector(".stage .big")?.textContent;

function haveFirst() {
	answer("GET /api/values/factorial/52", 200, result("factorial", 52, F52));
}

it("shows a number at once, and what it is, how large it is, and how long it took", async () => {
	haveFirst();
	show("/");
	await screen.findByRole("heading", { level: 1, name: "Large numbers, the moment they are known" });
	await waitFor(() => expect(drawn()).toBe(F52));
	screen.getByText("52!", { selector: ".stage-formula b" });
	screen.getByText("= 1 × 2 × 3 × … × 52");
	expect(document.querySelector(".stage-facts")?.textContent).toBe("≈ 8.066 × 10^6768 digitscalculated in 3 µsLook inside");
	expect(askedFor("GET /api/values/factorial/52")[0]?.authorization).toBeNull();
	expect(askedFor("GET /api/values")).toHaveLength(0);
});

it("leads to registering first, and to logging in", async () => {
	haveFirst();
	show("/");
	const main = within(await screen.findByRole("main"));
	expect((await main.findAllByRole("link", { name: /^(Register|Log in)$/ })).map((link) => link.textContent)).toEqual([
		"Register",
		"Log in",
	]);
	expect((await screen.findAllByText(/^Index 0 to /)).map((line) => line.textContent)).toContain("Index 0 to 100,000");
});

it("has a number calculated that nobody has asked for yet", async () => {
	haveFirst();
	let isSubmitted = false;
	answerBy("GET /api/values/fibonacci/40", () =>
		isSubmitted ? [200, result("fibonacci", 40, "165580141")] : [404, failure("not_found", "Nobody has asked for that yet.")],
	);
	answerBy("POST /api/values", () => {
		isSubmitted = true;
		return [200, { working: true, id: "5", kind: "fibonacci", index: 40, state: "pending" }];
	});
	const hands = show("/");
	await waitFor(() => expect(drawn()).toBe(F52));
	answer("GET /api/values/fibonacci/52", 200, result("fibonacci", 52, "53316291173"));
	await hands.click(screen.getByLabelText("Fibonacci"));
	await hands.clear(screen.getByLabelText("Index"));
	answer("GET /api/values/fibonacci/4", 200, result("fibonacci", 4, "5"));
	await hands.type(screen.getByLabelText("Index"), "40");
	await waitFor(() => expect(drawn()).toBe("165580141"));
	screen.getByText("Index 40 is F(41): 9 digits.");
	expect(askedFor("POST /api/values").map(({ body, authorization }) => [body, authorization])).toEqual([
		[{ kind: "fibonacci", index: 40 }, null],
	]);
});

it("a well-known number is one click away, and the chosen one is marked", async () => {
	haveFirst();
	answer("GET /api/values/fibonacci/11", 200, result("fibonacci", 11, "144"));
	const hands = show("/");
	const famous = await screen.findByRole("button", { name: /^F\(12\) the last square/ });
	await hands.click(famous);
	await waitFor(() => expect(drawn()).toBe("144"));
	expect(famous.getAttribute("aria-pressed")).toBe("true");
	expect(screen.getByLabelText<HTMLInputElement>("Index").value).toBe("11");
});

it("while too many requests are refused the page says so, and the number before is marked as old", async () => {
	haveFirst();
	const hands = show("/");
	await waitFor(() => expect(drawn()).toBe(F52));
	const stage = document.querySelector(".stage");
	expect(stage?.getAttribute("aria-busy")).toBeNull();
	answer("GET /api/values/fibonacci/11", 429, failure("too_many_requests", "Too many requests."));
	await hands.click(screen.getByRole("button", { name: /^F\(12\) the last square/ }));
	await screen.findByText("Too many requests for the moment. Trying again.");
	expect([drawn(), stage?.getAttribute("aria-busy")]).toEqual([F52, "true"]);
	answer("GET /api/values/fibonacci/11", 200, result("fibonacci", 11, "144"));
	await hands.click(screen.getByRole("button", { name: "Try now" }));
	await waitFor(() => expect(drawn()).toBe("144"));
	expect(stage?.getAttribute("aria-busy")).toBeNull();
});

it("an index that is not open to strangers is not asked for, and says what helps", async () => {
	haveFirst();
	const hands = show("/");
	await waitFor(() => expect(drawn()).toBe(F52));
	await screen.findByText("Index 0 to 100,000");
	await hands.clear(screen.getByLabelText("Index"));
	await hands.type(screen.getByLabelText("Index"), "1001");
	await screen.findByText("Register to go beyond 1,000.");
	expect(askedFor("GET /api/values/factorial/1001")).toEqual([]);
});

it("where no index is open to strangers, there is no instrument", async () => {
	answer("GET /api/values/factorial/52", 403, failure("token_missing", "Provide a valid auth token."));
	answer("GET /api/values/kinds", 200, { status: "success", data: { kinds: KINDS.map((kind) => ({ ...kind, anonymous_limit: null })) } });
	show("/");
	await screen.findByText("Index 0 to 100,000");
	expect(screen.queryByLabelText("Index")).toBeNull();
	screen.getByRole("heading", { level: 1 });
});
