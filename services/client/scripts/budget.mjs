// Limits what a first visit downloads, in bytes after gzip (fonts as they are): fails the build when a part exceeds its limit. Run after compress.mjs.
// The manifest lists what index.html loads by itself; it is removed afterwards, because visitors do not need it.
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const dist = process.env.DIST ?? "dist";
const manifest = JSON.parse(readFileSync(join(dist, "manifest.json"), "utf8"));

// The keys of a file and of everything that it imports statically.
function closure(key, seen = new Set()) {
	if (seen.has(key)) return seen;
	seen.add(key);
	for (const next of manifest[key].imports ?? []) closure(next, seen);
	return seen;
}

// Fonts are compressed in themselves.
function bytesOfFonts() {
	const fonts = readdirSync(join(dist, "assets")).filter((file) => file.endsWith(".woff2"));
	return fonts.reduce((sum, file) => sum + statSync(join(dist, "assets", file)).size, 0);
}

function bytes(files) {
	return [...new Set(files)].reduce((sum, file) => sum + statSync(join(dist, `${file}.gz`), { throwIfNoEntry: false })?.size, 0);
}

const initial = closure("index.html");
const plot = [...closure("src/values/plot.tsx")].filter((key) => !initial.has(key));
const parts = [
	["initial JavaScript", 110_000, ["theme.js", ...[...initial].map((key) => manifest[key].file).filter((file) => file.endsWith(".js"))]],
	["CSS", 14_000, [...initial].flatMap((key) => manifest[key].css ?? [])],
	["plots", 25_000, plot.flatMap((key) => [manifest[key].file, ...(manifest[key].css ?? [])])],
];

let failed = false;
function check(name, size, limit) {
	const isOver = !(size > 0 && size <= limit);
	failed ||= isOver;
	console.log(`${isOver ? "OVER" : "ok  "} ${name}: ${(size / 1000).toFixed(1)} of ${limit / 1000} kB`);
}
for (const [name, limit, files] of parts) check(name, bytes(files), limit);
check("fonts", bytesOfFonts(), 40_000);
rmSync(join(dist, "manifest.json"));
rmSync(join(dist, "manifest.json.gz"), { force: true });
if (failed) {
	console.error("budget: a part marked OVER is larger than its limit in scripts/budget.mjs");
	process.exit(1);
}
