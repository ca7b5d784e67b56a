// What the parser of libcommon/http makes of streams, by way of the program reader.c.
import { spawnSync } from "node:child_process";

const OUTPUT_BYTES_MAX = 1 << 30;

function* outcomesOf(output, count) {
	let at = 0;
	const number = () => {
		at += 4;
		return output.readUInt32LE(at - 4);
	};
	const text = () => {
		const len = number();
		at += len;
		return output.latin1Slice(at - len, at);
	};
	const next = () => String.fromCharCode(output[at++]);
	for (let n = 0; n < count; n++) {
		const messages = [];
		let tag = next();
		for (; tag === "M" || tag === "H"; tag = next()) {
			messages.push({ isWhole: tag === "M", start: number(), methodLen: number(), targetLen: number(), text: text() });
		}
		yield { messages, end: { E: "end", P: "more", R: "refused" }[tag], code: number(), sentence: text() };
	}
	if (at !== output.length) {
		throw new Error(`the reader wrote ${output.length} bytes, ${at} were understood`);
	}
}

// For each of the streams {messages: [{isWhole, start, methodLen, targetLen, text}], end: "end", "more" or "refused", code, sentence}.
export function readByOurs(reader, streams) {
	const input = streams.flatMap(({ bytes, step }) => {
		const head = Buffer.alloc(8);
		head.writeUInt32LE(bytes.length, 0);
		head.writeUInt32LE(step, 4);
		return [head, bytes];
	});
	const { status, stdout, stderr, error } = spawnSync(reader, { input: Buffer.concat(input), maxBuffer: OUTPUT_BYTES_MAX });
	if (status !== 0) {
		throw new Error(`the reader failed: ${error ?? stderr}`);
	}
	return [...outcomesOf(stdout, streams.length)];
}
