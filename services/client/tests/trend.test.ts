import { expect, it } from "vitest";
import { timeOf, trendOf } from "../src/values/trend";

it("a trend is the power law that its points follow", () => {
	const trend = trendOf([10, 100, 1000, 50_000].map((digits) => ({ digits, us: 0.02 * digits ** 1.5 })));
	expect(trend?.power).toBeCloseTo(1.5, 9);
	expect(trend?.factor).toBeCloseTo(0.02, 9);
	expect(trend && timeOf(trend, 400)).toBeCloseTo(0.02 * 400 ** 1.5, 6);
});

it("a trend is between points that follow none", () => {
	const points = [
		{ digits: 10, us: 5 },
		{ digits: 10, us: 20 },
		{ digits: 1000, us: 50 },
		{ digits: 1000, us: 200 },
	];
	const trend = trendOf(points);
	expect(trend && timeOf(trend, 10)).toBeCloseTo(10, 6);
	expect(trend && timeOf(trend, 1000)).toBeCloseTo(100, 6);
});

it("too few points, and points of one number of digits, have no trend", () => {
	const of = (...pairs: [number, number][]) => trendOf(pairs.map(([digits, us]) => ({ digits, us })));
	expect(of([10, 5], [100, 6])).toBeNull();
	expect(of([10, 5], [100, 6], [1000, 0])).toBeNull();
	expect(of([10, 5], [10, 6], [10, 7])).toBeNull();
});
