/* The list of a user's values: filtered, searched, folded, deleted and exported. */
import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { answer, answerBy, askedFor, failure } from "./server";
import { show } from "./show";
import { value } from "./value";

vi.mock("../src/values/plot-canvas", () => ({ PlotCanvas: ({ label }: { label: string }) => <div role="img" aria-label={label} /> }));

const VALUES = [value("4"), value("3", { kind: "lucas", index: 9, preview: "76" }), value("2"), value("1", { index: 8, preview: "34" })];

/* The query of each GET /api/values, in turn. */
let queries: string[] = [];

beforeEach(() => {
	queries = [];
	answer("GET /api/values", 200, { status: "success", data: { values: VALUES } });
	const respond = fetch;
	vi.stubGlobal("fetch", (request: Request) => {
		const { pathname, search } = new URL(request.url);
		if (request.method === "GET" && pathname === "/api/values") queries.push(search);
		return respond(request);
	});
});

const list = () => within(screen.getByRole("region", { name: "Results" }));
const rows = () => [...document.querySelectorAll(".value .value-name")].map((row) => row.textContent);
const open = async (path = "/") => {
	const hands = show(path, { as: { id: 7 } });
	await screen.findByRole("link", { name: "Fibonacci 7, the whole result" });
	return hands;
};

it("what was submitted several times is one row, which says how often", async () => {
	await open();
	expect(rows()).toEqual(["Fibonacci 7 2 ×", "Lucas 9", "Fibonacci 8"]);
});

it("a filter is asked of the server, and stays in the address", async () => {
	const hands = await open();
	await hands.selectOptions(list().getByRole("combobox", { name: "Kind" }), "Lucas");
	await waitFor(() => expect(queries.at(-1)).toBe("?limit=50&kind=lucas"));
	await hands.selectOptions(list().getByRole("combobox", { name: "State" }), "Failed");
	await hands.selectOptions(list().getByRole("combobox", { name: "Order" }), "Highest index");
	await waitFor(() => expect(queries.at(-1)).toBe("?limit=50&kind=lucas&state=failed&order=highest"));
	await hands.type(list().getByRole("searchbox", { name: "Search by index" }), "1,000");
	await waitFor(() => expect(queries.at(-1)).toBe("?limit=50&from=1000&to=1000&kind=lucas&state=failed&order=highest"));
});

it("a kind that is chosen just after an index was typed is kept with it", async () => {
	const hands = await open();
	await hands.type(list().getByRole("searchbox", { name: "Search by index" }), "9");
	await hands.selectOptions(list().getByRole("combobox", { name: "Kind" }), "Lucas");
	await waitFor(() => expect(queries.at(-1)).toBe("?limit=50&from=9&to=9&kind=lucas"));
	expect(list().getByRole<HTMLSelectElement>("combobox", { name: "Kind" }).value).toBe("lucas");
});

it("two choices before the next render are both kept", async () => {
	await open();
	act(() => {
		fireEvent.change(list().getByRole("combobox", { name: "Kind" }), { target: { value: "lucas" } });
		fireEvent.change(list().getByRole("combobox", { name: "State" }), { target: { value: "failed" } });
	});
	await waitFor(() => expect(queries.at(-1)).toBe("?limit=50&kind=lucas&state=failed"));
});

it("an address without a filter empties the field, and what is typed then filters again", async () => {
	const hands = await open("/?index=8");
	const search = list().getByRole<HTMLInputElement>("searchbox", { name: "Search by index" });
	await hands.click(screen.getByRole("link", { name: "Abacus, home" }));
	await waitFor(() => expect(search.value).toBe(""));
	await hands.type(search, "8");
	await waitFor(() => expect(queries.at(-1)).toBe("?limit=50&from=8&to=8"));
	expect(search.value).toBe("8");
});

it("an address with a filter shows it, and what is no index does not filter", async () => {
	const hands = await open("/?kind=lucas&index=9");
	expect(queries).toContain("?limit=50&from=9&to=9&kind=lucas");
	const search = list().getByRole<HTMLInputElement>("searchbox", { name: "Search by index" });
	expect(search.value).toBe("9");
	await hands.clear(search);
	await hands.type(search, "nine");
	await waitFor(() => expect(search.getAttribute("aria-invalid")).toBe("true"));
});

it("a filter that nothing matches leads back to all values", async () => {
	answer("GET /api/values", 200, { status: "success", data: { values: [] } });
	const hands = show("/?kind=lucas", { as: { id: 7 } });
	await screen.findByText("None of your values is like that.");
	answer("GET /api/values", 200, { status: "success", data: { values: VALUES } });
	await hands.click(screen.getByRole("link", { name: "Show all" }));
	await waitFor(() => expect(screen.queryByText("None of your values is like that.")).toBeNull());
});

it("a page of a filtered list that is empty is followed by the next one, as its Link says", async () => {
	const empty = { Link: '</api/values?limit=50&kind=lucas&after=9-3>; rel="next"' };
	answer("GET /api/values", 200, { status: "success", data: { values: [] } }, empty);
	show("/?kind=lucas", { as: { id: 7 } });
	await waitFor(() => expect(queries).toContain("?limit=200&kind=lucas&after=9-3"));
	answer("GET /api/values", 200, { status: "success", data: { values: VALUES } });
	await screen.findByRole("link", { name: "Lucas 9, the whole result" });
});

it("a folded row is deleted with all its submissions", async () => {
	const hands = await open();
	for (const id of ["4", "2"]) answer(`DELETE /api/values/${id}`, 200, { status: "success", message: "The value was deleted." });
	await hands.click(list().getByRole("button", { name: "More about Fibonacci 7" }));
	answer("GET /api/values", 200, { status: "success", data: { values: [VALUES[1], VALUES[3]] } });
	await hands.click(list().getByRole("button", { name: "Delete all 2" }));
	await waitFor(() => expect(rows()).toEqual(["Lucas 9", "Fibonacci 8"]));
	expect([askedFor("DELETE /api/values/4"), askedFor("DELETE /api/values/2")].map((asked) => asked.length)).toEqual([1, 1]);
});

it("of a folded row that is deleted only in part, what is gone is not shown", async () => {
	const hands = await open();
	answer("DELETE /api/values/4", 200, { status: "success", message: "The value was deleted." });
	answer("DELETE /api/values/2", 503, failure("unavailable", "Temporarily unavailable."));
	await hands.click(list().getByRole("button", { name: "More about Fibonacci 7" }));
	answer("GET /api/values", 503, failure("unavailable", "Temporarily unavailable."));
	await hands.click(list().getByRole("button", { name: "Delete all 2" }));
	await waitFor(() => expect(rows()).toEqual(["Lucas 9", "Fibonacci 7", "Fibonacci 8"]));
});

it("all values are deleted only after a question, and until none is left", async () => {
	const hands = await open();
	await hands.click(list().getByRole("button", { name: "All values" }));
	await hands.click(list().getByRole("button", { name: "Delete all…" }));
	const dialog = within(screen.getByRole("dialog", { name: "Delete all your values?" }));
	expect(askedFor("DELETE /api/values")).toEqual([]);
	let isFirst = true;
	answerBy("DELETE /api/values", () => {
		const more = isFirst;
		isFirst = false;
		return [200, { status: "success", message: "Deleted.", data: { deleted: 2, more } }];
	});
	answer("GET /api/values", 200, { status: "success", data: { values: [] } });
	await hands.click(dialog.getByRole("button", { name: "Delete all" }));
	await screen.findByText("4 submissions were deleted.");
	await screen.findByText("Nothing submitted yet.");
	expect(askedFor("DELETE /api/values")).toHaveLength(2);
});

it("what the filter shows is exported", async () => {
	const blobs: Blob[] = [];
	vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: (blob: Blob) => `blob:${blobs.push(blob)}`, revokeObjectURL() {} }));
	vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
	const hands = await open("/?kind=fibonacci");
	await hands.click(list().getByRole("button", { name: "All values" }));
	await hands.click(list().getByRole("button", { name: "Export as CSV" }));
	await screen.findByText("4 values were exported.");
	expect(queries).toContain("?limit=200&kind=fibonacci");
	const text = await new Promise<string>((resolve) => {
		const reader = new FileReader(); // jsdom's blobs have no text()
		reader.onload = () => resolve(`${reader.result}`);
		reader.readAsText(blobs[0] ?? new Blob());
	});
	expect(text.split("\r\n")[1]).toBe("fibonacci,7,done,2,4,2026-01-02T03:04:05.000Z,2026-01-02T03:04:05.004Z,21");
});

it("j and k go from result to result, and Enter opens one", async () => {
	const hands = await open();
	const link = (name: string) => screen.getByRole("link", { name: `${name}, the whole result` });
	link("Fibonacci 7").focus();
	await hands.keyboard("j");
	expect(document.activeElement).toBe(link("Lucas 9"));
	await hands.keyboard("jj");
	expect(document.activeElement).toBe(link("Fibonacci 8"));
	await hands.keyboard("k");
	expect(document.activeElement).toBe(link("Lucas 9"));
});

it("in the list / goes to the search, and ? shows the keys, as the menu of all values does", async () => {
	const hands = await open();
	const link = screen.getByRole("link", { name: "Fibonacci 7, the whole result" });
	link.focus();
	await hands.keyboard("/");
	expect(document.activeElement).toBe(list().getByRole("searchbox", { name: "Search by index" }));
	await hands.keyboard("?");
	expect(screen.queryByRole("dialog", { name: "Keys of the list" })).toBeNull();
	link.focus();
	await hands.keyboard("?");
	await hands.click(within(screen.getByRole("dialog", { name: "Keys of the list" })).getByRole("button", { name: "Close" }));
	await hands.click(list().getByRole("button", { name: "All values" }));
	await hands.click(list().getByRole("button", { name: "Keys of the list…" }));
	expect(within(screen.getByRole("dialog", { name: "Keys of the list" })).getByText("the next result")).toBeDefined();
});

it("an item that is chosen gives the focus to the button of its menu, before a dialog takes it", async () => {
	const hands = await open();
	const button = list().getByRole("button", { name: "All values" });
	await hands.click(button);
	await hands.click(list().getByRole("button", { name: "Delete all…" }));
	expect(document.activeElement).toBe(button); // the tests' showModal() moves no focus
	await hands.click(screen.getByRole("button", { name: "Keep" }));
	const more = list().getByRole("button", { name: "More about Lucas 9" });
	await hands.click(more);
	await hands.keyboard("{Tab}{Enter}");
	expect(list().queryByRole("button", { name: "Copy the link" })).toBeNull();
	expect(document.activeElement).toBe(more);
});

it("a menu closes by Escape, which gives the focus back, and when the focus leaves it", async () => {
	const hands = await open();
	const button = list().getByRole("button", { name: "More about Lucas 9" });
	await hands.click(button);
	list().getByRole("button", { name: "Copy the link" });
	await hands.keyboard("{Tab}{Escape}");
	expect(list().queryByRole("button", { name: "Copy the link" })).toBeNull();
	expect(document.activeElement).toBe(button);
	await hands.click(button);
	await hands.click(list().getByRole("searchbox", { name: "Search by index" }));
	expect(list().queryByRole("button", { name: "Copy the link" })).toBeNull();
});
