/* What the pages know about each kind in addition to GET /api/values/kinds. The type check fails if a kind is missing here. */
import type { Kind } from "../api/generated";
import { formatCount, formatDigits } from "./format";

interface KindFacts {
	name: string;
	general: string; // its notation with n for the index
	notation: (index: number) => string;
	/* What the number is made of, behind the equals sign. */
	formula: (index: number) => string;
	examples: number[];
	/* Estimates the number of digits of the result. */
	digits: (index: number) => number;
}

const LOG10_PHI = Math.log10((1 + Math.sqrt(5)) / 2);

/* Stirling's series (DLMF 5.11.1). */
function digitsOfFactorial(n: number): number {
	return n < 2 ? 1 : (n * Math.log(n / Math.E) + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n)) / Math.LN10 + 1;
}

function isPrime(n: number): boolean {
	for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
	return n > 1;
}

const FACTORS_SHOWN = 4; // in full; of more, the first ones and the last

/* LAST: null if it is not known. */
function product(first: number[], last: number | null): string {
	const rest = first.filter((factor) => last === null || factor <= last);

	if (rest.length === 0) return "1";
	if (rest.at(-1) === last) return rest.join(" × ");
	return `${rest.slice(0, FACTORS_SHOWN - 1).join(" × ")} × …${last === null ? "" : ` × ${formatCount(last)}`}`;
}

const MOST_FACTORED = 10_000_000; // the highest limit of a server. An address may have any index, and to find a prime near 2^53 takes seconds

/* null: it would take too long. */
function lastPrime(index: number): number | null {
	let n = index;

	if (index > MOST_FACTORED) return null;
	while (n > 1 && !isPrime(n)) n--;
	return n;
}

/* The two before it, added; SEEDS are the first ones. */
function sum(letter: string, n: number, seeds: Record<number, string>): string {
	return seeds[n] ?? `${letter}(${formatCount(n - 1)}) + ${letter}(${formatCount(n - 2)})`;
}

export const KINDS: Record<Kind, KindFacts> = {
	fibonacci: {
		name: "Fibonacci",
		general: "F(n + 1)",
		notation: (index) => `F(${formatCount(index + 1)})`,
		formula: (index) => sum("F", index + 1, { 1: "1" }),
		examples: [7, 40, 90, 300, 1000, 10_000, 100_000, 1_000_000],
		digits: (index) => (index + 1) * LOG10_PHI - Math.log10(5) / 2 + 1,
	},
	lucas: {
		name: "Lucas",
		general: "L(n)",
		notation: (index) => `L(${formatCount(index)})`,
		formula: (index) => sum("L", index, { 0: "2", 1: "1" }),
		examples: [7, 40, 90, 300, 1000, 10_000, 100_000, 1_000_000],
		digits: (index) => index * LOG10_PHI + 1,
	},
	factorial: {
		name: "Factorial",
		general: "n!",
		notation: (index) => `${formatCount(index)}!`,
		formula: (index) => product([1, 2, 3, 4], index),
		examples: [5, 10, 20, 52, 100, 1000, 10_000, 100_000],
		digits: digitsOfFactorial,
	},
	primorial: {
		name: "Primorial",
		general: "n#",
		notation: (index) => `${formatCount(index)}#`,
		formula: (index) => product([2, 3, 5, 7], lastPrime(index)),
		examples: [5, 10, 30, 100, 1000, 10_000, 100_000, 1_000_000],
		digits: (index) => index / Math.LN10 + 1, // the prime number theorem
	},
};

export const KIND_NAMES = Object.keys(KINDS) as Kind[];

export function isKind(text: string | undefined): text is Kind {
	return text !== undefined && Object.hasOwn(KINDS, text);
}

/* Digits, plain or in groups of three as the pages show them: 1000, 1,000, 1 000, 1_000. */
const PLAIN = /^[0-9]+$/;
const GROUPED = /^[0-9]{1,3}([,_'’\s])[0-9]{3}(?:\1[0-9]{3})*$/;
const EXPONENT = /^[0-9]+(\.[0-9]+)?e\+?[0-9]{1,4}$/i;

/* TEXT as a whole number, or null. What is too long to be exact here is only known to be high: Infinity. */
export function parseIndex(text: string): number | null {
	const trimmed = text.trim();
	const digits = GROUPED.test(trimmed) ? trimmed.replace(/[^0-9]/g, "") : trimmed;
	if (!PLAIN.test(digits) && !EXPONENT.test(digits)) return null;
	const index = Number(digits);

	if (index > Number.MAX_SAFE_INTEGER) return Number.POSITIVE_INFINITY;
	return Number.isInteger(index) ? index : null;
}

/* "Factorial 1,000" of the parts of an address, or null if they name no value. */
export function nameOfValue(kind: string | undefined, index: string | undefined): string | null {
	const number = isIndex(index) ? Number(index) : null;

	return isKind(kind) && number !== null ? `${KINDS[kind].name} ${formatCount(number)}` : null;
}

/* "Index 40 is F(41)": the index is not always the number in the notation. */
export function introduction(kind: Kind, index: number): string {
	return `Index ${formatCount(index)} is ${KINDS[kind].notation(index)}`;
}

/* "about 208,988 digits" of a result that is not known yet. */
export function estimate(kind: Kind, index: number): string {
	const digits = Math.max(1, Math.floor(KINDS[kind].digits(index)));

	return `${digits > 20 ? "about " : ""}${formatDigits(digits)}`;
}

/* In an address each index is written in one way. */
export function isIndex(text: string | undefined): text is string {
	return text !== undefined && PLAIN.test(text) && Number.isSafeInteger(Number(text));
}
