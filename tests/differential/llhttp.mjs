// What Node's own parser (llhttp, strict: without insecureHTTPParser) makes of a stream.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
// biome-ignore lint/style/useNodejsImportProtocol: an internal module has no name with node: in front
const { HTTPParser, methods } = require("_http_common");
const HEAD_BYTES_MAX = 1 << 20;
const LENIENT_FLAGS = 0;

// SOURCE is one of ICE alone, and llhttp's number for QUERY is not its place among the names.
export const METHODS = new Set(methods.filter((name) => name !== "SOURCE" && name !== "QUERY"));

function textOf(message) {
	const fields = message.fields.map((text, i) => text + (i % 2 ? "\n" : ": ")).join("");
	return `${message.method} ${message.target} 1.${message.minor}\n${fields}\n`;
}

// {messages: [{isWhole, text}], error, isUpgrade, isClosed}; an error is llhttp's own name for it. An upgrade ends the reading, and
// so does a message after which the connection is closed.
export function readByLlhttp({ bytes, step }) {
	const parser = new HTTPParser();
	const messages = [];
	let message, fields;
	let isUpgrade = false;

	parser.initialize(HTTPParser.REQUEST, {}, HEAD_BYTES_MAX, LENIENT_FLAGS);
	parser[HTTPParser.kOnMessageBegin | 0] = () => {
		message = undefined;
		fields = [];
	};
	parser[HTTPParser.kOnHeaders | 0] = (more, url) => {
		if (!message) {
			fields.push(...more);
			fields.url = (fields.url ?? "") + url;
		}
	};
	parser[HTTPParser.kOnHeadersComplete | 0] = (_major, minor, last, method, url, _statusCode, _statusMessage, upgrade, keepsAlive) => {
		message = {
			isWhole: false,
			keepsAlive,
			method: methods[method],
			target: (fields.url ?? "") + (url ?? ""),
			minor,
			fields: [...fields, ...(last ?? [])],
		};
		message.text = textOf(message);
		isUpgrade ||= upgrade;
		messages.push(message);
		return 0;
	};
	parser[HTTPParser.kOnBody | 0] = (body) => {
		message.text += body.latin1Slice();
	};
	parser[HTTPParser.kOnMessageComplete | 0] = () => {
		message.isWhole = true;
	};
	const error = feed(parser, bytes, step || bytes.length);
	parser.free();
	return { messages, error, isUpgrade, isClosed: message?.isWhole && !message.keepsAlive };
}

function feed(parser, bytes, step) {
	for (let at = 0; at < bytes.length; at += step) {
		const part = bytes.subarray(at, at + step);
		const result = parser.execute(part);
		if (result instanceof Error) {
			return result.code;
		}
		if (result !== part.length) {
			return "UPGRADE";
		}
	}
	return undefined;
}
