import { describe, expect, it } from "vitest";
import {
	digitsIn,
	findAll,
	firstFrom,
	grouped,
	groupsOf,
	marksIn,
	piecesOf,
	rowsOf,
	scientificOf,
	shownOf,
	shownOfPreview,
	statisticsOf,
} from "../src/values/digits";

/* mulberry32: the same numbers in each run, so that a failure can be repeated. */
function randomOf(seed: number): (below: number) => number {
	let state = seed;

	return (below) => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
	};
}

/* Of few different digits, so that much is found and much repeats. */
function decimal(random: (below: number) => number, length: number, different = 10): string {
	const rest = Array.from({ length: length - 1 }, () => random(different)).join("");

	return `${1 + random(Math.max(1, different - 1))}${rest}`;
}

function property(check: (random: (below: number) => number) => void) {
	for (let seed = 1; seed <= 300; seed++)
		try {
			check(randomOf(seed));
		} catch (error) {
			throw new Error(`seed ${seed}: ${error}`, { cause: error });
		}
}

describe("groups", () => {
	it("are those that Intl writes between its commas", () =>
		property((random) => {
			const digits = decimal(random, 1 + random(60));
			expect(grouped(digits, ",")).toBe(BigInt(digits).toLocaleString("en"));
			expect(groupsOf(digits).join("")).toBe(digits);
		}));

	it("of what a person typed are ignored", () => {
		for (const text of ["1234567", "1,234,567", "1 234 567", " 1.234.567 ", "1\u2009234\u202f567", "1_234_567"])
			expect(digitsIn(text), text).toBe("1234567");
		expect(digitsIn("")).toBe("");
		for (const text of ["12a", "-1", "1e3", "½"]) expect(digitsIn(text), text).toBeNull();
	});
});

describe("scientific notation", () => {
	it("is the nearest number of four figures", () =>
		property((random) => {
			const digits = decimal(random, 5 + random(40), random(3) === 0 ? 2 : 10);
			const seen = scientificOf(digits);
			const unit = 10n ** BigInt((seen?.exponent ?? 0) - 3);
			const written = BigInt((seen?.mantissa ?? "").replace(".", "")) * unit;
			const distance = BigInt(digits) - written;
			expect(seen?.mantissa).toMatch(/^[1-9]\.[0-9]{3}$/);
			expect((distance < 0n ? -distance : distance) * 2n <= unit).toBe(true);
			expect(seen?.isExact).toBe(distance === 0n);
		}));

	it("carries into a new place", () => {
		expect(scientificOf("99995")).toEqual({ mantissa: "1.000", exponent: 5, isExact: false });
		expect(scientificOf("99994")).toEqual({ mantissa: "9.999", exponent: 4, isExact: false });
		expect(scientificOf("40000000")).toEqual({ mantissa: "4.000", exponent: 7, isExact: true });
		expect(scientificOf("1234")).toBeNull();
	});

	it("of the first digits alone is that of the whole", () => {
		expect(scientificOf("31602", 208_988)).toEqual({ mantissa: "3.160", exponent: 208_987, isExact: false });
		expect(scientificOf("10000", 208_988)).toEqual({ mantissa: "1.000", exponent: 208_987, isExact: false });
	});
});

describe("rows", () => {
	it("have all digits once and in order, and all but the first are full or the last", () =>
		property((random) => {
			const length = 1 + random(500);
			const groupsPerRow = 1 + random(12);
			const rows = rowsOf(length, groupsPerRow);
			let position = 0;
			for (let row = 0; row < rows.count; row++) {
				expect(rows.start(row)).toBe(position);
				expect(rows.end(row)).toBeGreaterThan(position);
				if (row > 0 && row < rows.count - 1) expect(rows.end(row) - position).toBe(3 * groupsPerRow);
				for (; position < rows.end(row); position++) expect(rows.rowOf(position)).toBe(row);
			}
			expect(position).toBe(length);
		}));

	it("begin and end between groups of the number", () =>
		property((random) => {
			const digits = decimal(random, 1 + random(200));
			const rows = rowsOf(digits.length, 1 + random(6));
			const seen: string[] = [];
			for (let row = 0; row < rows.count; row++)
				for (const pieces of piecesOf(digits, rows.start(row), rows.end(row), [])) seen.push(pieces.map(({ text }) => text).join(""));
			expect(seen).toEqual(groupsOf(digits));
		}));
});

describe("what is found", () => {
	it("is every place at which it stands", () =>
		property((random) => {
			const digits = decimal(random, 1 + random(300), 3);
			const needle = decimal(random, 1 + random(4), 3).slice(random(2)) || "0";
			const expected = [...digits].map((_, at) => at).filter((at) => digits.startsWith(needle, at));
			expect(findAll(digits, needle)).toEqual(expected);
			expect(findAll(digits, "")).toEqual([]);
		}));

	it("is marked digit by digit, across the borders of groups and rows", () =>
		property((random) => {
			const digits = decimal(random, 1 + random(200), 2);
			const needle = decimal(random, 1 + random(7), 2);
			const found = findAll(digits, needle);
			const rows = rowsOf(digits.length, 1 + random(3));
			const chosen = found[random(found.length + 1)] ?? null;
			const current = chosen === null ? null : ([chosen, chosen + needle.length] as const);
			const isIn = (from: number, at: number) => from <= at && at < from + needle.length;
			const expected = [...digits].map((_, at) => [found.some((from) => isIn(from, at)), chosen !== null && isIn(chosen, at)]);
			const seen: boolean[][] = [];
			let text = "";
			for (let row = 0; row < rows.count; row++) {
				const marks = marksIn(found, needle.length, rows.start(row), rows.end(row));
				for (const piece of piecesOf(digits, rows.start(row), rows.end(row), marks, current).flat()) {
					text += piece.text;
					for (const _ of piece.text) seen.push([piece.isMarked, piece.isCurrent]);
				}
			}
			expect(text).toBe(digits);
			expect(seen).toEqual(expected);
		}));

	it("is looked up by its position", () =>
		property((random) => {
			const positions = [...new Set(Array.from({ length: random(30) }, () => random(100)))].sort((a, b) => a - b);
			const position = random(110);
			const expected = positions.findIndex((one) => one >= position);
			expect(firstFrom(positions, position)).toBe(expected < 0 ? positions.length : expected);
		}));
});

describe("statistics", () => {
	it("are those of the digits one by one", () =>
		property((random) => {
			const digits = `${decimal(random, 1 + random(120), 1 + random(10))}${"0".repeat(random(5))}`;
			const seen = statisticsOf(digits);
			for (let digit = 0; digit < 10; digit++) expect(seen.counts[digit]).toBe(digits.split(`${digit}`).length - 1);
			expect(seen.sum).toBe([...digits].reduce((sum, digit) => sum + Number(digit), 0));
			expect(BigInt(seen.sum) % 9n).toBe(BigInt(digits) % 9n);
			expect(seen.trailingZeros).toBe(/0*$/.exec(digits)?.[0].length);
			const runs = [...digits.matchAll(/(\d)\1*/g)];
			const longest = Math.max(...runs.map(([run]) => run.length));
			const first = runs.find(([run]) => run.length === longest);
			expect(seen.longestRun).toEqual({ digit: Number(first?.[1]), length: longest, start: first?.index });
		}));

	it("of zero have no zeros at the end", () => {
		expect(statisticsOf("0")).toMatchObject({ sum: 0, trailingZeros: 0 });
		expect(statisticsOf("100").trailingZeros).toBe(2);
	});

	it("of half a million digits take no longer than a page may stand still", () => {
		const digits = decimal(randomOf(7), 500_000);
		const { counts } = statisticsOf(digits);
		expect(counts.reduce((sum, count) => sum + count, 0)).toBe(500_000);
		expect(findAll(digits, digits.slice(499_990))).toContain(499_990);
	});
});

describe("what is shown of a long number", () => {
	it("are its first and last digits, cut between groups", () =>
		property((random) => {
			const digits = decimal(random, 1 + random(600));
			const most = 45 + random(300);
			const { first, last, length } = shownOf(digits, most);
			expect(length).toBe(digits.length);
			expect(first.length + last.length).toBeLessThanOrEqual(most);
			if (length <= most) expect([first, last]).toEqual([digits, ""]);
			else {
				expect(digits.startsWith(first) && digits.endsWith(last)).toBe(true);
				expect([...groupsOf(digits).slice(0, Math.ceil(first.length / 3))].join("")).toBe(first);
				expect(last.length % 3).toBe(0);
				expect(last.length).toBeGreaterThan(0);
			}
		}));

	it("is cut between groups when the server has sent no more than the ends", () => {
		for (const length of [2567, 2568, 2569]) {
			const digits = decimal(randomOf(length), length);
			const { first, last } = shownOfPreview(`${digits.slice(0, 20)}…${digits.slice(-20)} (${length} digits)`, length, 300);
			expect(digits.startsWith(first) && digits.endsWith(last)).toBe(true);
			expect([(length - first.length) % 3, last.length]).toEqual([0, 18]);
			expect(first.length).toBeGreaterThan(17);
			const short = shownOfPreview(`${digits.slice(0, 20)}…${digits.slice(-20)} (${length} digits)`, length, 30);
			expect(digits.startsWith(short.first) && digits.endsWith(short.last)).toBe(true);
			expect([(length - short.first.length) % 3, short.last.length, short.first.length > 17]).toEqual([0, 9, true]);
		}
		expect(shownOfPreview("21", 2, 300)).toEqual({ first: "21", last: "", length: 2 });
	});
});
