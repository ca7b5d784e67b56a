/* The page of a result. */
import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { answer, answerBy, askedFor, failure } from "./server";
import { show } from "./show";

function have(kind: string, index: number, digits: string) {
	answer(`GET /api/values/${kind}/${index}`, 200, {
		status: "success",
		data: { kind, index, digits: digits.length, duration_us: 4, result: digits },
	});
}

const LONG = "1234567890".repeat(2000);
const whole = () => screen.findByRole("region", { name: "The whole result" });
const shownRows = () => [...document.querySelectorAll(".digits-all .digits-row")];

it("names the number in its title, its heading and its formula", async () => {
	have("fibonacci", 40, "165580141");
	show("/values/fibonacci/40", { as: { id: 7 } });
	await screen.findByRole("heading", { level: 1, name: "Fibonacci 40" });
	screen.getByText("Index 40 is F(41) = F(40) + F(39)");
	await waitFor(() => expect(document.title).toBe("Fibonacci 40 · Abacus"));
	expect((await whole()).textContent).toContain("165580141");
	expect(document.querySelector(".result-head .stage-facts")?.textContent).toBe("≈ 1.656 × 10^89 digitscalculated in 4 µs");
});

it("has the digits in groups, of which only some rows are in the document", async () => {
	have("factorial", 1000, LONG);
	show("/values/factorial/1000", { as: { id: 7 } });
	await whole();
	const text = shownRows().map((row) => row.textContent);
	expect(LONG.startsWith(text.join(""))).toBe(true);
	expect(text.join("").length).toBeLessThan(3000);
	expect(shownRows()[0]?.querySelector(".group")?.textContent).toBe("12"); // 20,000 digits: the first group has two
	expect(shownRows()[1]?.getAttribute("data-at")).toBe("30");
});

it("finds digits across groups and rows, in turn and around, and says where they are", async () => {
	const digits = `${"1".repeat(28)}999999${"1".repeat(60)}9999991111`;
	have("factorial", 1000, digits);
	const hands = show("/values/factorial/1000", { as: { id: 7 } });
	const field = await screen.findByLabelText("Find digits");
	await hands.type(field, "999 999");
	await screen.findByText("1 of 2, at digit 29");
	const marked = () => [...document.querySelectorAll(".digits-all mark")].map((mark) => mark.textContent).join("");
	expect(marked()).toBe("999999999999");
	const current = () => [...document.querySelectorAll("mark.is-current")].map((mark) => mark.textContent).join("");
	expect(current()).toBe("999999");
	await hands.click(screen.getByRole("button", { name: "Next match" }));
	await screen.findByText("2 of 2, at digit 95");
	await hands.type(field, "{Enter}");
	await screen.findByText("1 of 2, at digit 29");
	await hands.type(field, "{Shift>}{Enter}{/Shift}");
	await screen.findByText("2 of 2, at digit 95");
	await hands.clear(field);
	await hands.type(field, "7");
	await screen.findByText("Not in this number.");
	await hands.type(field, "x");
	await screen.findByText("Only digits can be found.");
	expect(marked()).toBe("");
});

it("jumps to a digit by its place, and to none that it lacks", async () => {
	have("factorial", 1000, LONG);
	const hands = show("/values/factorial/1000", { as: { id: 7 } });
	const field = await screen.findByLabelText("Go to digit");
	await hands.type(field, "20,001");
	await screen.findByText("From 1 to 20,000.");
	expect(screen.getByRole<HTMLButtonElement>("button", { name: "Go" }).disabled).toBe(true);
	await hands.clear(field);
	await hands.type(field, "12{Enter}");
	expect(document.querySelector("mark.is-current")?.textContent).toBe("2");
});

it("is copied plain or in groups", async () => {
	have("fibonacci", 40, "165580141");
	const hands = show("/values/fibonacci/40", { as: { id: 7 } });
	await hands.click(await screen.findByRole("button", { name: "Copy" }));
	await screen.findByRole("button", { name: "Copied" });
	expect(await navigator.clipboard.readText()).toBe("165580141");
	await hands.click(screen.getByRole("button", { name: "Copy in groups" }));
	await waitFor(async () => expect(await navigator.clipboard.readText()).toBe("165 580 141"));
	await hands.click(screen.getByRole("button", { name: "Share" }));
	await screen.findByRole("button", { name: "Link copied" });
});

it("has the statistics of the digits", async () => {
	have("factorial", 10, "3628800");
	show("/values/factorial/10", { as: { id: 7 } });
	const table = within(await screen.findByRole("table", { name: "How often each digit occurs" }));
	expect(table.getAllByRole("row").map((row) => row.textContent)).toContain("828.6 %2");
	const facts = Object.fromEntries(
		[...document.querySelectorAll(".result-facts dt")].map((name) => [name.textContent, name.nextElementSibling?.textContent]),
	);
	expect(facts).toEqual({
		"Sum of the digits": "27",
		"Zeros at the end": "2",
		"Longest run of one digit": "88 2 long, from digit 4",
	});
});

it("leads to the numbers before and after, and there is none before the first", async () => {
	have("lucas", 0, "2");
	have("lucas", 1, "1");
	const hands = show("/values/lucas/0", { as: { id: 7 } });
	await whole();
	expect(screen.queryByRole("link", { name: /^Lucas -/ })).toBeNull();
	await hands.click(screen.getByRole("link", { name: "Lucas 1" }));
	await screen.findByRole("heading", { level: 1, name: "Lucas 1" });
	screen.getByRole("link", { name: "Lucas 0" });
});

it("that was not asked for yet can be", async () => {
	answer("GET /api/values/fibonacci/7", 404, failure("not_found", "Not found."));
	answer("POST /api/values", 200, { working: true, id: "5", kind: "fibonacci", index: 7, state: "pending" });
	const hands = show("/values/fibonacci/7", { as: { id: 7 } });
	await screen.findByText(/^It has not been calculated yet/);
	have("fibonacci", 7, "21");
	await hands.click(screen.getByRole("button", { name: "Calculate" }));
	expect((await whole()).textContent).toContain("21");
	expect(askedFor("POST /api/values")[0]?.body).toEqual({ kind: "fibonacci", index: 7 });
});

it("that has failed is put back, and then shown", async () => {
	answer("GET /api/values/fibonacci/7", 409, failure("calculation_failed", "The calculation failed."));
	answer("POST /api/values/fibonacci/7/retry", 200, { status: "success", data: { kind: "fibonacci", index: 7, state: "pending" } });
	const hands = show("/values/fibonacci/7", { as: { id: 7 } });
	await screen.findByText("The calculation has failed: several workers stopped while they calculated it.");
	have("fibonacci", 7, "21");
	await hands.click(screen.getByRole("button", { name: "Retry" }));
	expect((await whole()).textContent).toContain("21");
	expect(askedFor("POST /api/values")).toEqual([]);
});

it("that has failed is submitted by a user who has not done that, and then put back", async () => {
	const put = { status: "success", data: { kind: "fibonacci", index: 7, state: "pending" } };
	answer("GET /api/values/fibonacci/7", 409, failure("calculation_failed", "The calculation failed."));
	answerBy("POST /api/values/fibonacci/7/retry", () =>
		askedFor("POST /api/values").length > 0 ? [200, put] : [404, failure("not_found", "You have not submitted that.")],
	);
	answer("POST /api/values", 200, { working: false, id: "5", kind: "fibonacci", index: 7, state: "failed" });
	const hands = show("/values/fibonacci/7", { as: { id: 7 } });
	const button = await screen.findByRole("button", { name: "Retry" });
	have("fibonacci", 7, "21");
	await hands.click(button);
	expect((await whole()).textContent).toContain("21");
	expect(askedFor("POST /api/values")[0]?.body).toEqual({ kind: "fibonacci", index: 7 });
});

it("that has failed offers a stranger no Retry, which would be refused", async () => {
	answer("GET /api/values/fibonacci/7", 409, failure("calculation_failed", "The calculation failed."));
	show("/values/fibonacci/7");
	await screen.findByText("The calculation has failed: several workers stopped while they calculated it.");
	expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
});

it("that can not be put back says why, and can be tried again", async () => {
	answer("GET /api/values/fibonacci/7", 409, failure("calculation_failed", "The calculation failed."));
	answer("POST /api/values/fibonacci/7/retry", 503, failure("unavailable", "Temporarily unavailable."));
	const hands = show("/values/fibonacci/7", { as: { id: 7 } });
	await hands.click(await screen.findByRole("button", { name: "Retry" }));
	await screen.findByText("Temporarily unavailable.");
	expect(screen.getByRole<HTMLButtonElement>("button", { name: "Retry" }).disabled).toBe(false);
});

it("two clicks on Calculate before the next render send one submission", async () => {
	answer("GET /api/values/fibonacci/7", 404, failure("not_found", "Not found."));
	answer("POST /api/values", 200, { working: true, id: "5", kind: "fibonacci", index: 7, state: "pending" });
	show("/values/fibonacci/7", { as: { id: 7 } });
	const button = await screen.findByRole("button", { name: "Calculate" });
	act(() => {
		button.click();
		button.click();
	});
	await waitFor(() => expect(askedFor("POST /api/values")).not.toHaveLength(0));
	await waitFor(() => expect(screen.queryByRole("button", { name: "Submitting…" })).toBeNull());
	expect(askedFor("POST /api/values")).toHaveLength(1);
});

it("is open to a stranger if it is small", async () => {
	have("factorial", 1000, LONG);
	show("/values/factorial/1000");
	await whole();
	expect(askedFor("GET /api/values/factorial/1000")[0]?.authorization).toBeNull();
});

it("that is large says to a stranger what it is, and is not asked for", async () => {
	show("/values/factorial/1001");
	await screen.findByText("1,001! has about 2,571 digits. Log in to see them.");
	within(screen.getByRole("main")).getByRole("link", { name: "Log in" });
	expect(askedFor("GET /api/values/factorial/1001")).toEqual([]);
});

it("of an index that is too high says which is the highest", async () => {
	answer("GET /api/values/factorial/100001", 404, failure("not_found", "Nobody has asked for that yet."));
	show("/values/factorial/100001", { as: { id: 7 } });
	await screen.findByText("100,001! is too high: 100,000 is the highest index of this kind.");
});

it("that is none leads home", async () => {
	show("/values/prime/7");
	await screen.findByRole("heading", { level: 1, name: "There is no such value" });
	within(screen.getByRole("main")).getByRole("link", { name: "Go home" });
});
