// usage: node json.mjs READER FOLDER [COUNT] [SEED]: gives the JSON texts of the folder, and COUNT texts that are made of them, to our
// reader (the program READER, made of json_reader.c) and to JSON.parse(). The law is that ours accepts what JSON.parse() accepts,
// with the same value, but for what ours refuses by decision (libcommon/base/json.h): repeated or too many names, deep nesting, long
// numbers and those beyond a double, NUL and halves of surrogate pairs in strings.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const DEPTH_MAX = 16;
const NAMES_MAX = 64;
const NUMBER_MAX = 63;
const SHOWN_MAX = 10;
const CHANGES_MAX = 4;
const BITS = 32;

const [reader, folder, countText = "20000", seedText = String(Date.now())] = process.argv.slice(2);
let state = Number(seedText) % 2 ** BITS;

// xorshift32, so that a seed gives the same texts everywhere
function random(below) {
	state ^= state << 13;
	state ^= state >>> 17;
	state ^= state << 5;
	return (state >>> 0) % below;
}

// A text, or the beginning of one and the end of another; with a few bytes changed.
function madeOf(texts) {
	const [one, other] = [texts[random(texts.length)], texts[random(texts.length)]];
	const made = random(2)
		? Buffer.from(one)
		: Buffer.concat([one.subarray(0, random(one.length + 1)), other.subarray(random(other.length + 1))]);
	for (let changes = random(CHANGES_MAX); changes > 0 && made.length > 0; changes--) {
		const bytes = Buffer.from('{}[]",:\\u0123456789abcdefDd.eE+- \ttrnfls\u0080\u00ff', "latin1");
		made[random(made.length)] = bytes[random(bytes.length)];
	}
	return made;
}

function readByOurs(texts) {
	const input = Buffer.concat(
		texts.flatMap((text) => {
			const len = Buffer.alloc(4);
			len.writeUInt32LE(text.length);
			return [len, text];
		}),
	);
	const { stdout, status } = spawnSync(reader, { input, maxBuffer: 2 ** 30 });
	if (status !== 0) {
		throw new Error(`the reader ended with ${status}`);
	}
	let at = 0;
	return texts.map(() => {
		const len = stdout.readUInt32LE(at);
		at += 4 + len;
		return len ? JSON.parse(stdout.subarray(at - len, at).toString()) : undefined;
	});
}

function decoded(bytes) {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		return undefined;
	}
}

function readByTheirs(bytes) {
	const text = decoded(bytes);
	try {
		return text === undefined ? undefined : JSON.parse(text);
	} catch {
		return undefined;
	}
}

const children = (value) => (value !== null && typeof value === "object" ? Object.values(value) : []);
const depthOf = (value) => (value !== null && typeof value === "object" ? 1 + Math.max(0, ...children(value).map(depthOf)) : 0);
const nameCount = (value) =>
	children(value).reduce((sum, child) => sum + nameCount(child), Array.isArray(value) ? 0 : children(value).length);
const mostNames = (value) => Math.max(Array.isArray(value) ? 0 : children(value).length, 0, ...children(value).map(mostNames));
const strings = (value) =>
	typeof value === "string" ? [value] : [...(Array.isArray(value) ? [] : Object.keys(value ?? {})), ...children(value).flatMap(strings)];

// Why our reader may refuse what JSON.parse() accepts.
function isRefusedByDecision(bytes, value) {
	const text = decoded(bytes);
	const withoutStrings = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
	return (
		(text.match(/"(?:[^"\\]|\\.)*"\s*:/g) ?? []).length > nameCount(value) ||
		mostNames(value) > NAMES_MAX ||
		depthOf(value) > DEPTH_MAX ||
		(withoutStrings.match(/[-+.eE0-9]+/g) ?? []).some((number) => number.length > NUMBER_MAX || Math.abs(Number(number)) === Infinity) ||
		strings(value).some((string) => string.includes("\0") || /\p{Surrogate}/u.test(string))
	);
}

// cJSON writes -0 as 0.
const comparable = (value) => JSON.parse(JSON.stringify(value), (_name, child) => (Object.is(child, -0) ? 0 : child));

const seeds = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`));
const texts = [...seeds, ...Array.from({ length: Number(countText) }, () => madeOf(seeds))];
const ours = readByOurs(texts);
let accepted = 0;
let broken = 0;
for (const [i, bytes] of texts.entries()) {
	const theirs = readByTheirs(bytes);
	const isSame =
		ours[i] === undefined
			? theirs === undefined || isRefusedByDecision(bytes, theirs)
			: theirs !== undefined && isDeepStrictEqual(comparable(ours[i]), comparable(theirs));
	accepted += ours[i] !== undefined;
	broken += !isSame;
	if (!isSame && broken <= SHOWN_MAX) {
		console.log(
			`BROKEN: ${JSON.stringify(bytes.latin1Slice())}\n  ours:   ${JSON.stringify(ours[i])}\n  theirs: ${JSON.stringify(theirs)}`,
		);
	}
}
console.log(`${texts.length} texts, ${accepted} accepted by ours, ${broken} broken, seed ${seedText}`);
process.exit(broken > 0 ? 1 : 0);
