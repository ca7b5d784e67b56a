/* What the pages know about each kind in addition to GET /api/values/kinds. The type check fails if a kind is missing here. */
import type { Kind } from "../api/generated";
import { formatCount } from "./format";

interface KindFacts {
	name: string;
	notation: (index: string) => string;
	examples: number[];
	/* Estimates the number of digits of the result. */
	digits: (index: number) => number;
}

const LOG10_PHI = Math.log10((1 + Math.sqrt(5)) / 2);

/* Stirling's series (DLMF 5.11.1). */
function digitsOfFactorial(n: number): number {
	return n < 2 ? 1 : (n * Math.log(n / Math.E) + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n)) / Math.LN10 + 1;
}

export const KINDS: Record<Kind, KindFacts> = {
	fibonacci: {
		name: "Fibonacci",
		notation: (index) => `F(${index} + 1)`,
		examples: [7, 40, 90, 300, 1000, 10_000, 100_000, 1_000_000],
		digits: (index) => (index + 1) * LOG10_PHI - Math.log10(5) / 2 + 1,
	},
	lucas: {
		name: "Lucas",
		notation: (index) => `L(${index})`,
		examples: [7, 40, 90, 300, 1000, 10_000, 100_000, 1_000_000],
		digits: (index) => index * LOG10_PHI + 1,
	},
	factorial: {
		name: "Factorial",
		notation: (index) => `${index}!`,
		examples: [5, 10, 20, 52, 100, 1000, 10_000, 100_000],
		digits: digitsOfFactorial,
	},
	primorial: {
		name: "Primorial",
		notation: (index) => `${index}#`,
		examples: [5, 10, 30, 100, 1000, 10_000, 100_000, 1_000_000],
		digits: (index) => index / Math.LN10 + 1, // the prime number theorem
	},
};

export const KIND_NAMES = Object.keys(KINDS) as Kind[];

export function isKind(text: string | undefined): text is Kind {
	return text !== undefined && text in KINDS;
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

/* In an address each index is written in one way. */
export function isIndex(text: string | undefined): text is string {
	return text !== undefined && PLAIN.test(text) && Number.isSafeInteger(Number(text));
}
