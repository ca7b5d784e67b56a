import { screen, waitFor, within } from "@testing-library/react";
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

const list = () => within(screen.getByRole("region", { name: "Results" }));
const calculate = () => screen.getByRole<HTMLInputElement>("button", { name: "Calculate" });

it("a submitted index appears in the list as being calculated", async () => {
	have();
	answer("POST /api/values", 200, { working: true, id: "5", kind: "lucas", index: 40, state: "pending" });
	const hands = show("/", { as: { id: 7 } });
	await screen.findByText("Nothing submitted yet.");
	expect(calculate().disabled).toBe(true);
	await hands.click(screen.getByLabelText("Lucas"));
	await hands.type(screen.getByLabelText("Index"), "40");
	await screen.findByText("Index 40 is L(40): 9 digits.");
	await hands.click(calculate());
	expect(await screen.findAllByText("Being calculated")).toHaveLength(2); // in the list and in the instrument
	expect(askedFor("POST /api/values")[0]?.body).toEqual({ kind: "lucas", index: 40 });
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
	await list().findByText("Being calculated");
	expect(list().getAllByText("9")).toHaveLength(1);
	expect(askedFor("POST /api/values")).toEqual([]);
});

it("the list shows the first and the last digits of what is longer, in groups", async () => {
	have(
		value("1", { ...done, index: 52, digits: 68, preview: `${"1".repeat(30)}${"2".repeat(38)}` }),
		value("2", { ...done, digits: 29, preview: "3".repeat(29) }),
	);
	show("/", { as: { id: 7 } });
	const links = await screen.findAllByRole("link", { name: /, the whole result$/ });
	expect(links.map((link) => link.textContent)).toEqual([`${"1".repeat(17)}…${"2".repeat(9)}`, "3".repeat(29)]);
	expect([...(links[1]?.querySelectorAll(".group") ?? [])].map((group) => group.textContent?.length)).toEqual([2, ...Array(9).fill(3)]);
});

it("the instrument shows the latest value, then what is chosen, and that as soon as it is calculated", async () => {
	have(value("1", done));
	const hands = show("/", { as: { id: 7 } });
	const form = within(await screen.findByRole("form", { name: "Submit an index" }));
	expect((await form.findByText("F(8)")).textContent).toBe("F(8)");
	form.getByText("= F(7) + F(6)");
	await hands.type(form.getByLabelText("Index"), "40");
	await form.findByText("Index 40 is F(41): 9 digits.");
	answer("POST /api/values", 200, { working: true, id: "5", kind: "fibonacci", index: 40, state: "pending" });
	have(value("5", { ...done, index: 40, digits: 9, preview: "165580141" }), value("1", done));
	await hands.click(calculate());
	await waitFor(() => expect(document.querySelector(".stage .big")?.textContent).toBe("165580141"));
	form.getByText("9 digits");
});

it("the index is stepped by its buttons and by the keyboard, and stays within what there is", async () => {
	have();
	const hands = show("/", { as: { id: 7 } });
	const index = await screen.findByLabelText<HTMLInputElement>("Index");
	await hands.click(screen.getByRole("button", { name: "One less" }));
	expect(index.value).toBe("0");
	await hands.click(screen.getByRole("button", { name: "One less" }));
	expect(index.value).toBe("0");
	await hands.click(screen.getByRole("button", { name: "One more" }));
	expect(index.value).toBe("1");
	await hands.type(index, "{PageUp}{ArrowUp}{ArrowDown}{ArrowUp}");
	expect(index.value).toBe("12");
	await hands.clear(index);
	await hands.type(index, "1,000,000{ArrowUp}");
	expect(index.value).toBe("1000000");
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
	await screen.findByRole("link", { name: "Fibonacci 7, the whole result" });
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
