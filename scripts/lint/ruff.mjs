// usage: node scripts/lint/ruff.mjs check | format
// Runs ruff over every Python file, with the settings of ruff.toml. This is ruff's WebAssembly build from npm, because Debian 12 packages
// no ruff. `format` also sorts imports.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import ruff from "@astral-sh/ruff-wasm-nodejs";

process.chdir(new URL("../..", import.meta.url).pathname);

function readSettings() {
	const settings = {};
	for (const [, name, value] of readFileSync("ruff.toml", "utf8").matchAll(/^([\w.-]+) = (.*)$/gm)) {
		const path = name.split(".");
		const last = path.pop();
		let table = settings;
		for (const key of path) {
			table = table[key] ??= {};
		}
		table[last] = JSON.parse(value);
	}
	return settings;
}

function isPython(path) {
	return path.endsWith(".py") || readFileSync(path, "latin1").startsWith("#!/usr/bin/python3");
}

function pythonFiles() {
	const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--deduplicate"], { encoding: "utf8" });
	const deleted = execFileSync("git", ["ls-files", "-d"], { encoding: "utf8" }).split("\n");
	return listed.split("\n").filter((path) => path && !deleted.includes(path) && isPython(path));
}

function offset(source, { row, column }) {
	const before = source.split("\n").slice(0, row - 1);
	return before.reduce((sum, line) => sum + line.length + 1, column - 1);
}

function sortImports(workspace, source) {
	const unsorted = workspace.check(source).find(({ code, fix }) => code === "I001" && fix);
	if (!unsorted) {
		return source;
	}
	const [{ location, end_location: end, content }] = unsorted.fix.edits;
	return source.slice(0, offset(source, location)) + (content ?? "") + source.slice(offset(source, end));
}

function format(workspace, path) {
	writeFileSync(path, workspace.format(sortImports(workspace, readFileSync(path, "utf8"))));
}

function check(workspace, path) {
	const source = readFileSync(path, "utf8");
	for (const { start_location: at, code, message } of workspace.check(source)) {
		console.log(`${path}:${at.row}:${at.column}: ${code} ${message}`);
		process.exitCode = 1;
	}
	if (workspace.format(source) !== source) {
		console.log(`${path}: not formatted, run \`make format\``);
		process.exitCode = 1;
	}
}

const action = { check, format }[process.argv[2]];
if (!action) {
	console.error("usage: node scripts/lint/ruff.mjs check | format");
	process.exit(64);
}
const workspace = new ruff.Workspace(readSettings(), ruff.PositionEncoding.Utf16);
for (const path of pythonFiles()) {
	action(workspace, path);
}
