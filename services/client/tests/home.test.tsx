import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { Value } from "../src/api/generated";
import { answer, answerBy, askedFor, failure, setReachable } from "./server";
import { show } from "./show";

vi.mock("../src/values/plot-canvas", () => ({ PlotCanvas: ({ label }: { label: string }) => <div role="img" aria-label={label} /> }));

function value(id: string, more: Partial<Value> = {}): Value {
	return {
		id,
		kind: "fibonacci",
		index: 7,
		state: "pending",
		digits: null,
		preview: null,
		submitted_at: new Date().toISOString(),
		calculated_at: null,
		duration_us: null,
		...more,
	};
}

const done = { state: "done", digits: 2, preview: "21", duration_us: 4, calculated_at: "2026-01-02T03:04:05.000Z" } as const;

function have(...values: Value[]) {
	answer("GET /api/values", 200, { status: "success", data: { values } });
}

const calculate = () => screen.getByRole<HTMLInputElement>("button", { name: "Calculate" });

it("without a session Home lists the kinds and links to logging in", async () => {
	show("/");
	await screen.findByRole("heading", { level: 1 });
	expect((await screen.findAllByText(/^Index 0 to /)).map((line) => line.textContent)).toContain("Index 0 to 100,000");
	within(screen.getByRole("main")).getByRole("link", { name: "Log in" });
	expect(askedFor("GET /api/values")).toHaveLength(0);
});

it("a submitted index appears in the list as being calculated", async () => {
	have();
	answer("POST /api/values", 200, { working: true, id: "5", kind: "lucas", index: 40, state: "pending" });
	const hands = show("/", { as: { id: 7 } });
	await screen.findByText("Nothing submitted yet.");
	expect(calculate().disabled).toBe(true);
	await hands.click(screen.getByLabelText("Lucas"));
	await hands.type(screen.getByLabelText("Index"), "40");
	await screen.findByText("L(40) has 9 digits.");
	await hands.click(calculate());
	await screen.findByText("Being calculated");
	expect(askedFor("POST /api/values")[0]?.body).toEqual({ kind: "lucas", index: 40 });
	expect(screen.getByLabelText<HTMLInputElement>("Index").value).toBe("");
});

it("an index typed while the one before is being submitted is kept", async () => {
	have();
	answer("POST /api/values", 200, { working: true, id: "5", kind: "fibonacci", index: 40, state: "pending" });
	const hands = show("/", { as: { id: 7 } });
	let release = () => {};
	const held = new Promise<void>((resolve) => (release = resolve));
	const respond = fetch;
	vi.stubGlobal("fetch", async (request: Request) => {
		if (request.method === "POST") await held;
		return respond(request);
	});
	await hands.type(await screen.findByLabelText("Index"), "40{Enter}");
	await screen.findByRole("button", { name: "Submitting…" });
	await hands.clear(screen.getByLabelText("Index"));
	await hands.type(screen.getByLabelText("Index"), "41");
	release();
	await screen.findByText("Being calculated");
	expect(calculate().disabled).toBe(false);
	expect(screen.getByLabelText<HTMLInputElement>("Index").value).toBe("41");
});

it.each([
	["-3", "The index must be a whole number, 0 or more."],
	["1000001", "Index too high: 1,000,000 is the highest of this kind."],
])("the index %s is not sent", async (text, problem) => {
	have();
	const hands = show("/", { as: { id: 7 } });
	await hands.type(await screen.findByLabelText("Index"), text);
	await screen.findByText(problem);
	expect(calculate().disabled).toBe(true);
	expect(screen.getByLabelText("Index").getAttribute("aria-invalid")).toBe("true");
});

it("a refusal by the server is shown", async () => {
	have();
	answer("POST /api/values", 422, failure("index_too_high", "Index too high"));
	const hands = show("/", { as: { id: 7 } });
	await hands.type(await screen.findByLabelText("Index"), "7{Enter}");
	expect((await screen.findByText("Index too high")).className).toBe("notification is-danger");
	expect(screen.getByLabelText<HTMLInputElement>("Index").value).toBe("7");
});

it("a failed value says why, and Retry puts it back without a second row", async () => {
	have(value("1", { state: "failed", index: 9 }));
	answer("POST /api/values/fibonacci/9/retry", 200, { status: "success", data: { kind: "fibonacci", index: 9, state: "pending" } });
	const hands = show("/", { as: { id: 7 } });
	await screen.findByText(/^Failed: /);
	have(value("1", { index: 9 }));
	await hands.click(screen.getByRole("button", { name: "Retry Fibonacci 9" }));
	await screen.findByText("Being calculated");
	expect(screen.getAllByText("9")).toHaveLength(1);
	expect(askedFor("POST /api/values")).toEqual([]);
});

it("a result that was not asked for yet can be", async () => {
	have();
	answer("GET /api/values/fibonacci/7", 404, failure("not_found", "Not found."));
	answer("POST /api/values", 200, { working: true, id: "5", kind: "fibonacci", index: 7, state: "pending" });
	const hands = show("/values/fibonacci/7", { as: { id: 7 } });
	const dialog = within(await screen.findByRole("dialog", { name: "Fibonacci 7" }));
	await dialog.findByText("It has not been calculated yet.");
	answer("GET /api/values/fibonacci/7", 200, {
		status: "success",
		data: { kind: "fibonacci", index: 7, digits: 2, result: "21", duration_us: 4 },
	});
	await hands.click(dialog.getByRole("button", { name: "Calculate" }));
	expect((await dialog.findByLabelText("The whole result")).textContent).toBe("21");
	expect(askedFor("POST /api/values")[0]?.body).toEqual({ kind: "fibonacci", index: 7 });
});

it("two clicks on Calculate before the next render send one submission", async () => {
	have();
	answer("GET /api/values/fibonacci/7", 404, failure("not_found", "Not found."));
	answer("POST /api/values", 200, { working: true, id: "5", kind: "fibonacci", index: 7, state: "pending" });
	show("/values/fibonacci/7", { as: { id: 7 } });
	const dialog = within(await screen.findByRole("dialog", { name: "Fibonacci 7" }));
	const button = await dialog.findByRole("button", { name: "Calculate" });
	act(() => {
		button.click();
		button.click();
	});
	await waitFor(() => expect(askedFor("POST /api/values")).not.toHaveLength(0));
	await waitFor(() => expect(dialog.queryByRole("button", { name: "Submitting…" })).toBeNull());
	expect(askedFor("POST /api/values")).toHaveLength(1);
});

it("the list shows the first and the last 20 digits of what is longer", async () => {
	have(value("1", { ...done, index: 52, preview: `${"1".repeat(30)}${"2".repeat(38)}` }), value("2", { ...done, preview: "3".repeat(41) }));
	show("/", { as: { id: 7 } });
	await screen.findByText(`${"1".repeat(20)}…${"2".repeat(20)}`);
	screen.getByText("3".repeat(41));
});

it("a whole result can be opened, copied and closed", async () => {
	have(value("1", done));
	answer("GET /api/values/fibonacci/7", 200, {
		status: "success",
		data: { kind: "fibonacci", index: 7, digits: 2, result: "21", duration_us: 4 },
	});
	const hands = show("/", { as: { id: 7 } });
	await screen.findByRole("img", { name: "1 calculations. The slowest is Fibonacci 7: 2 digits in 4 µs." });
	await hands.click(await screen.findByRole("link", { name: "Fibonacci 7, the whole result" }));
	const dialog = within(await screen.findByRole("dialog", { name: "Fibonacci 7" }));
	expect((await dialog.findByLabelText("The whole result")).textContent).toBe("21");
	await hands.click(dialog.getByRole("button", { name: "Copy" }));
	await dialog.findByRole("button", { name: "Copied" });
	expect(await navigator.clipboard.readText()).toBe("21");
	await hands.click(dialog.getByRole("button", { name: "Close" }));
	expect(screen.queryByRole("dialog")).toBeNull();
});

it("while the server is unreachable the page says so and retries", async () => {
	setReachable(false);
	answerBy("GET /api/values", () => [200, { status: "success", data: { values: [value("1", done)] } }]);
	const hands = show("/", { as: { id: 7 } });
	const banner = await screen.findByText("The server cannot be reached. Trying again.");
	const attempts = askedFor("GET /api/values").length;
	await hands.click(screen.getByRole("button", { name: "Try now" }));
	await vi.waitFor(() => expect(askedFor("GET /api/values").length).toBeGreaterThan(attempts));
	expect(banner.isConnected).toBe(true); // it does not disappear and reappear with each attempt
	setReachable(true);
	await hands.click(screen.getByRole("button", { name: "Try now" }));
	await screen.findByText("21");
	expect(screen.queryByText("The server cannot be reached. Trying again.")).toBeNull();
});

it("a submission with a token that has ended ends the session with one notification, in words for people", async () => {
	have();
	answer("POST /api/values", 401, failure("token_invalid", "Invalid token. Please log in again."));
	const hands = show("/", { as: { id: 7 } });
	await screen.findByText("Nothing submitted yet.");
	await hands.type(screen.getByLabelText("Index"), "40");
	await hands.click(calculate());
	await screen.findByText("Your session has ended. Please log in again.");
	expect(screen.getAllByText(/log in again/i)).toHaveLength(1);
});
