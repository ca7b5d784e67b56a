// The API's document, against which replies can be checked.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

const METHODS = ["get", "post", "put", "patch", "delete"];

// Replies to requests that reached no operation: any path may give them. 404 and 405 are checked separately.
const BEFORE_ANY_OPERATION = { 400: "BadRequest", 413: "BodyTooLarge", 429: "TooManyRequests", 503: "Unavailable", 504: "Timeout" };
const FAILURES_OF_FRAMING = [408, 414, 417, 431, 501, 505];

const escapeName = (name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
const pointer = (...names) => `#/${names.map(escapeName).join("/")}`;

const answerName = ({ operationId }, status, code) => [operationId, status, code].filter(Boolean).join(" ");

// Of an error; undefined for every other body, JSON or not.
function codeIn(body) {
	try {
		return JSON.parse(body)?.code;
	} catch {
		return undefined;
	}
}

export class ApiDocument {
	constructor(path) {
		this.root = parse(readFileSync(path, "utf8"));
		this.ajv = new Ajv({ strict: false, allErrors: true });
		addFormats(this.ajv);
		this.ajv.addSchema(this.root, "api");
		this.operations = Object.entries(this.root.paths).flatMap(([path, item]) =>
			METHODS.filter((method) => item[method]).map((method) => ({
				method: method.toUpperCase(),
				path,
				pattern: new RegExp(`^${path.replaceAll(/\{[^}]*\}/g, "[^/]+")}$`),
				isOpen: (item[method].security ?? this.root.security).length === 0,
				at: pointer("paths", path, method),
				...item[method],
			})),
		);
	}

	// A path without parameters takes precedence over one with parameters.
	operationsOf(path) {
		const exact = this.operations.filter((operation) => operation.path === path);
		return exact.length ? exact : this.operations.filter((operation) => operation.pattern.test(path));
	}

	// The answers that the document lists: "ping 200", and for each code of an error "logIn 429 too_many_attempts".
	documentedAnswers() {
		return this.operations.flatMap((one) =>
			Object.keys(one.responses).flatMap((status) => {
				const [response] = this.responseOf([one], one, status);
				const codes = this.codesOf(response.content?.["application/json"]?.schema ?? {});
				return codes.map((code) => answerName(one, status, code));
			}),
		);
	}

	// What documentedAnswers() calls this reply; null when it answers no operation.
	answerOf({ method, path, status, body }) {
		const operation = this.operationsOf(path).find((one) => one.method === method);
		return operation ? answerName(operation, status, codeIn(body)) : null;
	}

	// The values that a body of this schema may have as `code`; undefined stands for none.
	codesOf({ $ref, allOf, oneOf, anyOf, properties }) {
		if ($ref) {
			return this.codesOf(this.resolve($ref));
		}
		if (allOf) {
			const codes = allOf.flatMap((part) => this.codesOf(part)).filter((code) => code);
			return codes.length ? codes : [undefined];
		}
		if (oneOf ?? anyOf) {
			return [...new Set((oneOf ?? anyOf).flatMap((part) => this.codesOf(part)))];
		}
		const { const: only, enum: several = [only] } = properties?.code ?? {};
		return several;
	}

	resolve(reference) {
		return reference
			.split("/")
			.slice(1)
			.reduce((place, name) => place[name], this.root);
	}

	// Where a reply differs from the document, in sentences; empty when it conforms.
	problemsOf({ method, path, status, headers, body }) {
		const candidates = this.operationsOf(path);
		const operation = candidates.find((one) => one.method === (method === "HEAD" ? "GET" : method));
		const [response, at] = this.responseOf(candidates, operation, status);
		if (!response) {
			return [operation ? `${operation.operationId} has no status ${status}` : `${status} for what is no operation`];
		}
		const problems = this.problemsOfHeaders(response, at, headers);
		return method === "HEAD" || status === 304 ? problems : [...problems, ...this.problemsOfBody(response, at, headers, body)];
	}

	// The response object and the pointer to it.
	responseOf(candidates, operation, status) {
		const component = (name) => [this.root.components.responses[name], pointer("components", "responses", name)];
		const listed = operation?.responses[status];
		if (listed?.$ref) {
			return component(listed.$ref.split("/").at(-1));
		}
		if (listed) {
			return [listed, `${operation.at}/responses/${status}`];
		}
		if (FAILURES_OF_FRAMING.includes(status)) {
			return [{ content: { "application/json": {} } }, null];
		}
		if (operation) {
			return [];
		}
		const name = candidates.length ? (status === 405 ? "MethodNotAllowed" : null) : status === 404 ? "NotFound" : null;
		return name || BEFORE_ANY_OPERATION[status] ? component(name ?? BEFORE_ANY_OPERATION[status]) : [];
	}

	problemsOfHeaders(response, at, headers) {
		return Object.entries(response.headers ?? {}).flatMap(([name, given]) => {
			const place = given.$ref ?? `${at}/headers/${escapeName(name)}`;
			const header = given.$ref ? this.root.components.headers[given.$ref.split("/").at(-1)] : given;
			const text = headers[name.toLowerCase()];
			if (text === undefined) {
				return header.required ? [`the header ${name} is missing`] : [];
			}
			const value = header.schema.type === "integer" ? Number(text) : text;
			return this.problemsOfValue(`${place}/schema`, value).map((problem) => `${name}: ${problem}`);
		});
	}

	problemsOfBody(response, at, headers, body) {
		if (!response.content) {
			return body === "" ? [] : ["there is a body"];
		}
		const type = headers["content-type"] ?? "";
		const media = type.startsWith("text/plain") ? "text/plain" : type;
		if (!response.content[media]) {
			return [`the content type is ${type || "missing"}`];
		}
		let value = body;
		if (media === "application/json") {
			try {
				value = JSON.parse(body);
			} catch (error) {
				return [`the body is not JSON: ${error.message}`];
			}
		}
		return this.problemsOfValue(at ? `${at}/content/${escapeName(media)}/schema` : "#/components/schemas/Failure", value);
	}

	problemsOfValue(reference, value) {
		const id = `api${reference}`;
		const validate = this.ajv.getSchema(id) ?? this.ajv.compile({ $ref: id });
		return validate(value)
			? []
			: validate.errors.map((error) => `${error.instancePath || "it"} ${error.message} ${JSON.stringify(error.params)}`);
	}
}
