// Compares what a page looks like with a small stored picture of it (looks/NAME.png), in the browser, which can read and scale PNG.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const WIDTH_PX = 120;
const DIFFERS_FROM = 48; // of 255, in any colour
const TOLERATED = 0.02; // of the pixels

const folder = resolve(dirname(fileURLToPath(import.meta.url)), "looks");
export const isUpdating = process.env.LOOKS === "update";

export const stored = (name) => resolve(folder, name);
export function store(name, content) {
	mkdirSync(folder, { recursive: true });
	writeFileSync(stored(name), content);
}

// Scales the picture, of which the first screen counts, and says which part of its pixels differs from the one before.
async function scale({ now, before, width, height, px, from }) {
	const bitmap = async (base64) => createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
	const canvas = new OffscreenCanvas(px, Math.round((px * height) / width));
	const context = canvas.getContext("2d", { willReadFrequently: true });
	const pixels = () => context.getImageData(0, 0, canvas.width, canvas.height).data;
	context.imageSmoothingQuality = "high";
	context.drawImage(await bitmap(now), 0, 0, width, height, 0, 0, canvas.width, canvas.height);
	const shown = pixels();
	const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
	const png = btoa(String.fromCharCode(...bytes));
	if (!before) return { png, differing: 1 };
	context.drawImage(await bitmap(before), 0, 0, canvas.width, canvas.height);
	const was = pixels();
	let count = 0;
	for (let at = 0; at < shown.length; at += 4) if ([0, 1, 2].some((i) => Math.abs(shown[at + i] - was[at + i]) > from)) count++;
	return { png, differing: count / (shown.length / 4) };
}

// What is wrong with the picture of a page; null: it is as stored, or was stored now.
export async function pictureProblem(page, name, picture) {
	const { width, height } = page.viewportSize();
	const file = `${name}.png`;
	const before = existsSync(stored(file)) ? readFileSync(stored(file), "base64") : null;
	const blank = await page.context().newPage();
	const { png, differing } = await blank.evaluate(scale, {
		now: picture.toString("base64"),
		before,
		width,
		height,
		px: WIDTH_PX,
		from: DIFFERS_FROM,
	});
	await blank.close();
	if (isUpdating) store(file, Buffer.from(png, "base64"));
	else if (differing > TOLERATED) return `${name}: ${(100 * differing).toFixed(1)} % of the pixels differ from tests/e2e/looks/${file}`;
	return null;
}
