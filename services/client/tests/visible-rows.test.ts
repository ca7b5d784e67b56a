import { expect, it } from "vitest";
import { RowHeights, rangeNear, rowsIn } from "../src/values/visible-rows";

const keys = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
const offsets = (count: number, px: number) => Array.from({ length: count + 1 }, (_, i) => i * px);

it("rows that were not measured are as high as the average of those that first were", () => {
	const heights = new RowHeights();
	expect(
		heights.learn([
			["0", 40],
			["1", 60],
		]),
	).toBe(true);
	expect(heights.offsetsOf(keys(4))).toEqual([0, 40, 100, 150, 200]);
	expect(heights.learn([["2", 90]])).toBe(false);
	expect(heights.offsetsOf(keys(4))).toEqual([0, 40, 100, 190, 240]);
});

it("a row that has another height makes all that was measured outdated", () => {
	const heights = new RowHeights();
	heights.learn([
		["0", 40],
		["1", 60],
	]);
	expect(heights.learn([["1", 120]])).toBe(true);
	expect(heights.offsetsOf(keys(2))).toEqual([0, 120, 240]);
});

it("what is in no layout is not measured", () => {
	const heights = new RowHeights();
	expect(heights.learn([["0", 0]])).toBe(false);
	expect(heights.offsetsOf(keys(1))).toEqual([0, heights.averagePx]);
});

it("the rows in the document are those that are seen, and some more on each side", () => {
	const all = offsets(1000, 50);
	expect(rangeNear(all, 0, 500)).toEqual([0, 24]);
	const [first, end] = rangeNear(all, 25_000, 25_500); // the rows from 500 to 510
	expect(first).toBeLessThanOrEqual(492);
	expect(first).toBeGreaterThan(480);
	expect(end).toBeGreaterThanOrEqual(518);
	expect(end).toBeLessThan(530);
	expect(rangeNear(all, 49_900, 50_400)[1]).toBe(1000);
	expect(rangeNear([0], 0, 500)).toEqual([0, 0]);
});

it("the row that has the focus stays with its neighbours", () => {
	expect(rowsIn([8, 11], 2, 100)).toEqual([1, 2, 3, 8, 9, 10]);
	expect(rowsIn([8, 11], 9, 100)).toEqual([8, 9, 10]);
	expect(rowsIn([8, 11], 99, 100)).toEqual([8, 9, 10, 98, 99]);
	expect(rowsIn([8, 11], -1, 9)).toEqual([8]);
});
