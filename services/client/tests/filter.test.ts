import { expect, it } from "vitest";
import { csvOf, filterOf, folded, jsonOf, queryOf, rangeOf, searchOf } from "../src/values/filter";
import { value } from "./value";

it("a filter and its address are one and the same", () => {
	for (const search of ["", "?kind=lucas", "?kind=lucas&state=failed&order=highest&index=100-200", "?index=1%2C000"])
		expect(searchOf(filterOf(search))).toBe(search);
});

it("what an address says of no filter is ignored", () => {
	expect(searchOf(filterOf("?kind=prime&state=lost&order=best&page=3"))).toBe("");
	expect(queryOf(filterOf("?kind=__proto__"))).toBeNull();
});

it("an index is searched for as the pages write it, and a range of them", () => {
	expect(["7", "1,000", " 40 "].map(rangeOf)).toEqual([
		{ from: 7, to: 7 },
		{ from: 1000, to: 1000 },
		{ from: 40, to: 40 },
	]);
	for (const text of ["100-200", "100 – 200", "200 to 100", "1e2-200"]) expect(rangeOf(text), text).toEqual({ from: 100, to: 200 });
	expect(rangeOf("100-")).toEqual({ from: 100 });
	expect(rangeOf("")).toEqual({});
	for (const text of ["seven", "-7", "1-2-3", "7-x", "9".repeat(30)]) expect(rangeOf(text), text).toBeNull();
});

it("the server is asked for no more than is chosen", () => {
	expect(queryOf(filterOf(""))).toBeNull();
	expect(queryOf(filterOf("?index=seven"))).toBeNull();
	expect(queryOf(filterOf("?kind=lucas&state=done&order=lowest&index=5"))).toEqual({
		kind: "lucas",
		state: "done",
		order: "lowest",
		from: 5,
		to: 5,
	});
});

it("what was submitted several times is one row, in the place of the first", () => {
	const rows = folded([value("4"), value("3", { kind: "lucas" }), value("2"), value("1", { index: 8 })]);
	expect(rows.map(({ value, ids }) => [value.id, ids])).toEqual([
		["4", ["4", "2"]],
		["3", ["3"]],
		["1", ["1"]],
	]);
});

it("CSV has a line for each value, and quotes what needs it", () => {
	expect(csvOf([value("1"), value("2", { state: "pending", digits: null, preview: null, calculated_at: null, duration_us: null })])).toBe(
		"kind,index,state,digits,duration_us,submitted_at,calculated_at,preview\r\n" +
			"fibonacci,7,done,2,4,2026-01-02T03:04:05.000Z,2026-01-02T03:04:05.004Z,21\r\n" +
			"fibonacci,7,pending,,,2026-01-02T03:04:05.000Z,,\r\n",
	);
	expect(csvOf([value("1", { preview: 'a,"b"' })])).toContain('"a,""b"""');
});

it("JSON is what the API sends", () => {
	expect(JSON.parse(jsonOf([value("1")]))).toEqual([value("1")]);
});
