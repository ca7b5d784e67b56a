/* A decimal as text: its groups of three, its rows, what is found in it, and its statistics. All of it is exact, up to half a million digits. */

const GROUP = 3;
const ZERO = "0".charCodeAt(0);

/* The groups of a number as people write them: the first one has what is left over, "12" "345" "678". */
export function groupsOf(digits: string): string[] {
	const first = digits.length % GROUP;
	const groups = first > 0 ? [digits.slice(0, first)] : [];

	for (let at = first; at < digits.length; at += GROUP) groups.push(digits.slice(at, at + GROUP));
	return groups;
}

export function grouped(digits: string, separator = " "): string {
	return groupsOf(digits).join(separator);
}

/* Only the digits of what a person typed or pasted: "1 234,567" is "1234567". null: something else is in it. */
export function digitsIn(text: string): string | null {
	const plain = text.replace(/[\s,._'’]/g, "");

	return /^[0-9]*$/.test(plain) ? plain : null;
}

/* ---- scientific notation ---- */

export interface Scientific {
	mantissa: string; // "3.160"
	exponent: number;
	isExact: boolean;
}

const FIGURES = 4;

/* Rounded half up by its digits, never by a floating-point number. null: it has no more digits than the mantissa.
 * FIRST: all of its digits, or the first ones of LENGTH. */
export function scientificOf(first: string, length = first.length): Scientific | null {
	if (length <= FIGURES) return null;
	const rest = first.slice(FIGURES);
	const rounded = `${Number(first.slice(0, FIGURES)) + (rest.charCodeAt(0) >= ZERO + 5 ? 1 : 0)}`;
	const carry = rounded.length - FIGURES; // 9.9996 is 1.000 × 10

	return {
		mantissa: `${rounded.slice(0, 1)}.${rounded.slice(1, FIGURES)}`,
		exponent: length - 1 + carry,
		isExact: first.length === length && /^0*$/.test(rest),
	};
}

/* ---- rows of a fixed number of groups ---- */

export interface Rows {
	count: number;
	/* The position of the first digit of ROW, from 0. */
	start(row: number): number;
	/* Behind the last digit of ROW. */
	end(row: number): number;
	/* Which row the digit at a position is in. */
	rowOf(position: number): number;
}

/* Groups stand below each other, so the first row is shorter by what the first group lacks. */
export function rowsOf(length: number, groupsPerRow: number): Rows {
	const width = groupsPerRow * GROUP;
	const missing = (GROUP - (length % GROUP)) % GROUP;
	const start = (row: number) => Math.max(0, row * width - missing);

	return {
		count: Math.ceil((length + missing) / width),
		start,
		end: (row) => Math.min(length, start(row + 1)),
		rowOf: (position) => Math.floor((position + missing) / width),
	};
}

export type Range = readonly [start: number, end: number]; // of the whole number; the end is behind it

export interface Piece {
	text: string;
	isMarked: boolean;
	isCurrent: boolean;
}

/* The groups of one row, each cut where a mark, or the range that is looked at, begins or ends. */
export function piecesOf(digits: string, start: number, end: number, marks: readonly Range[], current: Range | null = null): Piece[][] {
	const ranges = current ? [...marks, current] : marks;
	const isIn = (range: Range, from: number, to: number) => range[0] <= from && to <= range[1];
	const groups: Piece[][] = [];
	const first = (digits.length - start) % GROUP || GROUP;

	for (let at = start, next = start + first; at < end; at = next, next += GROUP) {
		const stop = Math.min(next, end);
		const cuts = new Set([at, stop]);
		for (const range of ranges) for (const cut of range) if (cut > at && cut < stop) cuts.add(cut);
		const sorted = [...cuts].sort((a, b) => a - b);
		groups.push(
			sorted.slice(1).map((to, i) => {
				const from = sorted[i] ?? at;
				return {
					text: digits.slice(from, to),
					isMarked: marks.some((range) => isIn(range, from, to)),
					isCurrent: current !== null && isIn(current, from, to),
				};
			}),
		);
	}
	return groups;
}

/* ---- finding ---- */

/* Every position at which NEEDLE begins, also where two of them overlap: "11" is in "111" twice. */
export function findAll(digits: string, needle: string): number[] {
	const found: number[] = [];

	if (needle === "") return found;
	for (let at = digits.indexOf(needle); at >= 0; at = digits.indexOf(needle, at + 1)) found.push(at);
	return found;
}

/* The first of the ascending POSITIONS that is not before POSITION, by its place in them; their length if there is none. */
export function firstFrom(positions: readonly number[], position: number): number {
	let low = 0;
	let high = positions.length;

	while (low < high) {
		const middle = (low + high) >> 1;
		if ((positions[middle] ?? 0) < position) low = middle + 1;
		else high = middle;
	}
	return low;
}

/* The marks of those matches that reach into [start, end), those that overlap as one. */
export function marksIn(positions: readonly number[], length: number, start: number, end: number): Range[] {
	const marks: [number, number][] = [];

	for (let i = firstFrom(positions, start - length + 1); i < positions.length; i++) {
		const from = positions[i] ?? end;
		if (from >= end) break;
		const last = marks.at(-1);
		if (last && from <= last[1]) last[1] = from + length;
		else marks.push([from, from + length]);
	}
	return marks;
}

/* ---- statistics ---- */

export interface Statistics {
	counts: number[]; // of each digit, 0 to 9
	sum: number;
	trailingZeros: number;
	longestRun: { digit: number; length: number; start: number };
}

export function statisticsOf(digits: string): Statistics {
	const counts = new Array<number>(10).fill(0);
	const longestRun = { digit: 0, length: 0, start: 0 };
	let runStart = 0;
	let zeros = 0;

	for (let at = 0; at < digits.length; at++) {
		const code = digits.charCodeAt(at);
		const digit = code - ZERO;
		counts[digit] = (counts[digit] ?? 0) + 1;
		zeros = digit === 0 ? zeros + 1 : 0;
		if (code !== digits.charCodeAt(runStart)) runStart = at;
		if (at - runStart + 1 > longestRun.length) Object.assign(longestRun, { digit, length: at - runStart + 1, start: runStart });
	}
	return {
		counts,
		sum: counts.reduce((sum, count, digit) => sum + count * digit, 0),
		trailingZeros: zeros === digits.length ? 0 : zeros, // "0" itself ends in none
		longestRun,
	};
}

/* ---- what is shown of a long one ---- */

export interface Shown {
	first: string;
	last: string; // "": the first digits are all of it
	length: number;
}

/* At most MOST digits: the first ones and, behind a gap, half as many of the last. */
export function shownOf(digits: string, most: number): Shown {
	const { length } = digits;
	if (length <= most) return { first: digits, last: "", length };
	const last = Math.floor(most / 9) * 3;

	/* Both parts begin and end between groups. */
	const first = Math.floor((2 * last - (length % 3)) / 3) * 3 + (length % 3);
	return { first: digits.slice(0, first), last: digits.slice(length - last), length };
}

/* The preview that the server sends of a result: all its digits, or "FIRST…LAST (N digits)". */
export function shownOfPreview(preview: string, length: number, most: number): Shown {
	const [first = "", last = ""] = preview.replace(/ \(\d+ digits\)$/, "").split("…");
	if (last === "") return shownOf(first, most);
	const behind = Math.floor(Math.min(last.length, most / 3) / 3) * 3;
	const before = Math.min(first.length, most - behind);

	/* Before the gap as well, no group is cut. */
	return { first: first.slice(0, before - ((before + 2 * length) % 3)), last: last.slice(-behind), length };
}
