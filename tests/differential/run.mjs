// usage: node run.mjs READER llhttp|nginx [COUNT] [SEED]: gives COUNT streams of requests to our parser (the program READER, made of
// reader.c) and to the other one. The law is that whatever ours accepts, the other accepts with the same method, target, fields and
// body. The other may accept more.
import { streams } from "./generator.mjs";
import { METHODS, readByLlhttp } from "./llhttp.mjs";
import { comparable, readByNginx, startNginx } from "./nginx.mjs";
import { readByOurs } from "./ours.mjs";

const BATCH = 5000;
const AT_ONCE = 32; // connections to nginx
const SHOWN_MAX = 10;
const SHOWN_CHARACTERS_MAX = 600;
const counts = new Map();
let broken = 0;

const count = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);
const headOf = (text) => text.slice(0, text.indexOf("\n\n"));

const shown = (value) => JSON.stringify(value).slice(0, SHOWN_CHARACTERS_MAX);

function report(what, stream, ours, theirs) {
	broken++;
	if (broken <= SHOWN_MAX) {
		console.log(
			`BROKEN: ${what} (step ${stream.step})\n  ${shown(stream.bytes.latin1Slice())}\n  ours:   ${shown(ours)}\n  theirs: ${shown(theirs)}`,
		);
	}
}

// What llhttp does not know, and we do: other methods, which our server answers with 501, and HTTP/1.2 to 1.9, which it reads as 1.1
// (RFC 9110 §2.5). Both are rewritten for it, so that all the rest of the message is compared.
function rewritten(stream, ours) {
	let { bytes } = stream;
	let shift = 0;
	const replace = (at, len, text) => {
		bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(text), bytes.subarray(at + len)]);
	};
	const messages = ours.messages.map(({ methodLen, targetLen, ...message }) => {
		const start = message.start + shift;
		const digit = start + methodLen + targetLen + " ".length * 2 + "HTTP/1.".length;
		if (bytes[digit] > "1".charCodeAt(0)) {
			count("messages of HTTP/1.2 to 1.9, given to it as 1.1");
			replace(digit, 1, "1");
		}
		if (METHODS.has(message.text.slice(0, methodLen))) {
			return { ...message, start };
		}
		count("messages of a method that it does not know, given to it as POST");
		replace(start, methodLen, "POST");
		shift += "POST".length - methodLen;
		return { ...message, start, text: `POST${message.text.slice(methodLen)}` };
	});
	return [
		{ ...stream, bytes },
		{ ...ours, messages },
	];
}

// Where llhttp closes the connection and we do not (a Proxy-Connection, which means nothing; a tab behind keep-alive), it goes on with
// the next message as with a first one.
function readAllByLlhttp(stream, ours) {
	const theirs = readByLlhttp(stream);
	const next = ours.messages[theirs.messages.length];
	if (!theirs.isClosed || !next) {
		return theirs;
	}
	count("messages behind one after which it closes the connection");
	const bytes = stream.bytes.subarray(next.start);
	const rest = readAllByLlhttp(
		{ ...stream, bytes },
		{ messages: ours.messages.slice(theirs.messages.length).map((message) => ({ ...message, start: message.start - next.start })) },
	);
	return { ...rest, messages: [...theirs.messages, ...rest.messages] };
}

function compareWithLlhttp(ours, theirs) {
	for (const [i, message] of ours.messages.entries()) {
		const other = theirs.messages[i];
		if (!other) {
			return theirs.isUpgrade ? undefined : `message ${i + 1} was refused by the other: ${theirs.error}`;
		}
		if (headOf(message.text) !== headOf(other.text)) {
			return `the head of message ${i + 1} differs`;
		}
		if (message.isWhole && !(other.isWhole && message.text === other.text) && !theirs.isUpgrade) {
			return `message ${i + 1} differs, or does not end for the other: ${theirs.error}`;
		}
	}
	return undefined;
}

function countOutcome(ours, isRefused) {
	for (const message of ours.messages) {
		count(message.isWhole ? "messages that both read" : "heads that both read, of messages that are not whole");
	}
	if (ours.end === "refused") {
		count(`streams refused by ours (${isRefused ? "and by the other" : "not by the other"})`);
	}
}

function judgeByLlhttp(batch, outcomes) {
	for (const [i, outcome] of outcomes.entries()) {
		const [stream, ours] = rewritten(batch[i], outcome);
		const theirs = readAllByLlhttp(stream, ours);
		const difference = compareWithLlhttp(ours, theirs);
		difference ? report(difference, stream, ours, theirs) : countOutcome(ours, theirs.error);
	}
}

// Why nginx refuses what is sound HTTP.
const REASONS = [
	["it does not let CONNECT and TRACE through", ({ method }) => method === "CONNECT" || method === "TRACE"],
	["a method is of capital letters, _ and -", ({ method }) => /[^A-Z_-]/.test(method)],
	["it knows no OPTIONS *", ({ target }) => target === "*"],
	["it decodes every %", ({ target }) => /%(?![0-9a-f]{2})|%00/i.test(target)],
	["an empty Host is none", ({ text }) => /\nhost: ?\n/i.test(text)],
	["a host has no empty label", ({ text, target }) => /\nhost: ?(\.|.*\.\.)/i.test(text) || /^https?:\/\/(\.|[^/?]*\.\.)/i.test(target)],
	["in absolute-form a host is of letters, digits, dots and hyphens", ({ target }) => /^https?:\/\/[^/?:]*[^a-z0-9.:/?[\]-]/i.test(target)],
	["a tab is part of a value", ({ raw }) => /\n(content-length|transfer-encoding|host):([ ]*\t|[^\r]*\t[ ]*(\r|$))/i.test(raw)],
	[
		"a field that has one value may not be doubled",
		({ text }) => /\n(authorization|if-none-match|user-agent|te|upgrade|expect|keep-alive|content-type):[\s\S]*\n\1:/i.test(headOf(text)),
	],
];

function reasonOf(message, previous, stream) {
	if (/\nconnection:.*close/i.test(previous?.text ?? "")) {
		return "it closes after a Connection that has close in it somewhere";
	}
	const [method, target] = message.text.split(" ");
	const raw = stream.bytes.latin1Slice(message.start);
	return REASONS.find(([, holds]) => holds({ ...message, method, target, raw: raw.slice(0, raw.indexOf("\r\n\r\n")) }))?.[0];
}

function compareWithNginx(stream, ours, theirs) {
	for (const [i, message] of ours.messages.entries()) {
		const other = theirs.messages[i];
		if (message.isWhole && !other?.text) {
			const reason = reasonOf(message, ours.messages[i - 1], stream);
			count(`messages refused by nginx alone: ${reason}`);
			return reason ? undefined : `message ${i + 1} was refused by nginx`;
		}
		if (message.isWhole && comparable(message.text) !== comparable(other.text)) {
			return `message ${i + 1} differs`;
		}
		count(message.isWhole ? "messages that both read" : "heads read by ours, of messages that are not whole");
	}
	if (ours.end === "refused") {
		count(`streams refused by ours (${theirs.messages[ours.messages.length]?.text ? "not by nginx" : "and by nginx"})`);
	}
	return undefined;
}

async function judgeByNginx(nginx, batch, outcomes) {
	const left = outcomes.entries();
	const work = async () => {
		for (const [i, ours] of left) {
			const theirs = await readByNginx(nginx, batch[i]);
			const difference = compareWithNginx(batch[i], ours, theirs);
			difference && report(difference, batch[i], ours, theirs);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function* batches(all) {
	let batch = [];
	for (const stream of all) {
		batch.push(stream);
		if (batch.length === BATCH) {
			yield batch;
			batch = [];
		}
	}
	yield batch;
}

const [reader, other, wanted = other === "nginx" ? "20000" : "150000", seed = "1"] = process.argv.slice(2);
const started = Date.now();
const nginx = other === "nginx" ? await startNginx() : undefined;
console.log(`seed ${seed}`);
try {
	for (const batch of batches(streams(Number(seed), Number(wanted)))) {
		const outcomes = readByOurs(reader, batch);
		await (nginx ? judgeByNginx(nginx, batch, outcomes) : judgeByLlhttp(batch, outcomes));
	}
} finally {
	await nginx?.stop();
}
for (const [what, n] of [...counts].sort()) {
	console.log(`${String(n).padStart(8)} ${what}`);
}
console.log(`${wanted} streams against ${other} in ${((Date.now() - started) / 1000).toFixed(1)} s; the law is broken ${broken} times`);
process.exitCode = broken ? 1 : 0;
