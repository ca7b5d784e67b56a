/* What the front page says of each well-known number is true. */
import { expect, it } from "vitest";
import { FAMOUS } from "../src/values/open-instrument";

function famous(name: string) {
	const one = FAMOUS.find((each) => each.name === name);
	if (!one) throw new Error(`${name} is not among them`);
	return one;
}

function factorial(n: number): bigint {
	return Array.from({ length: n }, (_, i) => BigInt(i + 1)).reduce((product, factor) => product * factor, 1n);
}

/* The first COUNT members of the sequence that begins with A and B. */
function sequence(a: bigint, b: bigint, count: number): bigint[] {
	const members = [a, b];
	while (members.length < count) members.push((members.at(-1) ?? 0n) + (members.at(-2) ?? 0n));
	return members;
}

/* Newton's method, from above. */
function isSquare(n: bigint): boolean {
	let root = n;
	for (let next = (n + 1n) / 2n; next < root; next = (root + n / root) / 2n) root = next;
	return root * root === n;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
	let result = 1n;
	for (let [b, e] = [base % modulus, exponent]; e > 0n; b = (b * b) % modulus, e >>= 1n) if (e & 1n) result = (result * b) % modulus;
	return result;
}

/* Miller and Rabin's test; a composite number passes it for one base in four at most. */
function isProbablyPrime(n: bigint): boolean {
	let odd = n - 1n;
	let twos = 0;
	for (; odd % 2n === 0n; odd /= 2n) twos++;
	return [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n].every((base) => {
		let x = power(base, odd, n);
		if (x === 1n || x === n - 1n) return true;
		for (let i = 1; i < twos && x !== n - 1n; i++) x = (x * x) % n;
		return x === n - 1n;
	});
}

it("each is open to strangers as the server is configured by default", () => {
	for (const one of FAMOUS) expect(one.index, one.name).toBeLessThanOrEqual(1000);
});

it("52! counts the orders of 52 cards", () => {
	expect(famous("52!")).toMatchObject({ kind: "factorial", index: 52 });
});

it("F(12) is a square, and the last one as far as it can be looked at here", () => {
	expect(famous("F(12)")).toMatchObject({ kind: "fibonacci", index: 11 });
	const squares = sequence(0n, 1n, 400).flatMap((member, n) => (isSquare(member) ? [n] : []));
	expect(squares).toEqual([0, 1, 2, 12]); // J. H. E. Cohn, 1964: there is no further one
});

it("70! is the first factorial beyond a googol", () => {
	expect(famous("70!").index).toBe(70);
	expect([factorial(69) > 10n ** 100n, factorial(70) > 10n ** 100n]).toEqual([false, true]);
});

it("L(353) is a prime of 74 digits", () => {
	const lucas = sequence(2n, 1n, 354)[famous("L(353)").index] ?? 0n;
	expect(`${lucas}`).toHaveLength(74);
	expect(isProbablyPrime(lucas)).toBe(true);
	expect(isProbablyPrime(lucas + 2n)).toBe(false);
});

it("1,000! ends in 249 zeros", () => {
	expect(/0*$/.exec(`${factorial(famous("1,000!").index)}`)?.[0]).toHaveLength(249);
});

it("100# is of the primes below a hundred, because 100 is none", () => {
	expect(famous("100#")).toMatchObject({ kind: "primorial", index: 100 });
});
